"""Operations on experiments (AIWorkSpace 2021-02-04)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_pai.api.answer import present_text, required_text
from airflow_provider_pai.api.call import Call, segment
from airflow_provider_pai.api.endpoints import AI_WORKSPACE


@dataclass(frozen=True)
class Experiment:
    """An experiment that jobs belong to.

    Attributes:
        experiment_id: its id.
        name: its name.
        artifact_uri: OSS folder for what its jobs make; empty for none.
    """

    experiment_id: str
    name: str
    artifact_uri: str


def get_experiment(experiment_id: str) -> Call[Experiment]:
    """GetExperiment."""

    def read(body: Mapping[str, Any]) -> Experiment:
        return Experiment(experiment_id, required_text(body, "Name"), present_text(body, "ArtifactUri"))

    return Call(AI_WORKSPACE, "GetExperiment", "GET", f"/api/v1/experiments/{segment(experiment_id)}", read)
