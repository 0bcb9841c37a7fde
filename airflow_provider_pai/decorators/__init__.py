"""Task decorators: a plain Python function becomes a job. Arguments are those of the operator behind each."""
