"""The lists of machines and images have what alipai itself asks for: its code, its defaults and its documentation."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from airflow_provider_pai.local.catalogs.machines import is_known
from tests.alipai.conftest import Start

USES, CHIPS = ("training", "inference", "develop"), ("CPU", "GPU")


# Public pages and code name no image of these, so that any that local PAI had would be made up.
UNKNOWN = {
    *product(("DeepRec", "DeepSpeed", "Megatron-LM", "Nemo", "OneFlow", "Transformers"), USES, CHIPS),
    # ModelScope's images are for DSW and EAS, the others' for training and EAS; XGBoost's are for CPUs.
    *product(("PyTorch", "TensorFlow", "XGBoost"), ("develop",), CHIPS),
    *product(("ModelScope",), ("training",), CHIPS),
    *product(("XGBoost",), ("training", "inference"), ("GPU",)),
}


@pytest.fixture(scope="module")
def found(start: Start) -> dict[str, Any]:
    return start("catalogs").finished().found


def test_each_instance_type_that_alipai_names_is_there(found: dict[str, Any]) -> None:
    assert len(found["machines"]) >= 3, "the names are no longer found in alipai's code"
    assert [name for name in found["machines"] if not is_known(name)] == []


def test_each_framework_that_alipai_can_ask_for_has_an_image_unless_none_is_public(found: dict[str, Any]) -> None:
    missing = {asked for asked, uri in found["latest"].items() if not uri}
    assert missing == {" ".join(asked) for asked in UNKNOWN}
    assert len(found["latest"]) - len(missing) >= 14


def test_each_version_that_is_listed_can_be_asked_for(found: dict[str, Any]) -> None:
    assert found["lost"] == []


def test_the_example_of_its_documentation_works(found: dict[str, Any]) -> None:
    assert "tensorflow-training:2.3-" in found["example"]
