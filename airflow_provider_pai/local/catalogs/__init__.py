"""PAI's services beside training jobs: images, datasets, experiments, workspaces, quotas, instance types.

What belongs here: records and routes of each. What does not: jobs (``jobs``) and services (``eas``).
"""
