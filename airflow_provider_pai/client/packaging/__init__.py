"""Local files as they are packed and named before they are sent: walking, ignoring, archives, requirements.

What belongs here: reading files of this machine. What does not: sending them (``oss``); nothing here opens a socket.
"""
