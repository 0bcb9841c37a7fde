"""Test suites and clients of others, run against local PAI."""
