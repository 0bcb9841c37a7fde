"""Train with images of TensorFlow and Hugging Face, with requirements in the code's folder and in an experiment."""

from connection import connected, give, given
from pai import image
from pai.estimator import Estimator
from pai.experiment import Experiment
from pai.huggingface.estimator import HuggingFaceEstimator
from pai.huggingface.model import HuggingFaceModel
from pai.job import ExperimentConfig
from pai.modelscope.estimator import ModelScopeEstimator
from pai.modelscope.model import ModelScopeModel

asked = given()
session = connected(asked["ready"])
experiment = Experiment.create(artifact_uri=asked["artifacts"], name="alipai-frameworks")
tensorflow = Estimator(
    image_uri=image.retrieve("TensorFlow", "latest", accelerator_type="GPU").image_uri,
    command="python train.py && cat requirements.txt",
    source_dir=asked["source_dir"],
    instance_type="ecs.gn6i-c4g1.xlarge",
)
first = tensorflow.fit(wait=False)
huggingface = HuggingFaceEstimator(
    command="python train.py > $PAI_OUTPUT_MODEL/found.txt",
    source_dir=asked["source_dir"],
    transformers_version="latest",
    instance_type="ecs.gn6i-c4g1.xlarge",
    experiment_config=ExperimentConfig(experiment_id=experiment.experiment_id),
)
second = huggingface.fit(wait=False)
first.wait()
second.wait()
modelscope = ModelScopeEstimator(command="true", modelscope_version="latest", instance_type="ecs.gn6i-c4g1.xlarge")
give(
    asked,
    statuses=[first.status, second.status],
    model=huggingface.model_data(),
    images=[tensorflow.training_image_uri(), huggingface.training_image_uri(), modelscope.training_image_uri()],
    serving=[
        HuggingFaceModel(command="true", transformers_version="latest").serving_image_uri(),
        ModelScopeModel(command="true", modelscope_version="latest").serving_image_uri(),
    ],
)
experiment.delete()
