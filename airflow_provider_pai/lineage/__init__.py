"""What OpenLineage learns of jobs, registered models and services.

What belongs here: from an operator's facts to OpenLineage's own classes, loaded only where its provider asks.
What does not: deciding anything.
"""
