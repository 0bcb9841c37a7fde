"""Deploy a service with shared memory, as alipai's own deployment test does, and ask what it has there."""

from connection import connected, give, given
from pai import image
from pai.model import Model, SharedMemoryConfig, container_serving_spec

asked = given()
connected(asked["ready"])
spec = container_serving_spec(
    command="python app.py",
    source_dir=asked["source_dir"],
    image_uri=image.retrieve("TensorFlow", "latest", image_scope="inference").image_uri,
    port=8000,
    storage_configs=[SharedMemoryConfig(size_limit=1)],
)
predictor = Model(inference_spec=spec).deploy(service_name="alipai_memory", instance_type="ecs.c6.large")
give(asked, answer=predictor.raw_predict({}).json(), config=predictor.describe_service()["ServiceConfig"])
predictor.delete_service()
