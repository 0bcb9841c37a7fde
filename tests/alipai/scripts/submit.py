"""Submit one job, made of the arguments the test gave, and wait for it."""

from connection import connected, give, given
from pai.estimator import Estimator

asked = given()
connected(asked["ready"])
estimator = Estimator(**asked["estimator"])
job = estimator.fit(inputs=asked["inputs"], wait=False)
job.wait(interval=1, show_logs=False)
give(asked, job_id=job.training_job_id, status=job.status, model=job.output_path())
