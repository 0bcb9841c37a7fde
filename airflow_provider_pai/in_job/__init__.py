"""Files that travel beside a job's source code and run there, in its own Python from 3.6 on.

Each depends on the standard library only and on no other module of this package. What reads their output on Airflow's
side is not here, but in :mod:`airflow_provider_pai.model.function`.
"""
