"""EAS, the control plane: what a service is to be, who may ask for it, what the API shows of it.

What belongs here: records, checks and routes of services and groups.
What does not: running services and passing requests on to them (``serving``).
"""
