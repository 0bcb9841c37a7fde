"""Registered models, their versions and approval; which version is a job's; where a model comes from.

What belongs here: model versions as values. What does not: what a service or a job is (``model/serving``,
``model/training``), requests and answers (``api``).
"""
