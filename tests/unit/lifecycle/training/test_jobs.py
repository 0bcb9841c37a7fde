"""A list by labels whose jobs show no labels says nothing of whose they are."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from airflow_provider_pai.api.call import Call, T, decode_answer
from airflow_provider_pai.errors import ProtocolError
from airflow_provider_pai.lifecycle.training.jobs import MOST_BARE_JOBS, TrainingJobs

LABELS = {"airflow.key": "abc"}


class Forgetful:
    """A PAI whose list leaves out the labels that it was asked by."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked: list[str] = []

    def send(self, call: Call[T], *, attempts: int | None = None) -> T:
        self.asked.append(call.action)
        body: dict[str, Any] = {"TrainingJobId": call.path.split("/")[-1], "Status": "Running"}
        if call.action == "ListTrainingJobs":
            jobs = [{**body, "TrainingJobId": f"train{number}"} for number in range(self.count)]
            body = {"TrainingJobs": jobs, "TotalCount": self.count}
        else:
            body["Labels"] = [{"Key": "airflow.key", "Value": "abc"}]
        return decode_answer(call, 200, {}, json.dumps(body).encode())


def jobs_of(pai: Forgetful) -> TrainingJobs:
    return TrainingJobs(pai, "1", logging.getLogger(__name__))


def test_a_job_that_was_listed_by_labels_and_shows_none_is_asked_for() -> None:
    pai = Forgetful(2)
    assert [job.labels for job in jobs_of(pai).list(LABELS)] == [LABELS, LABELS]
    assert pai.asked == ["ListTrainingJobs", "GetTrainingJob", "GetTrainingJob"]


def test_very_many_of_them_are_no_answer() -> None:
    with pytest.raises(ProtocolError, match="show none"):
        jobs_of(Forgetful(MOST_BARE_JOBS + 1)).list(LABELS)


def test_a_list_that_was_not_asked_for_by_labels_is_as_it_is() -> None:
    pai = Forgetful(50)
    assert len(jobs_of(pai).list({})) == 50
    assert pai.asked == ["ListTrainingJobs"]
