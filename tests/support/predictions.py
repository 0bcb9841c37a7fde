"""What the models and services of the examples answer to rows of their table."""

from __future__ import annotations

from pathlib import Path

import joblib
import requests

from airflow_provider_pai.api.services import describe_service
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.model.uri import OssUri
from tests.support.waits import PATIENCE

EXAMPLES = Path(__file__).resolve().parents[2] / "example_dags"


def predicted(config: ClientConfig, endpoint: str, rows: list[list[float]]) -> list[float]:
    """What a service answers to a plain client with its token."""
    name = endpoint.rsplit("/", 1)[1]
    token = PAIClient(config).send(describe_service(config.region_id, name)).token
    answer = requests.post(endpoint, json={"rows": rows}, headers={"Authorization": token}, timeout=PATIENCE)
    answer.raise_for_status()
    benign: list[float] = answer.json()["benign"]
    return benign


def own_answer(config: ClientConfig, model_uri: str, rows: list[list[float]], folder: Path) -> list[float]:
    """What the model itself says."""
    ObjectStorage(config).download(OssUri.parse(model_uri), folder)
    return [float(each[1]) for each in joblib.load(folder / "model.joblib").predict_proba(rows)]


def table_rows(count: int) -> list[list[float]]:
    lines = (EXAMPLES / "breast_cancer" / "data" / "wisconsin_breast_cancer.csv").read_text().splitlines()
    return [[float(value) for value in line.split(",")[:-1]] for line in lines[1 : count + 1]]
