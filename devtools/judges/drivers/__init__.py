"""Clients of others, each driven by a small program that runs in an environment of its own."""
