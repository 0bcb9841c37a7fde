"""Pages for people: jobs and services of this server in a browser.

What belongs here: HTML made on the server, without scripts and without any other host. What does not: changes; pages
only show.
"""
