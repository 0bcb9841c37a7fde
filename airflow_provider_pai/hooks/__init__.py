"""From an Airflow connection to the objects below.

What belongs here: reading connections, and short methods that name what a DAG author wants done.
What does not: HTTP, what a job looks like on the wire, and loops, but that of ``train``: a whole job from a plain
function. Only hooks of local mode start local PAI.
"""
