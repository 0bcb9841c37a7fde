"""What a person wants to know of a training job: why it waits, how far it is, what went wrong, whether it is better.

What belongs here: from what was read of a job to what a page shows. What does not: reading it (``lifecycle``), HTML.
"""
