"""The only package that opens a socket to the cloud.

What belongs here: sending calls, objects in OSS, credentials, polling, logs. Its rooms build on each other in one
direction: ``polling > metrics > logs | images > oss > packaging | transport > credentials``.
What does not: Airflow, and what a request looks like (that is ``api``).
"""
