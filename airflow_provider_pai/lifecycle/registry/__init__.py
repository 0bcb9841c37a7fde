"""A model version from its registration to its approval, and from it to the data it was made of.

What belongs here: looking, registering, approving, and waiting for an approval. What does not: Airflow, and what a
version is (``model/registry``).
"""
