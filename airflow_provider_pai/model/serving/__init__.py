"""A service of EAS as a value: its spec, its JSON, its status, and what a deployment does next.

What belongs here: decisions about a service that need nothing but its data. What does not: asking EAS (``client``) and
acting on it (``lifecycle/serving``).
"""
