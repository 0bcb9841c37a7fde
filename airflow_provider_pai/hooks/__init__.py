"""From an Airflow connection to calls.

What belongs here: reading connections and short methods that name what a DAG author wants done.
What does not: HTTP, waiting strategies, what a job looks like on the wire.
"""
