"""Look for an image of each framework that alipai knows, of each use and accelerator; and name its instance types."""

import re
from itertools import product
from pathlib import Path

import pai
from connection import connected, give, given
from pai import image

asked = given()
connected(asked["ready"])
USES = [image.ImageScope.TRAINING, image.ImageScope.INFERENCE, image.ImageScope.DEVELOP]


def found(framework, version, use, accelerator):
    try:
        return image.retrieve(framework, version, accelerator_type=accelerator, image_scope=use).image_uri
    except RuntimeError:
        return ""
    except TypeError:
        # Of an image that names no version, as some of the cloud do, alipai can't tell how new it is.
        return "without version"


latest = {
    f"{framework} {use} {accelerator}": found(framework, "latest", use, accelerator)
    for framework, use, accelerator in product(image.SUPPORTED_IMAGE_FRAMEWORKS, USES, ("CPU", "GPU"))
}
# Each version that a list shows can be asked for by its number, too.
lost = [
    f"{framework} {info.framework_version} {use} {info.accelerator_type}"
    for framework, use in product(image.SUPPORTED_IMAGE_FRAMEWORKS, USES)
    for info in image.list_images(framework, image_scope=use)
    if info.framework_name.lower() == framework.lower()
    and info.framework_version
    and not found(framework, info.framework_version, use, info.accelerator_type)
]
texts = [path.read_text() for path in Path(pai.__file__).parent.rglob("*.py")]
machines = sorted({name for text in texts for name in re.findall(r"\becs\.[a-z0-9-]+\.[a-z0-9]+\b", text)})
example = found("TensorFlow", "2.3", image.ImageScope.TRAINING, "CPU")
give(asked, latest=latest, lost=lost, machines=machines, example=example)
