"""PAI's services beside training jobs: images, datasets, experiments, workspaces, quotas, instance types."""
