"""A deployed model's predictions, beside what the model itself says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import joblib
import requests

from airflow_provider_pai.api.services import describe_service
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.model.uri import OssUri

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from airflow_provider_pai.client.transport.config import ClientConfig

_TIMEOUT = 180.0


@dataclass(frozen=True)
class Prediction:
    """Probabilities, row by row.

    Attributes:
        answered: what the service says.
        expected: what the model says.
    """

    answered: Sequence[float]
    expected: Sequence[float]

    @property
    def is_right(self) -> bool:
        """Whether the service says what the model says."""
        return list(self.answered) == list(self.expected)

    def __str__(self) -> str:
        said = ", ".join(f"{each:.4f}" for each in self.answered)
        own = "the model itself says the same" if self.is_right else f"the model itself says {list(self.expected)}"
        return f"benign with probability {said}; {own}"


def predict(
    config: ClientConfig, service: Mapping[str, Any], rows: Sequence[Sequence[float]], folder: Path
) -> Prediction:
    """Ask a service of ``example_dags/breast_cancer/serve`` with a plain HTTP request, and its model.

    Args:
        config: where PAI and OSS answer.
        service: result of the task that has deployed it.
        rows: what to predict.
        folder: where the model is put.
    """
    token = PAIClient(config).send(describe_service(config.region_id, service["service_name"])).token
    answer = requests.post(service["endpoint"], json={"rows": rows}, headers={"Authorization": token}, timeout=_TIMEOUT)
    answer.raise_for_status()
    ObjectStorage(config).download(OssUri.parse(service["model_uri"]), folder)
    model = joblib.load(folder / "model.joblib")
    return Prediction(answer.json()["benign"], [float(each[1]) for each in model.predict_proba(rows)])
