"""A deployment to EAS from its beginning to its end."""
