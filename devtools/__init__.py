"""What developers run and the package never ships: real services started, watched and ended by Python.

What belongs here: a real Airflow on this machine and its REST client, starting and ending processes, the
demonstration behind ``make demo``. What does not: anything the provider needs at run time (that is
``airflow_provider_pai``), assertions (those are ``tests``) and measurements (those are ``benchmarks``).

Nothing here imports Airflow: it is started as processes and spoken to over HTTP, as a user would.
"""
