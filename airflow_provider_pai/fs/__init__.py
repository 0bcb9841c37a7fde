"""OSS as a file system: ``ObjectStoragePath("oss://connection@bucket/key")``.

What belongs here: fsspec's interface on the client's object storage. What does not: requests to OSS.
"""
