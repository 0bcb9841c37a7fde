from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.registry.inference import (
    deployment_arguments,
    inference_spec,
    is_service_json,
    with_registered,
)
from airflow_provider_pai.model.registry.version import ModelVersion
from airflow_provider_pai.model.serving.request import service_body
from airflow_provider_pai.model.serving.spec import MODEL_MOUNT_PATH, ServiceSpec
from airflow_provider_pai.model.serving.validation import read_service

TEXT = st.text("abcXYZ_0 -", min_size=1, max_size=8)
CONTAINERS = st.fixed_dictionaries(
    {"image_uri": TEXT, "command": TEXT, "port": st.integers(1024, 60000)},
    optional={
        "environments": st.dictionaries(st.from_regex("[A-Z]{1,5}", fullmatch=True), TEXT, min_size=1, max_size=2),
        "requirements": st.lists(st.just("numpy==2.0"), min_size=1, max_size=1),
        "instance_type": st.just("ecs.c6.large"),
        "source_dir": st.just("oss://bucket/code/"),
        "instance_count": st.integers(1, 5),
        "model_mount_path": st.sampled_from(["/models/", "/eas/workspace/model/"]),
    },
)


@given(CONTAINERS)
def test_a_deployment_of_an_inference_spec_is_the_deployment_it_was_made_of(arguments: dict[str, object]) -> None:
    model = {"service_name": "svc", "model_uri": "oss://bucket/m/"}
    spec, _ = read_service({**model, **arguments})
    registered = inference_spec(spec, spec.source_dir, "oss://bucket/registered/")
    again, _ = read_service({**model, **deployment_arguments(registered)})
    assert service_body(again, "1", again.source_dir) == service_body(spec, "1", spec.source_dir)
    # As it is, it serves the version's own model: alipai deploys it so.
    whole = service_body(replace(spec, model_uri="oss://bucket/registered/"), "1", spec.source_dir)
    assert registered["storage"] == whole["storage"]


def test_a_processor_keeps_the_address_of_the_versions_model() -> None:
    spec = ServiceSpec("x", processor="xgboost", instance_type="ecs.c6.large")
    registered = inference_spec(spec, model_uri="oss://bucket/m/")
    assert (registered["processor"], registered["model_path"]) == ("xgboost", "oss://bucket/m/")
    assert deployment_arguments(registered) == {
        "processor": "xgboost",
        "instance_type": "ecs.c6.large",
        "instance_count": 1,
    }


def test_what_has_no_argument_of_its_own_stays_in_extra_config() -> None:
    found = deployment_arguments(
        {
            "processor": "xgboost",
            "metadata": {"instance": 2, "rpc": {"batching": True}, "workspace_id": "9"},
            "cloud": {"computing": {"instance_type": "ecs.c6.large"}, "networking": {"vpc_id": "v"}},
            "features": {"eas.aliyun.com/x": "y"},
        }
    )
    assert found == {
        "processor": "xgboost",
        "instance_count": 2,
        "instance_type": "ecs.c6.large",
        "extra_config": {
            "metadata": {"rpc": {"batching": True}},
            "cloud": {"networking": {"vpc_id": "v"}},
            "features": {"eas.aliyun.com/x": "y"},
        },
    }


def test_service_json_is_recognised_by_containers_or_metadata() -> None:
    assert not is_service_json({"image_uri": "x", "command": "y"})
    assert not is_service_json({"processor": "xgboost", "instance_type": "z"})
    assert is_service_json({"containers": []})
    assert is_service_json({"metadata": {}, "processor": "x"})


def test_what_the_author_gives_wins_over_the_version() -> None:
    spec = inference_spec(ServiceSpec("x", image_uri="old", command="c", instance_type="ecs.c6.large"))
    version = ModelVersion(
        "0.2.0", "oss://bucket.host/m/", "Approved", inference_spec=spec, source_id="id=j,kind=TrainingJob"
    )
    given_by_author = {
        "service_name": "svc",
        "model_uri": None,
        "image_uri": "new",
        "model_mount_path": MODEL_MOUNT_PATH,
        "instance_count": 1,
    }
    arguments, labels = with_registered(given_by_author, "churn, eu", version)
    assert (arguments["image_uri"], arguments["command"]) == ("new", "c")
    assert arguments["model_uri"] == "oss://bucket.host/m/"
    assert labels == {"airflow.model": "churn- eu", "airflow.model_version": "0.2.0", "airflow.job_id": "j"}
    with pytest.raises(SpecError, match="model and model_uri are both given"):
        with_registered({**given_by_author, "model_uri": "oss://bucket/x/"}, "churn", version)
