"""Airflow sensors: one look at a time, or one trigger.

What belongs here: what Airflow shows and calls. What does not: how a service is asked (``client``). At DAG parse they
load neither HTTP nor OSS libraries nor the client.
"""
