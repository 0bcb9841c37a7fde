"""The log of a job, read page by page: its instances, its tail, how far a task has read.

What belongs here: reading lines and showing them in a task's log. What does not: when to read (``polling``), numbers in
lines (``metrics``).
"""
