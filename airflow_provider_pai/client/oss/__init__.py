"""Objects in OSS: reading, writing in parts, uploading what was packed.

What belongs here: the one place that knows the library ``oss2`` and its errors. What does not: what a package of source
code or an input looks like (``packaging``), what a file holds (``metrics``).
"""
