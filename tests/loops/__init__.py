"""Task loops, which Airflow has from 3.4 on: `make test-loops` runs these in an environment of its own."""
