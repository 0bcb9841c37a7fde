"""PAI on this machine.

What belongs here: a server for PAI's wire protocol that really trains, and the OSS it stores objects in.
What does not: anything the cloud path needs; operators, triggers and hooks never import this package.
"""
