"""Running training jobs on this machine: queue, preparation, sandbox, processes.

What belongs here: everything between a created job and its end. It is the only writer of job state.
What does not: what a request may ask for, and how a job is shown (``jobs``).
"""
