"""Container images as values: what a tag or a row of the catalog says, and choosing one.

What belongs here: reading and comparing images. What does not: listing them (``client/images.py``).
"""
