"""What is done to a job, a model version and a service, from its beginning to its end.

What belongs here: the steps, in order, over small objects that send calls. What does not: Airflow (context, XCom,
deferral, connections), and decisions that need no call (``model``). The rooms don't import each other.
"""
