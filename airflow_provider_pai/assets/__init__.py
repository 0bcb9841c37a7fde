"""Airflow's assets: addresses in OSS, and models that other DAGs wait for.

What belongs here: what Airflow asks about the scheme ``oss``, and what the event of a model says.
What does not: reading and writing what an asset stands for.
"""
