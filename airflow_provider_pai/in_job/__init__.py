"""Files that travel beside a job's source code and run there, in its own Python from 3.6 on.

What belongs here: programs that depend on the standard library only and on no other module of this package.
What does not: what reads their output on Airflow's side; that is :mod:`airflow_provider_pai.model.function`.
"""
