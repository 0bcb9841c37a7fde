"""``pai-local verify``: silent on local PAI itself, and naming each inferred behaviour that an endpoint lacks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.api.endpoints import EAS, PAI_STUDIO, Service
from airflow_provider_pai.local.__main__ import main
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.local.verify.command import TooExpensive, verify
from airflow_provider_pai.local.verify.endpoint import Target
from airflow_provider_pai.local.verify.ledger import JOBS
from airflow_provider_pai.local.verify.object_probes import OBJECT_PROBES
from airflow_provider_pai.local.verify.paid_jobs import PaidOptions
from airflow_provider_pai.local.verify.prober import PREFIX, Probe
from airflow_provider_pai.local.verify.probes import PROBES
from airflow_provider_pai.local.verify.requests import Endpoint, ObjectAnswer, ObjectCall, ProbeAnswer, ProbeCall
from airflow_provider_pai.local.verify.service_probes import SERVICE_PROBES
from airflow_provider_pai.local.verify.signature_probes import SIGNATURE_PROBES
from airflow_provider_pai.local.verify.training_probes import TRAINING_PROBES
from airflow_provider_pai.local.verify.workspace_probes import WORKSPACE_PROBES
from tests.support import flips, paid_flips
from tests.support.every_member import EveryMember
from tests.support.flipped_endpoint import Flipped
from tests.support.settled_services import SettledServices
from tests.support.waits import LONGER, PATIENCE

GROUPS = (TRAINING_PROBES, WORKSPACE_PROBES, SERVICE_PROBES, SIGNATURE_PROBES, OBJECT_PROBES)
FREE = sorted({**flips.FLIPS, **flips.OBJECT_FLIPS})
PAID = sorted({**paid_flips.FLIPS, **paid_flips.OBJECT_FLIPS})
JOBS_OF = PaidOptions("pytorch:1", "ecs.c6.large", price_per_hour=1, max_cost=1, limit_s=2, polling_s=0.05)
CANARY = "canaryQ7"


def patience(seconds: float) -> None:
    """Wait as long as an answer's whole second needs to be another one, and no longer."""
    time.sleep(min(seconds, 1.1))


