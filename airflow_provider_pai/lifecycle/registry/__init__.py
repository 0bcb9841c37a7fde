"""A model version from its registration to its approval, and the way back from it to its data. No Airflow."""
