"""Watchers of PAI in a real Airflow whose triggerer is killed; `make test-loops` runs them on Airflow 3.4, too."""
