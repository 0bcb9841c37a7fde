"""A training job as a value: its spec, its request, its status, who owns it, why it failed.

What belongs here: decisions about a job that need nothing but its data. What does not: asking PAI (``client``) and
acting on it (``lifecycle/training``).
"""
