"""Airflow operators: arguments, context, XCom and deferral.

What belongs here: what Airflow shows and calls. What does not: the work itself (``lifecycle``). At DAG parse they load
neither HTTP nor OSS libraries nor the client.
"""
