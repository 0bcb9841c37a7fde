"""How requests come in and answers go out: ports, signatures, faults, the shape of responses.

What belongs here: what is the same for every service. What does not: what a service does.
"""
