"""The gate: whether a model is good enough, by its metrics and those of others.

What belongs here: conditions, how they are read, and the verdict with its reasons. What does not: where metrics come
from (``client/metrics``).
"""
