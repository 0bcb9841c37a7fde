"""A training job from submission to its end."""
