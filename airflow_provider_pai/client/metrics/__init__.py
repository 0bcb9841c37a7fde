"""The metrics of a job at its end: PAI's own, else from its log, else from a file beside its model.

What belongs here: finding the last value of each metric, and saying which has none and why. What does not: judging
them (``model/gate``).
"""
