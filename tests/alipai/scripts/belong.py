"""Train on a dataset, with a share of a quota, in an experiment; and look at what alipai makes of them."""

from connection import connected, give, given
from pai import image
from pai.estimator import Estimator
from pai.experiment import Experiment
from pai.job import ExperimentConfig, InstanceSpec
from pai.job._training_job import DatasetConfig

asked = given()
session = connected(asked["ready"])
dataset_id = session.dataset_api.create(
    uri=asked["data"], name="alipai-rows", data_source_type="OSS", labels={"suite": "alipai"}
)
experiment = Experiment.create(artifact_uri=asked["artifacts"], name="alipai-group")
estimator = Estimator(
    image_uri=image.retrieve("PyTorch", "latest").image_uri,
    command="cat $PAI_INPUT_ROWS/rows.csv; echo logs > $PAI_OUTPUT_TENSORBOARD/events",
    instance_spec=InstanceSpec(cpu="1", gpu="0", memory="2", shared_memory="1"),
    resource_id=asked["quota"],
    experiment_config=ExperimentConfig(experiment_id=experiment.experiment_id),
)
job = estimator.fit(inputs={"rows": DatasetConfig(dataset_id=dataset_id, name="rows")})
listed = session.dataset_api.list(name="alipai")
give(
    asked,
    job_id=job.training_job_id,
    status=job.status,
    tensorboard=experiment.tensorboard_data(),
    experiment=Experiment.get_by_name("alipai-group").experiment_id == experiment.experiment_id,
    renamed=experiment.update("alipai-other").name,
    names=[found.name for found in Experiment.list()],
    dataset=session.dataset_api.get(dataset_id),
    dataset_id=dataset_id,
    datasets=[item["DatasetId"] for item in listed.items],
)
experiment.delete()
session.dataset_api.delete(dataset_id)
