"""Airflow sensors. At DAG parse they load neither HTTP nor OSS libraries nor the client."""
