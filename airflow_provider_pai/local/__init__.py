"""PAI on this machine.

What belongs here: a server for PAI's wire protocol that really trains and serves, and the OSS it stores objects in. It
imports a fixed list of modules from ``model``, ``api`` and ``errors``, so that it could be a distribution of its own.
What does not: anything the cloud path needs. Only ``hooks/local_mode.py`` and ``hooks/local_places.py`` import it.
"""
