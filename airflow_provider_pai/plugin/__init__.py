"""The Training tab on the pages of task instances (Airflow 3.1 and newer): an app of its own inside the API server.

What belongs here: who may see what, the task behind a page, one look at a job for all its viewers, the page itself.
What does not: what is said of a job (``model/monitor``), how it is read (``lifecycle``).
"""
