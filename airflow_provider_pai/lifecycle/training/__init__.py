"""A training job from submission to its end: prepare, submit or adopt, stop, explain a failure.

What belongs here: what costs money, with the looks before and after it. What does not: waiting (``client/polling``).
"""
