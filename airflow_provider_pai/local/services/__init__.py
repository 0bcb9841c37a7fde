"""PAI's services beside training jobs: image catalog, workspaces, instance types."""
