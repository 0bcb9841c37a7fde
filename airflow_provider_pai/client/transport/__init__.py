"""How a call reaches PAI and its answer comes back: sessions, signing, retries, lists of many pages.

What belongs here: what every operation needs. What does not: which operations there are (``api``), waiting for a job
or a service (``polling``).
"""
