"""A Python function as a job: what it may use, the files it travels as, and the report that comes back.

What belongs here: looking at functions, never calling them. What does not: what runs in the job
(:mod:`airflow_provider_pai.in_job`).
"""
