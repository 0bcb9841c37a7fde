"""What becomes of services: crashes, stops, deletions, and restarts of the server."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from airflow_provider_pai.local.eas.record import Wanted
from airflow_provider_pai.local.running.sandbox import Mode
from tests.integration.local.serving.test_running_services import environment
from tests.support.serving import SERVER, Build, LocalServingHarness, unused_port
from tests.support.waits import LONGER, wait_until

FALLS_SICK = SERVER.replace(
    "self.send_response(200)",
    "Handler.sick = Handler.sick or 'sick' in self.path; self.send_response(503 if Handler.sick else 200)",
).replace("    def answer(self):", "    sick = False\n\n    def answer(self):")
"""Answers well until it is asked for ``/sick``."""
HEALTH = {"http_get": {"path": "/health", "port": 8000}, "period_seconds": 0.1, "timeout_seconds": LONGER}
"""Fails by what is answered, never because a busy machine is slow."""


def answering(harness: LocalServingHarness, text: str, **more: object) -> dict[str, object]:
    return harness.config(env=environment(ANSWER=text), **more)


def test_a_service_of_which_no_instance_answers_waits(build: Build) -> None:
    harness = build(backoff=3600.0)
    harness.create("svc", harness.config())
    harness.until("svc", "Running")
    assert harness.ask("svc", "/crash").status_code == 503
    wait_until(lambda: harness.keeper.instances("svc")[0].status == "CrashLoopBackOff")
    assert harness.ask("svc").text == "no healthy upstream"
    assert harness.until("svc", "Waiting").seen.running == 0


@pytest.mark.parametrize("instances", [1, 2])
def test_it_runs_again_as_soon_as_one_does(build: Build, instances: int) -> None:
    harness = build()
    harness.create("svc", harness.config(instances=instances))
    harness.until("svc", "Running")
    up = len(harness.store.states)
    while ("Waiting", 0) not in harness.store.states[up:]:
        # Each of them crashes, sooner than those are back that have.
        with suppress(requests.RequestException):
            harness.ask("svc", "/crash")
    down = harness.store.states.index(("Waiting", 0), up)
    wait_until(lambda: any(status == "Running" for status, _ in harness.store.states[down:]))
    wait_until(lambda: harness.service("svc").seen.running == instances)
    assert harness.ask("svc").status_code == 200


@pytest.mark.parametrize("mode", list(Mode))
def test_an_instance_that_crashes_is_started_again(build: Build, mode: Mode) -> None:
    harness = build(mode)
    harness.create("svc", harness.config())
    harness.until("svc", "Running")
    up = len(harness.store.states)
    assert harness.ask("svc", "/crash").status_code == 503
    wait_until(lambda: ("Waiting", 0) in harness.store.states[up:])
    wait_until(lambda: harness.service("svc").seen.status == "Running")
    assert harness.ask("svc").status_code == 200
    instance = harness.keeper.instances("svc")[0]
    assert (instance.restarts, instance.status, instance.ready) == (1, "Running", True)
    warnings = [event for event in harness.service("svc").events if event.type == "Warning"]
    assert [event.reason for event in warnings] == ["BackOff"]
    assert "exit code 7" in warnings[0].message
    assert warnings[0].instance == instance.name


def test_while_one_instance_is_down_the_other_answers(harness: LocalServingHarness) -> None:
    harness.create("svc", harness.config(instances=2))
    harness.until("svc", "Running")
    harness.ask("svc", "/crash")
    # Before the crash is noticed, too: what can't be reached is not an answer.
    answers = [harness.ask("svc").status_code for _ in range(40)]
    assert set(answers) == {200}
    assert harness.service("svc").seen.status == "Running"
    wait_until(lambda: harness.service("svc").seen.running == 2)


def test_a_liveness_check_that_fails_starts_an_instance_again(harness: LocalServingHarness) -> None:
    check = {**HEALTH, "failure_threshold": 2}
    startup = {**check, "failure_threshold": 10 * LONGER}
    harness.create("svc", harness.config(FALLS_SICK, liveness_check=check, startup_check=startup))
    harness.until("svc", "Running")
    harness.ask("svc", "/sick")
    wait_until(lambda: harness.keeper.instances("svc")[0].restarts >= 1)
    assert "Unhealthy" in [event.reason for event in harness.service("svc").events]
    wait_until(lambda: harness.service("svc").seen.status == "Running")


def test_an_instance_that_is_not_healthy_gets_no_requests_and_lives(harness: LocalServingHarness) -> None:
    check = {**HEALTH, "failure_threshold": 1}
    harness.create("svc", harness.config(FALLS_SICK, health_check=check))
    harness.until("svc", "Running")
    harness.ask("svc", "/sick")
    wait_until(lambda: not harness.keeper.instances("svc")[0].ready)
    wait_until(lambda: harness.ask("svc").text == "no healthy upstream")
    assert harness.keeper.instances("svc")[0].restarts == 0


def test_a_failed_update_leaves_the_old_version_and_says_why(harness: LocalServingHarness) -> None:
    harness.create("svc", answering(harness, "one"))
    harness.until("svc", "Running")
    harness.update("svc", harness.config("print('no such model'); raise SystemExit(3)"))
    failed = harness.until("svc", "Failed")
    assert (failed.seen.version, failed.wanted.version, failed.seen.running) == (1, 2, 1)
    assert (failed.seen.reason, "no such model" in failed.seen.message) == ("CrashLoopBackOff", True)
    assert harness.ask("svc").text == "one GET /"
    assert [instance.version for instance in harness.keeper.instances("svc")] == [1]
    assert "no such model" in harness.keeper.lines("svc")


def test_going_back_to_the_version_that_answers_starts_nothing(harness: LocalServingHarness) -> None:
    harness.create("svc", answering(harness, "one"))
    harness.until("svc", "Running")
    before = harness.keeper.instances("svc")
    harness.update("svc", harness.config("raise SystemExit(3)"))
    harness.until("svc", "Failed")
    harness.want("svc", version=1, again=True)
    service = harness.until("svc", "Running")
    assert (service.seen.version, service.versions[-1].number) == (1, 2)
    assert harness.keeper.instances("svc") == before


def test_a_restart_brings_up_the_same_version_once_more(harness: LocalServingHarness) -> None:
    harness.create("svc", answering(harness, "one"))
    harness.until("svc", "Running")
    before = harness.keeper.instances("svc")[0].name
    harness.want("svc", again=True)
    harness.until("svc", "Running")
    assert harness.keeper.instances("svc")[0].name != before


def test_a_change_during_an_update_counts_instead(harness: LocalServingHarness) -> None:
    harness.create("svc", answering(harness, "one"))
    harness.until("svc", "Running")
    harness.update("svc", harness.config(script="sleep 600"))
    wait_until(lambda: len(harness.keeper.instances("svc")) == 2)
    assert harness.service("svc").seen.status == "Updating"
    harness.update("svc", answering(harness, "three"))
    assert harness.until("svc", "Running").seen.version == 3
    assert harness.ask("svc").text == "three GET /"


def test_another_number_of_instances_is_no_update(harness: LocalServingHarness) -> None:
    statuses: list[str] = []
    harness.create("svc", answering(harness, "one", instances=1))
    harness.until("svc", "Running")
    first = harness.keeper.instances("svc")[0]
    harness.update("svc", answering(harness, "one", instances=3))
    wait_until(lambda: statuses.append(harness.service("svc").seen.status) or harness.service("svc").seen.settled == 2)
    assert set(statuses) <= {"Running", "Scaling"}
    service = harness.until("svc", "Running")
    assert (service.seen.version, service.seen.running) == (2, 3)
    assert [each.version for each in harness.keeper.instances("svc")] == [2, 2, 2]
    assert harness.keeper.instances("svc")[0].name == first.name


def test_stop_start_delete(harness: LocalServingHarness) -> None:
    harness.create("svc", answering(harness, "one"))
    harness.until("svc", "Running")
    harness.want("svc", running=False)
    stopped = harness.until("svc", "Stopped")
    assert (stopped.seen.running, harness.ask("svc").status_code) == (0, 503)
    harness.want("svc", running=True, again=True)
    harness.until("svc", "Running")
    assert harness.ask("svc").text == "one GET /"
    harness.want("svc", deleted=True)
    wait_until(lambda: harness.store.get("svc") is None)
    gone = harness.ask("svc")
    assert (gone.status_code, gone.content) == (404, b"")
    assert not harness.store.folder("svc").exists()
    harness.create("svc", answering(harness, "again"))
    harness.until("svc", "Running")
    assert harness.ask("svc").text == "again GET /"


def test_a_stop_in_the_middle_of_an_update_ends_all(harness: LocalServingHarness) -> None:
    harness.create("svc", answering(harness, "one"))
    harness.until("svc", "Running")
    harness.update("svc", harness.config(script="sleep 600"))
    wait_until(lambda: len(harness.keeper.instances("svc")) == 2)
    harness.want("svc", running=False)
    harness.until("svc", "Stopped")
    assert harness.keeper.instances("svc") == ()


def test_all_that_was_wanted_runs_after_a_restart_of_the_server(build: Build) -> None:
    harness = build()
    harness.create("good", answering(harness, "one"))
    harness.create("failed", answering(harness, "old"))
    harness.create("stopped", answering(harness, "x"), Wanted(running=False))
    harness.until("good", "Running")
    harness.until("failed", "Running")
    harness.until("stopped", "Stopped")
    harness.update("failed", harness.config("raise SystemExit(3)"))
    harness.until("failed", "Failed")
    harness.close()

    again = build()
    wait_until(lambda: again.ask("good").text == "one GET /")
    wait_until(lambda: again.ask("failed").text == "old GET /")
    assert again.until("good", "Running").seen.version == 1
    seen = again.until("failed", "Failed").seen
    assert (seen.version, seen.reason) == (1, "CrashLoopBackOff")
    assert again.service("stopped").seen.status == "Stopped"
    assert again.ask("stopped").status_code == 503


def test_an_update_under_way_is_finished_after_a_restart_of_the_server(build: Build) -> None:
    harness = build()
    harness.create("svc", answering(harness, "one"))
    harness.until("svc", "Running")
    harness.update("svc", harness.config(script="sleep 600"))
    wait_until(lambda: len(harness.keeper.instances("svc")) == 2)
    harness.close()

    again = build()
    wait_until(lambda: again.ask("svc").text == "one GET /")
    assert again.service("svc").seen.status == "Updating"
    again.update("svc", answering(again, "three"))
    again.until("svc", "Running")
    assert again.ask("svc").text == "three GET /"


def test_the_end_of_the_server_does_not_wait_for_requests(build: Build) -> None:
    harness = build()
    harness.create("svc", harness.config())
    harness.until("svc", "Running")
    codes: list[int] = []
    slow = threading.Thread(target=lambda: codes.append(harness.ask("svc", "/slow/600").status_code))
    slow.start()
    harness.says("svc", "it is slow")
    harness.keeper.close()
    slow.join()
    assert codes == [503]
    assert harness.service("svc").seen.settled == 1


def test_a_start_after_a_crash_that_hangs_is_tried_again(build: Build, tmp_path: Path) -> None:
    harness = build(Mode.PLAIN)
    hangs_the_second_time = f"""
