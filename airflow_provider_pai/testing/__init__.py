"""Test your own DAGs against local PAI: a pytest plugin with the fixture ``local_pai``.

What belongs here: what tests of other projects use. pytest loads :mod:`airflow_provider_pai.testing.plugin` by itself
once the package is installed, so that module imports nothing heavy. What does not: the support of our own
tests (``tests/support``).
"""
