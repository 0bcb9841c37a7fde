"""Serving: what is done to a service, from the first look at it to its answer or its rollback.

What belongs here: deployments, traffic shifts, rollbacks, and the calls they make. What does not: decisions (those are
``model/serving``), waiting in Airflow, XCom.
"""
