"""Training jobs as they are kept, checked and shown.

What belongs here: records, logs, the status table, the routes of the job operations.
What does not: running them (``running``), which only implements what the routes need.
"""
