"""How the cloud is spoken to: each operation one value.

What belongs here: descriptions of requests, readers of answers that refuse incomplete ones, signatures; all pure.
What does not: sockets, retries, Airflow.
"""
