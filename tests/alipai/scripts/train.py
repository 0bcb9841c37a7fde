"""Train with an Estimator, as alipai's guide does: wait for the job, show its log."""

from connection import connected, give, given
from pai import image
from pai.estimator import Estimator
from pai.job import TrainingJob

asked = given()
session = connected(asked["ready"])
bucket = session.oss_bucket
estimator = Estimator(
    image_uri=image.retrieve("PyTorch", "latest").image_uri,
    command="python train.py $PAI_USER_ARGS",
    source_dir=asked["source_dir"],
    instance_type="ecs.c6.large",
    hyperparameters={"lr": 0.1, "epochs": 3},
    base_job_name="contract tests",
    output_path=asked["output_path"],
    checkpoints_path=asked["checkpoints_path"],
    environments={"STAGE": "contract"},
    max_run_time=600,
    labels={"suite": "alipai"},
    metric_definitions=[{"Name": "accuracy", "Regex": "accuracy=([0-9.]+)"}],
)
job = estimator.fit(inputs=asked["inputs"])
# A second look, with nothing that fit() may have left in memory.
known = TrainingJob.get(job.training_job_id)
give(
    asked,
    job_id=job.training_job_id,
    status=job.status,
    name=known.training_job_name,
    seconds=known.scheduler.max_running_time_in_seconds,
    hyperparameters={item.name: item.value for item in known.hyperparameters},
    labels=known.labels,
    outputs={channel.name: channel.output_uri for channel in known.outputs},
    reason=[known.reason_code, known.reason_message],
    url=known.training_job_url,
    model=estimator.model_data(),
    checkpoints=estimator.checkpoints_data(),
    tensorboard=estimator.tensorboard_data(),
    listed=[item.training_job_id for item in TrainingJob.list()],
    succeeded=[item.training_job_id for item in TrainingJob.list(status="Succeed")],
    failed=[item.training_job_id for item in TrainingJob.list(status="Failed")],
)
