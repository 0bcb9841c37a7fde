"""A real Airflow whose processes are killed, whose tasks are marked and cleared, and whose cloud fails.

The names of the tests are the rows of README's table "What happens to my job when ...".
"""
