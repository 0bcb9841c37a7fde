"""Waiting for jobs and services: one poller for all that wait in a process, intervals, outages, rate limits.

What belongs here: when PAI is asked and who is notified. What does not: how a call is sent (``transport``), what is
done at the end (``lifecycle``).
"""
