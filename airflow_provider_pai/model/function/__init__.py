"""A Python function as a job: what it may use, the files it travels as, and the report that comes back.

Pure: functions are looked at, never called. What runs in the job is in :mod:`airflow_provider_pai.in_job`.
"""
