"""Everything alipai asks about the place it is in: images, the workspace's storage, machines, who it is."""

from connection import connected, give, given
from pai import image

asked = given()
session = connected(asked["ready"])


def described(found: image.ImageInfo) -> list:
    return [found.framework_name, found.framework_version, found.accelerator_type, found.python_version]


def refusal(*query: str) -> str:
    try:
        image.retrieve(*query)
    except RuntimeError as error:
        return str(error)
    return ""


give(
    asked,
    bucket=session.oss_bucket.bucket_name,
    workspace=session.workspace_name,
    account=session.provider,
    objects=[item.key for item in session.oss_bucket.list_objects_v2(prefix=asked["prefix"]).object_list],
    latest=described(image.retrieve("PyTorch", "latest")),
    latest_gpu=described(image.retrieve("TensorFlow", "latest", accelerator_type="GPU")),
    exact=described(image.retrieve("PyTorch", "1.12", accelerator_type="GPU")),
    missing=refusal("PyTorch", "99.0"),
    training=[described(found) for found in image.list_images("TensorFlow")],
    inference=[found.image_uri for found in image.list_images("PyTorch", image_scope="inference")],
    everything=len(image.list_images("")),
    cpu=session.is_gpu_training_instance("ecs.c6.large"),
    gpu=session.is_gpu_training_instance("ecs.gn6i-c4g1.xlarge"),
    unknown=session.is_supported_training_instance("ecs.unknown"),
)
