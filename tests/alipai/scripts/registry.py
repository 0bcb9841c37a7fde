"""Register a model as alipai's guide does, list it, deploy it by name and version, and what another has registered."""

import time

from connection import connected, give, given
from pai import image
from pai.model import Model, OssStorageConfig, RegisteredModel, container_serving_spec

PATIENCE = 180
asked = given()
session = connected(asked["ready"])
NAME = "alipai_churn"

spec = container_serving_spec(
    command="python app.py",
    source_dir=asked["source_dir"],
    image_uri=image.retrieve("PyTorch", "latest", image_scope="inference").image_uri,
    port=8000,
    environment_variables={"STAGE": "registered"},
    # A registered model is deployed as its inference spec says: alipai adds no model of its own.
    storage_configs=[OssStorageConfig(mount_path="/eas/workspace/model/", oss_path=asked["model"])],
)


def answer(model: RegisteredModel, service_name: str) -> dict:
    predictor = model.deploy(service_name=service_name, instance_type="ecs.c6.large")
    found = predictor.predict({"x": [1, 2]})
    predictor.delete_service()
    deadline = time.monotonic() + PATIENCE
    while service_name in [each["ServiceName"] for each in session.service_api.list().items]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def register(**members) -> RegisteredModel:
    model = Model(model_data=asked["model"], inference_spec=spec)
    return model.register(model_name=NAME, metrics={"accuracy": 0.9}, **members)


first = register(version_labels={"team": "a"}, model_description="who leaves", approval_status="Approved")
second = register(version="1.2.0", version_description="better")
listed = [(each.model_name, each.model_version) for each in RegisteredModel.list(model_name=NAME)]
versions = [each.model_version for each in first.list_versions()]
latest = RegisteredModel(NAME)
named = RegisteredModel(NAME, first.model_version)
own = answer(named, "alipai_registered")
ours = RegisteredModel(asked["ours"])
other = answer(ours, "alipai_ours")
gone = register(version="2.0.0")
gone.delete()
after = [each.model_version for each in first.list_versions()]
doomed = Model(model_data=asked["model"], inference_spec=spec).register(model_name="alipai_doomed")
doomed.delete(delete_all_version=True)
left = [each.model_name for each in RegisteredModel.list()]
give(
    asked,
    registered=[(each.model_name, each.model_version) for each in (first, second)],
    listed=listed,
    versions=versions,
    after=after,
    latest=latest.model_version,
    labels=named.version_labels,
    same=named == first,
    own=own,
    other=other,
    ours={"uri": ours.uri, "labels": ours.version_labels, "source_id": ours.source_id, "source": ours.source_type},
    left=left,
)
