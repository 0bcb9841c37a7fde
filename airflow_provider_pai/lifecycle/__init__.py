"""What is done to a job, a model version and a service from beginning to end. No Airflow."""
