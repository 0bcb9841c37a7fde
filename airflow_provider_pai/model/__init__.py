"""What a job is.

What belongs here: frozen dataclasses and pure functions on jobs, images, URIs and the container's view of a job.
What does not: Airflow, HTTP, files, clocks, the environment.
"""
