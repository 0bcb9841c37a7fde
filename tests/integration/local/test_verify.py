"""``pai-local verify``: silent on local PAI itself, and naming each inferred behaviour that an endpoint lacks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.api.endpoints import Service
from airflow_provider_pai.local.__main__ import main
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.local.verify.command import shape, verify
from airflow_provider_pai.local.verify.endpoint import ProbeAnswer, Target
from airflow_provider_pai.local.verify.probes import PROBES
from tests.support.every_member import EveryMember
from tests.support.settled_services import SettledServices

OK: Mapping[str, Any] = {"TotalCount": 999, "TrainingJobs": [], "ExperimentId": "exp-other"}


@pytest.fixture(scope="module")
def pai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPAI]:
    runtimes: list[SettledServices] = []

    def settled(store: Any) -> SettledServices:
        runtimes.append(SettledServices(store))
        return runtimes[-1]

    with LocalPAI(tmp_path_factory.mktemp("pai"), sandbox=Mode.PLAIN, slots=1, service_runtime=settled) as server:
        asked = EveryMember(server, runtimes[-1])
        for _ in range(10):
            asked.send("CreateTrainingJob", body=asked.body("CreateTrainingJob"))
        yield server
        asked.client.close()


@pytest.fixture
def target(pai: LocalPAI) -> Target:
    return Target.of(pai.ready.airflow_conn_uri)


def experiments(pai: LocalPAI, target: Target) -> int:
    from airflow_provider_pai.api.endpoints import AI_WORKSPACE

    listed = target.send(AI_WORKSPACE, "ListExperiment", "GET", "/api/v1/experiments", {}, None)
    return int(listed.body["TotalCount"])


def test_every_inferred_behaviour_is_true_of_local_pai_and_nothing_is_left(pai: LocalPAI, target: Target) -> None:
    before = experiments(pai, target)
    said: list[str] = []
    found = verify(target, said.append)
    assert {each["probe"]: each["verdict"] for each in found} == {probe.name: "true" for probe in PROBES}
    assert "Estimated cost: none" in said[0]
    assert experiments(pai, target) == before


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name.split(",")[0])
def test_each_behaviour_that_is_flipped_is_named(target: Target, probe: Any) -> None:
    """Another server: it answers each request of this probe with the opposite."""

    def flipped(
        service: Service, action: str, method: str, path: str, query: Mapping[str, str], body: Any, nonce: str = ""
    ) -> ProbeAnswer:
        answer = target.send(service, action, method, path, query, body, nonce)
        if answer.code:
            return ProbeAnswer(200, OK)
        if action == "ListTrainingJobs" and "TrainingJobName" in query:
            return ProbeAnswer(200, OK)
        if action == "ListTrainingJobs" and "PageSize" not in query:
            return ProbeAnswer(200, {**answer.body, "TrainingJobs": [*answer.body["TrainingJobs"]] * 2})
        if action == "ListImages" and "WorkspaceId" not in query:
            return ProbeAnswer(200, {**answer.body, "TotalCount": 0})
        if action == "ListExperiment":
            return ProbeAnswer(200, {**answer.body, "NextPageToken": "opaque"})
        if action == "GetExperiment":
            return ProbeAnswer(200, {**answer.body, "TensorboardLogUri": "oss://elsewhere/"})
        return answer

    (found,) = verify(target, lambda _: None, flipped, [probe])
    assert found["verdict"] == "false"


def test_what_it_made_is_deleted_when_it_is_interrupted(pai: LocalPAI, target: Target) -> None:
    before = experiments(pai, target)

    def interrupted(
        service: Service, action: str, method: str, path: str, query: Mapping[str, str], body: Any, nonce: str = ""
    ) -> ProbeAnswer:
        answer = target.send(service, action, method, path, query, body, nonce)
        if action == "CreateExperiment":
            raise_after.append(action)
        if action == "GetExperiment" and raise_after:
            raise KeyboardInterrupt
        return answer

    raise_after: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        verify(target, lambda _: None, interrupted, [probe for probe in PROBES if "TensorBoard" in probe.name])
    assert experiments(pai, target) == before


def test_neither_output_nor_report_shows_a_value(
    pai: LocalPAI, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    assert main(["verify", "--conn-uri", pai.ready.airflow_conn_uri, "--report", str(report)]) == 0
    shown = capsys.readouterr().out + report.read_text()
    for canary in (pai.ready.access_key_id, pai.ready.access_key_secret, pai.ready.bucket, "the one that runs"):
        assert canary not in shown
    assert len(json.loads(report.read_text())) == len(PROBES)


def test_a_connection_that_lacks_something_is_refused_without_being_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--conn-uri", "pai://canary:canary@/?region_id=x"]) == 1
    error = capsys.readouterr().err
    assert "the connection lacks workspace_id" in error
    assert "canary" not in error


@pytest.mark.parametrize(
    ("value", "expected"),
    [({"b": 1, "a": ["x", "y"]}, {"a": ["str"], "b": "int"}), ([], []), (None, "NoneType")],
)
def test_a_shape_has_names_and_types_only(value: Any, expected: Any) -> None:
    assert shape(value) == expected
