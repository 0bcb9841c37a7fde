"""Stopping a job: whose stop it is stands on the job."""

from __future__ import annotations

import json
import logging
from typing import Any

from airflow_provider_pai.api.call import Call, T, decode_answer
from airflow_provider_pai.lifecycle.training.jobs import TrainingJobs


class LabelledJob:
    """Takes labels and a stop."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}
        self.actions: list[str] = []

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:
        self.actions.append(call.action)
        body: Any = call.body or {}
        self.labels |= {label["Key"]: label["Value"] for label in body.get("Labels", ())}
        return decode_answer(call, 200, {}, json.dumps({"RequestId": "ID"}).encode())


def stopped(**arguments: str) -> LabelledJob:
    job = LabelledJob()
    TrainingJobs(job, "12345", logging.getLogger(__name__)).stop("train1", **arguments)
    assert job.actions == ["UpdateTrainingJobLabels", "StopTrainingJob"]
    return job


def test_a_stop_of_airflows_keeps_other_attempts_from_adopting_the_job() -> None:
    assert stopped().labels == {"airflow.stopping": "true"}


def test_a_stop_of_a_person_names_them_as_far_as_a_label_can() -> None:
    assert stopped(by="li=wei,x").labels == {"airflow.stopped_by": "li-wei-x"}
