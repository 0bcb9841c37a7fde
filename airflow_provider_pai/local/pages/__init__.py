"""Pages for people: jobs, services and registered models of this server in a browser.

What belongs here: HTML made on the server, without scripts and without any other host. What does not: changes, but for
one that only a person makes, with the server's token: to approve or reject a version of a model.
"""
