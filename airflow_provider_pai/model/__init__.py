"""What things are: jobs, services, model versions, images, URIs, and what a container sees of a job.

What belongs here: frozen dataclasses and pure functions, on the standard library alone.
What does not: Airflow, HTTP, files, clocks, the environment.
"""