import pathlib, time
starts = pathlib.Path({str(tmp_path / "starts")!r})
starts.open("a").write("x")
starts.read_text() == "xx" and time.sleep(600)
"""
    # Long enough for a start on a busy machine; the start that hangs takes all of it.
    check = {"tcp_socket": {"port": 8000}, "period_seconds": 0.2, "failure_threshold": 75}
    harness.create("svc", harness.config(hangs_the_second_time + SERVER, startup_check=check))
    harness.until("svc", "Running")
    harness.ask("svc", "/crash")
    wait_until(lambda: harness.keeper.instances("svc")[0].restarts >= 2)
    wait_until(lambda: harness.service("svc").seen.status == "Running", harness.account("svc"))
    assert "Startup probe failed" in " ".join(event.message for event in harness.service("svc").events)
    assert harness.ask("svc").status_code == 200


def test_a_reset_leaves_no_service(harness: LocalServingHarness) -> None:
    harness.create("one", answering(harness, "one"))
    harness.create("two", harness.config(script="sleep 600"))
    harness.until("one", "Running")
    harness.keeper.reset()
    assert harness.store.all() == []
    assert list(harness.store.folder("one").parent.iterdir()) == []
    harness.create("one", answering(harness, "again"))
    harness.until("one", "Running")


def test_a_scale_that_fails_says_so_and_leaves_what_answers(build: Build) -> None:
    harness = build(Mode.PLAIN)
    port = unused_port()
    script = SERVER.replace('int(os.environ.get("PORT", 8000))', str(port))
    harness.create("svc", harness.config(script, instances=1, port=port))
    harness.until("svc", "Running")
    harness.update("svc", harness.config(script, instances=2, port=port))
    failed = harness.until("svc", "Failed")
    assert (failed.seen.reason, failed.seen.running) == ("CrashLoopBackOff", 1)
    assert "CrashLoopBackOff" in [event.reason for event in failed.events]
    assert harness.ask("svc").status_code == 200
    harness.update("svc", harness.config(script, instances=1, port=port))
    assert harness.until("svc", "Running").seen.version == 3


def test_what_has_started_but_never_answers_fails(build: Build) -> None:
    harness = build()
    check = {"tcp_socket": {"port": 8000}, "period_seconds": 0.1, "failure_threshold": 10 * LONGER}
    never = {"http_get": {"path": "/", "port": 1}, "period_seconds": 0.1}
    harness.create("svc", harness.config(startup_check=check, health_check=never))
    harness.says("svc", "it serves")
    harness.time.let_pass(3 * LONGER)
    failed = harness.until("svc", "Failed")
    assert failed.seen.reason == "StartupProbeFailed"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_service_that_can_not_be_looked_after_says_so(harness: LocalServingHarness) -> None:
    unchecked = {**harness.config(), "metadata": {"instance": "two"}}
    harness.create("svc", unchecked)
    seen = harness.until("svc", "Failed").seen
    assert (seen.reason, seen.settled, seen.running) == ("InternalError", 1, 0)
    harness.create("other", harness.config())
    assert harness.until("other", "Running").seen.running == 1
