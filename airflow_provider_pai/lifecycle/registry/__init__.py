"""A model version from its registration to its approval, and the way back from it to its data.

What belongs here: looking, registering, approving, and waiting for an approval. What does not: Airflow, and what a
version is (``model/registry``).
"""
