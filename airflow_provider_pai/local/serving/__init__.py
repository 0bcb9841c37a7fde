"""EAS, the data plane: instances that really run, and the reverse proxy that their callers reach.

What belongs here: reconciling what runs with what is wanted. What does not: what may be wanted (``eas``).
"""
