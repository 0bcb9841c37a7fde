"""Who signs: from what a connection says to the key pair to use now.

What belongs here: descriptions of identities, the sources that hand out key pairs, the provider that refreshes them,
and one factory that knows every source. What does not: sending PAI's calls (``transport``), reading Airflow's
connections (``hooks``).
"""