@pytest.fixture(scope="module")
def pai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPAI]:
    """A server with something of everything: jobs with metrics, jobs that wait for their quota, a service."""
    runtimes: list[SettledServices] = []

    def settled(store: Any) -> SettledServices:
        runtimes.append(SettledServices(store, lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"))
        return runtimes[-1]

    with LocalPAI(tmp_path_factory.mktemp("pai"), sandbox=Mode.PLAIN, slots=8, service_runtime=settled) as server:
        asked = EveryMember(server, runtimes[-1])
        target = Target.of(server.ready.airflow_conn_uri)
        _run_jobs(target, tmp_path_factory.mktemp("jobs") / "seen")
        for _ in range(2):
            _update_service(target)
        yield server
        asked.client.close()


def _run_jobs(target: Target, seen: Path) -> None:
    # A line has the second in which it is read: the second one is printed when the first has been.
    printing = f"echo loss=0.5 accuracy=0.5; until [ -e {seen} ]; do sleep 0.05; done; echo loss=0.4"
    metrics = [{"Name": name, "Regex": f"{name}=([0-9.]+)"} for name in ("loss", "accuracy")]
    algorithm = {"Image": "pytorch:1", "JobType": "PyTorchJob", "MetricDefinitions": metrics}
    machine = {"EcsSpec": "ecs.c6.large", "EcsCount": 1}
    quota = {"ResourceId": "quotalocalpai01", "InstanceCount": 1, "InstanceSpec": {"CPU": "40", "Memory": "8"}}
    made = []
    for number, (command, compute) in enumerate(
        [*[("true", machine)] * 10, (printing, machine), ("sleep 600", quota), ("true", quota)]
    ):
        body = {
            "WorkspaceId": target.workspace_id,
            "TrainingJobName": f"job-{number}",
            "AlgorithmSpec": {**algorithm, "Command": ["sh", "-c", command]},
            "ComputeResource": compute,
            "Environments": {CANARY: CANARY},
        }
        made.append(
            target.send(ProbeCall(PAI_STUDIO, "CreateTrainingJob", JOBS, "POST", body=body)).body["TrainingJobId"]
        )
    deadline = time.monotonic() + PATIENCE
    metrics_of = ProbeCall(PAI_STUDIO, "ListTrainingJobMetrics", f"{JOBS}/{made[10]}/metrics")
    while not target.send(metrics_of).rows("Metrics"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(1.1)
    seen.touch()
    while (
        any(status_of(target, job_id) != "Succeed" for job_id in made[:11]) or status_of(target, made[11]) != "Running"
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _update_service(target: Target) -> None:
    service = target.send(ProbeCall(EAS, "ListServices", "/api/v2/services")).rows("Services")[0]
    config = json.loads(service["ServiceConfig"])
    config["metadata"]["instance"] = config["metadata"]["instance"] % 2 + 1
    path = f"/api/v2/services/{target.region_id}/{service['ServiceName']}"
    assert target.send(ProbeCall(EAS, "UpdateService", path, "PUT", body=config)).is_done
    time.sleep(1.1)


def status_of(target: Target, job_id: str) -> str:
    return str(target.send(ProbeCall(PAI_STUDIO, "GetTrainingJob", f"{JOBS}/{job_id}")).body["Status"])


@pytest.fixture
def target(pai: LocalPAI) -> Target:
    return Target.of(pai.ready.airflow_conn_uri)


def left_over(target: Target) -> list[str]:
    """Return the names of what probes made and have not deleted."""
    lists = (
        (PAI_STUDIO, "ListTrainingJobs", JOBS, "TrainingJobs", "TrainingJobName"),
        *((_workspace(), f"List{noun}", f"/api/v1/{path}", rows, name) for noun, path, rows, name in _KINDS),
    )
    found = []
    for service, action, path, rows, name in lists:
        answer = target.send(ProbeCall(service, action, path))
        assert answer.is_done, action
        found += [str(row[name]) for row in answer.rows(rows)]
    buckets = target.send_object(ObjectCall("GET", "")).content.decode()
    return [name for name in found if name.startswith(PREFIX)] + [PREFIX] * buckets.count(f"<Name>{PREFIX}")


_KINDS = (
    ("Experiment", "experiments", "Experiments", "Name"),
    ("Datasets", "datasets", "Datasets", "Name"),
    ("Models", "models", "Models", "ModelName"),
    ("Images", "images", "Images", "Name"),
)


def _workspace() -> Service:
    from airflow_provider_pai.api.endpoints import AI_WORKSPACE

    return AI_WORKSPACE


def verdicts(found: list[dict[str, Any]]) -> dict[str, str]:
    return {each["probe"]: each["verdict"] for each in found}


def test_every_inferred_behaviour_is_true_of_local_pai_and_nothing_is_left(target: Target) -> None:
    said: list[str] = []
    found = verify(target, said.append, sleep=patience)
    assert verdicts(found) == {probe.key: "true" for probe in PROBES}
    assert "Estimated cost: none" in said[0]
    assert not left_over(target)


def test_what_needs_a_job_is_true_of_local_pai_too_and_no_job_is_left(target: Target) -> None:
    said: list[str] = []
    found = verify(target, said.append, probes=(), paid=JOBS_OF, sleep=patience)
    assert verdicts(found) == dict.fromkeys(PAID, "true")
    assert "Estimated cost: at most 0.83" in said[0]
    assert not left_over(target)


def test_each_probe_has_a_second_server_that_it_must_name() -> None:
    assert [probe.key for probe in sorted(PROBES, key=lambda probe: probe.key)] == FREE


@pytest.mark.parametrize("key", FREE)
def test_a_flipped_behaviour_is_named_and_no_other_one(target: Target, key: str) -> None:
    second = Flipped(target, flips.FLIPS.get(key), flips.OBJECT_FLIPS.get(key))
    beside = next(group for group in GROUPS if key in {probe.key for probe in group})
    found = verify(target, lambda _: None, sender=second, probes=beside, sleep=lambda _: None)
    assert {name for name, verdict in verdicts(found).items() if verdict == "false"} == {key}
    assert not left_over(target)


@pytest.mark.parametrize("key", PAID)
def test_a_flipped_behaviour_of_jobs_is_named(target: Target, key: str) -> None:
    second = Flipped(target, paid_flips.FLIPS.get(key), paid_flips.OBJECT_FLIPS.get(key))
    only = [key, *(("jobs.delete.active",) if key == "reasons.limit" else ())]
    found = verify(target, lambda _: None, sender=second, probes=(), paid=JOBS_OF, only=only, sleep=patience)
    assert {name for name, verdict in verdicts(found).items() if verdict == "false"} == {key}
    assert not left_over(target)


class Interrupted:
    """Breaks off at the n-th request that makes something: before it is answered, so that no id is known."""

    def __init__(self, server: Endpoint, number: int, error: Callable[[], BaseException]) -> None:
        self.server = server
        self._left = number
        self._error = error

    def send(self, ask: ProbeCall) -> ProbeAnswer:
        answer = self.server.send(ask)
        if ask.action.startswith(("Create", "Add")) and answer.is_done:
            self._left -= 1
            if self._left == 0:
                raise self._error()
        return answer

    def send_object(self, ask: ObjectCall) -> ObjectAnswer:
        return self.server.send_object(ask)


@pytest.mark.parametrize("number", [1, 2, 5, 9])
def test_what_was_made_without_an_answer_is_found_and_deleted(target: Target, number: int) -> None:
    lost = Interrupted(target, number, lambda: ConnectionResetError("canary"))
    verify(target, lambda _: None, sender=lost, probes=WORKSPACE_PROBES, sleep=lambda _: None)
    assert not left_over(target)


@pytest.mark.parametrize("number", [1, 4, 8])
def test_what_it_made_is_deleted_when_it_is_interrupted(target: Target, number: int) -> None:
    interrupted = Interrupted(target, number, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        verify(target, lambda _: None, sender=interrupted, probes=WORKSPACE_PROBES, sleep=lambda _: None)
    assert not left_over(target)


def test_a_job_from_an_unanswered_create_is_stopped_and_deleted(target: Target) -> None:
    lost = Interrupted(target, 1, ConnectionResetError)
    verify(target, lambda _: None, sender=lost, probes=(), paid=JOBS_OF, only=["reasons.limit"], sleep=patience)
    assert not left_over(target)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_nothing_left_even_when_it_comes_twice(
    pai: LocalPAI, target: Target, number: int
) -> None:
    pai.faults.add(Fault("GetExperiment", FaultKind.SLOW, times=1, delay_s=LONGER))
    command = [sys.executable, "-m", "airflow_provider_pai.local", "verify", "--conn-uri", pai.ready.airflow_conn_uri]
    child = subprocess.Popen(
        [*command, "--probe", "experiments.logs"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while not left_over(target):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(child.pid, number)
        os.kill(child.pid, number)
        shown, _ = child.communicate(timeout=PATIENCE)
    finally:
        child.kill()
        pai.faults.clear()
    assert child.returncode == 130, shown
    assert "what was made is deleted" in shown
    assert not left_over(target)


def test_what_can_not_be_deleted_is_named(target: Target) -> None:
    class Refusing(Interrupted):
        def send(self, ask: ProbeCall) -> ProbeAnswer:
            return ProbeAnswer(403, {"Code": "NoPermission"}) if ask.method == "DELETE" else self.server.send(ask)

    said: list[str] = []
    refusing, probes = Refusing(target, 0, OSError), [probe for probe in PROBES if probe.key == "experiments.logs"]
    verify(target, said.append, sender=refusing, probes=probes, sleep=lambda _: None)
    (left,) = left_over(target)
    assert f"could not delete the experiment {left}; delete it by hand" in said
    (row,) = target.send(ProbeCall(_workspace(), "ListExperiment", "/api/v1/experiments", query={"Name": left})).rows(
        "Experiments"
    )
    target.send(ProbeCall(_workspace(), "DeleteExperiment", f"/api/v1/experiments/{row['ExperimentId']}", "DELETE"))


def test_nothing_is_sent_when_the_jobs_may_cost_too_much(target: Target) -> None:
    dear = PaidOptions("pytorch:1", "ecs.c6.large", price_per_hour=10, max_cost=8)
    with pytest.raises(TooExpensive, match=r"may cost 8\.33, which is more than --max-cost 8"):
        verify(target, lambda _: None, sender=Silent(), paid=dear)


class Silent:
    """Fails the test when anything is sent."""

    def send(self, ask: ProbeCall) -> ProbeAnswer:
        raise AssertionError(ask)

    def send_object(self, ask: ObjectCall) -> ObjectAnswer:
        raise AssertionError(ask)


class Broken:
    """Answers everything with the same body, of another form than any operation's."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def send(self, ask: ProbeCall) -> ProbeAnswer:
        return ProbeAnswer(200, self._body)

    def send_object(self, ask: ObjectCall) -> ObjectAnswer:
        return ObjectAnswer(200, {}, b"<html>")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"TrainingJobs": "x", "Services": 1, "TotalCount": []},
        {"TrainingJobs": [{}], "Quotas": [{"QuotaDetails": 1}]},
    ],
)
def test_answers_of_another_form_end_no_probe(target: Target, body: Any) -> None:
    found = verify(target, lambda _: None, sender=Broken(body), sleep=lambda _: None)
    assert len(found) == len(PROBES)


def test_neither_output_nor_report_shows_a_value(
    pai: LocalPAI, target: Target, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    assert main(["verify", "--conn-uri", pai.ready.airflow_conn_uri, "--report", str(report)]) == 0
    shown = capsys.readouterr().out + report.read_text()
    for canary in (pai.ready.access_key_id, pai.ready.access_key_secret, pai.ready.bucket, CANARY, "job-1"):
        assert canary not in shown
    assert len(json.loads(report.read_text())) == len(PROBES)
    assert not left_over(target)


def test_a_probe_that_is_asked_for_alone_is_tried_alone(target: Target) -> None:
    found = verify(target, lambda _: None, only=["jobs.sort"], sleep=lambda _: None)
    assert verdicts(found) == {"jobs.sort": "true"}
    assert isinstance(PROBES[0], Probe)
