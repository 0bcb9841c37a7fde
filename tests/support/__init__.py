"""Doubles for what is not ours: an Airflow task instance."""
