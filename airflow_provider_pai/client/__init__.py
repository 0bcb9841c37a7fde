"""The only package that opens a socket to the cloud.

What belongs here: sending calls, objects in OSS, retries, the shared poller.
What does not: Airflow, and what a request looks like (that is ``api``).
"""
