"""How the cloud is spoken to.

What belongs here: descriptions of requests, readers of answers, signatures; all pure.
What does not: sockets, retries, Airflow.
"""
