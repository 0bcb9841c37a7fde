"""One job that fails and one that is stopped while it runs."""

import time

from connection import connected, give, given
from pai import image
from pai.estimator import Estimator
from pai.exception import UnexpectedStatusException
from pai.job import TrainingJob

PATIENCE = 180


def submitted(command: "str | list[str]") -> TrainingJob:
    estimator = Estimator(
        image_uri=image.retrieve("PyTorch", "latest").image_uri, command=command, instance_type="ecs.c6.large"
    )
    return estimator.fit(wait=False)


asked = given()
session = connected(asked["ready"])
failing = submitted("echo before the end; exit 3")
stopped = submitted(["sleep", "600"])

deadline = time.monotonic() + PATIENCE
while TrainingJob.get(stopped.training_job_id).status != "Running":
    assert time.monotonic() < deadline, "the job does not run"
    time.sleep(0.2)
# alipai's job has no stop of its own; the client it comes with does.
session.acs_client_container["pai"].stop_training_job(stopped.training_job_id)
stopped.wait(interval=1, show_logs=False)

raised = None
try:
    failing.wait(interval=1, show_logs=True)
except UnexpectedStatusException as error:
    raised = error.status

found = TrainingJob.get(failing.training_job_id), TrainingJob.get(stopped.training_job_id)
give(
    asked,
    raised=raised,
    statuses=[job.status for job in found],
    reasons=[[job.reason_code, job.reason_message] for job in found],
)
