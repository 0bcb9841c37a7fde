"""OSS on this machine: an object store on disk and the wire protocol that unmodified OSS clients speak.

What belongs here: storing objects, answering OSS requests, checking their signatures. The store is plain and
synchronous (the job runner uses it directly); the routes are the only part that knows HTTP.
What does not: PAI's job API, and anything that talks to the cloud.
"""
