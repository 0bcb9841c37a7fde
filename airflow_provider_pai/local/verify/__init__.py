"""What local PAI has inferred about PAI, tried against an endpoint: true, false or untested.

What belongs here: probes that cost nothing, and the report of shapes. What does not: jobs and services, which cost
money.
"""
