"""Deploy a model as alipai's guide does, ask it, look at it, change it, delete it."""

import time

from connection import connected, give, given
from eas_prediction import PredictClient, PredictException, StringRequest
from pai import image
from pai.model import Model, container_serving_spec
from pai.predictor import Predictor

PATIENCE = 180
NAME = "alipai_score"
asked = given()
session = connected(asked["ready"])


def spec(stage: str):
    return container_serving_spec(
        command="python app.py",
        source_dir=asked["source_dir"],
        image_uri=image.retrieve("PyTorch", "latest", image_scope="inference").image_uri,
        port=8000,
        environment_variables={"STAGE": stage},
    )


def until(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def answers(client: PredictClient) -> str:
    return client.predict(StringRequest('{"x": [1, 2]}')).response_data.decode()


def refusal(client: PredictClient) -> int:
    try:
        answers(client)
    except PredictException as error:
        return error.code
    return 200


def client(token: str) -> PredictClient:
    made = PredictClient(asked["ready"]["api"], NAME)
    made.set_token(token)
    made.init()
    return made


model = Model(model_data=asked["model"], inference_spec=spec("first"))
predictor = model.deploy(service_name=NAME, instance_type="ecs.c6.large", instance_count=2, labels={"suite": "alipai"})
first = predictor.predict({"x": [1, 2, 3]})
signed = answers(client(predictor.access_token))
wrong = refusal(client("wrong"))
found = Predictor(NAME).describe_service()
listed = [item["ServiceName"] for item in session.service_api.list(filter="alipai").items]
machines = {item["InstanceType"] for item in session.service_api.describe_machine()["InstanceMetas"]}
session.service_api.update(NAME, {"containers": spec("second").to_dict()["containers"]})
until(lambda: predictor.describe_service()["Status"] == "Running")
second = predictor.raw_predict({"x": [4]}).json()
predictor.switch_version(1)
until(lambda: predictor.describe_service()["Status"] == "Running")
back = predictor.predict({"x": [4]})
predictor.stop_service()
stopped = predictor.service_status
predictor.start_service()
started = predictor.predict({"x": [5]})
labels = predictor.labels
predictor.delete_service()
until(lambda: NAME not in [item["ServiceName"] for item in session.service_api.list().items])
give(
    asked,
    first=first,
    signed=signed,
    wrong=wrong,
    found=found,
    listed=listed,
    machines=sorted(machines),
    second=second,
    back=back,
    stopped=stopped,
    started=started,
    labels=labels,
)
