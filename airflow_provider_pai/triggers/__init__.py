"""What runs in the triggerer: one await on the shared poller, one event.

What belongs here: what survives a restart of the triggerer, and the event. What does not: stopping or finishing
anything; the worker does.
"""
