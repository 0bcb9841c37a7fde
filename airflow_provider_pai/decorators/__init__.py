"""Task decorators: a plain Python function becomes a job.

What belongs here: what makes an operator of a function. What does not: how a function travels (``model/function``) and
what runs it in the job (``in_job``).
"""
