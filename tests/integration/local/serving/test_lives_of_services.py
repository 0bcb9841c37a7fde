"""What becomes of services: crashes, stops, deletions, and restarts of the server."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from airflow_provider_pai.local.eas.record import Wanted
from airflow_provider_pai.local.running.sandbox import Mode
from tests.integration.local.serving.test_running_services import environment
from tests.support.serving import SERVER, Build, ServingHouse, free_port, wait_until

FALLS_SICK = SERVER.replace(
    "self.send_response(200)",
    "Handler.sick = Handler.sick or 'sick' in self.path; self.send_response(503 if Handler.sick else 200)",
).replace("    def answer(self):", "    sick = False\n\n    def answer(self):")
"""Answers well until it is asked for ``/sick``."""


def answering(house: ServingHouse, text: str, **more: object) -> dict[str, object]:
    return house.config(env=environment(ANSWER=text), **more)


@pytest.mark.parametrize("mode", list(Mode))
def test_an_instance_that_crashes_is_started_again(build: Build, mode: Mode) -> None:
    house = build(mode, backoff=3.0)
    house.create("svc", house.config())
    house.until("svc", "Running")
    assert house.ask("svc", "/crash").status_code == 503
    wait_until(lambda: house.keeper.instances("svc")[0].status == "CrashLoopBackOff")
    assert house.ask("svc").text == "no healthy upstream"
    assert (house.service("svc").seen.status, house.service("svc").seen.running) == ("Waiting", 0)
    wait_until(lambda: house.service("svc").seen.status == "Running")
    assert house.ask("svc").status_code == 200
    instance = house.keeper.instances("svc")[0]
    assert (instance.restarts, instance.status, instance.ready) == (1, "Running", True)
    warnings = [event for event in house.service("svc").events if event.type == "Warning"]
    assert [event.reason for event in warnings] == ["BackOff"]
    assert "exit code 7" in warnings[0].message
    assert warnings[0].instance == instance.name


def test_while_one_instance_is_down_the_other_answers(house: ServingHouse) -> None:
    house.create("svc", house.config(instances=2))
    house.until("svc", "Running")
    house.ask("svc", "/crash")
    # Before anybody has noticed, too: what can't be reached is not an answer.
    answers = [house.ask("svc").status_code for _ in range(40)]
    assert set(answers) == {200}
    assert house.service("svc").seen.status == "Running"
    wait_until(lambda: house.service("svc").seen.running == 2)


def test_a_liveness_check_that_fails_starts_an_instance_again(house: ServingHouse) -> None:
    check = {"http_get": {"path": "/health", "port": 8000}, "period_seconds": 0.1, "failure_threshold": 2}
    startup = {**check, "failure_threshold": 100}
    house.create("svc", house.config(FALLS_SICK, liveness_check=check, startup_check=startup))
    house.until("svc", "Running")
    house.ask("svc", "/sick")
    wait_until(lambda: house.keeper.instances("svc")[0].restarts == 1)
    assert "Unhealthy" in [event.reason for event in house.service("svc").events]
    wait_until(lambda: house.service("svc").seen.status == "Running")


def test_an_instance_that_is_not_healthy_gets_no_requests_and_lives(house: ServingHouse) -> None:
    check = {"http_get": {"path": "/health", "port": 8000}, "period_seconds": 0.1, "failure_threshold": 1}
    house.create("svc", house.config(FALLS_SICK, health_check=check))
    house.until("svc", "Running")
    house.ask("svc", "/sick")
    wait_until(lambda: not house.keeper.instances("svc")[0].ready)
    wait_until(lambda: house.ask("svc").text == "no healthy upstream")
    assert house.keeper.instances("svc")[0].restarts == 0


def test_a_failed_update_leaves_the_old_version_and_says_why(house: ServingHouse) -> None:
    house.create("svc", answering(house, "one"))
    house.until("svc", "Running")
    house.update("svc", house.config("print('no such model'); raise SystemExit(3)"))
    failed = house.until("svc", "Failed")
    assert (failed.seen.version, failed.wanted.version, failed.seen.running) == (1, 2, 1)
    assert (failed.seen.reason, "no such model" in failed.seen.message) == ("CrashLoopBackOff", True)
    assert house.ask("svc").text == "one GET /"
    assert [instance.version for instance in house.keeper.instances("svc")] == [1]
    assert "no such model" in house.keeper.lines("svc")


def test_going_back_to_the_version_that_answers_starts_nothing(house: ServingHouse) -> None:
    house.create("svc", answering(house, "one"))
    house.until("svc", "Running")
    before = house.keeper.instances("svc")
    house.update("svc", house.config("raise SystemExit(3)"))
    house.until("svc", "Failed")
    house.want("svc", version=1, again=True)
    service = house.until("svc", "Running")
    assert (service.seen.version, service.versions[-1].number) == (1, 2)
    assert house.keeper.instances("svc") == before


def test_a_restart_brings_up_the_same_version_once_more(house: ServingHouse) -> None:
    house.create("svc", answering(house, "one"))
    house.until("svc", "Running")
    before = house.keeper.instances("svc")[0].name
    house.want("svc", again=True)
    house.until("svc", "Running")
    assert house.keeper.instances("svc")[0].name != before


def test_a_change_during_an_update_counts_instead(house: ServingHouse) -> None:
    house.create("svc", answering(house, "one"))
    house.until("svc", "Running")
    house.update("svc", house.config(script="sleep 60"))
    wait_until(lambda: len(house.keeper.instances("svc")) == 2)
    assert house.service("svc").seen.status == "Updating"
    house.update("svc", answering(house, "three"))
    assert house.until("svc", "Running").seen.version == 3
    assert house.ask("svc").text == "three GET /"


def test_another_number_of_instances_is_no_update(house: ServingHouse) -> None:
    statuses: list[str] = []
    house.create("svc", answering(house, "one", instances=1))
    house.until("svc", "Running")
    first = house.keeper.instances("svc")[0]
    house.update("svc", answering(house, "one", instances=3))
    wait_until(lambda: statuses.append(house.service("svc").seen.status) or house.service("svc").seen.settled == 2)
    assert set(statuses) <= {"Running", "Scaling"}
    service = house.until("svc", "Running")
    assert (service.seen.version, service.seen.running) == (2, 3)
    assert [each.version for each in house.keeper.instances("svc")] == [2, 2, 2]
    assert house.keeper.instances("svc")[0].name == first.name


def test_stop_start_delete(house: ServingHouse) -> None:
    house.create("svc", answering(house, "one"))
    house.until("svc", "Running")
    house.want("svc", running=False)
    stopped = house.until("svc", "Stopped")
    assert (stopped.seen.running, house.ask("svc").status_code) == (0, 503)
    house.want("svc", running=True, again=True)
    house.until("svc", "Running")
    assert house.ask("svc").text == "one GET /"
    house.want("svc", deleted=True)
    wait_until(lambda: house.store.get("svc") is None)
    gone = house.ask("svc")
    assert (gone.status_code, gone.content) == (404, b"")
    assert not house.store.folder("svc").exists()
    house.create("svc", answering(house, "again"))
    house.until("svc", "Running")
    assert house.ask("svc").text == "again GET /"


def test_a_stop_in_the_middle_of_an_update_ends_all(house: ServingHouse) -> None:
    house.create("svc", answering(house, "one"))
    house.until("svc", "Running")
    house.update("svc", house.config(script="sleep 60"))
    wait_until(lambda: len(house.keeper.instances("svc")) == 2)
    house.want("svc", running=False)
    house.until("svc", "Stopped")
    assert house.keeper.instances("svc") == ()


def test_all_that_was_wanted_runs_after_a_restart_of_the_server(build: Build) -> None:
    house = build()
    house.create("good", answering(house, "one"))
    house.create("failed", answering(house, "old"))
    house.create("stopped", answering(house, "x"), Wanted(running=False))
    house.until("good", "Running")
    house.until("failed", "Running")
    house.until("stopped", "Stopped")
    house.update("failed", house.config("raise SystemExit(3)"))
    house.until("failed", "Failed")
    house.close()

    again = build()
    wait_until(lambda: again.ask("good").text == "one GET /")
    wait_until(lambda: again.ask("failed").text == "old GET /")
    assert again.until("good", "Running").seen.version == 1
    seen = again.until("failed", "Failed").seen
    assert (seen.version, seen.reason) == (1, "CrashLoopBackOff")
    assert again.service("stopped").seen.status == "Stopped"
    assert again.ask("stopped").status_code == 503


def test_an_update_under_way_is_finished_after_a_restart_of_the_server(build: Build) -> None:
    house = build()
    house.create("svc", answering(house, "one"))
    house.until("svc", "Running")
    house.update("svc", house.config(script="sleep 60"))
    wait_until(lambda: len(house.keeper.instances("svc")) == 2)
    house.close()

    again = build()
    wait_until(lambda: again.ask("svc").text == "one GET /")
    assert again.service("svc").seen.status == "Updating"
    again.update("svc", answering(again, "three"))
    again.until("svc", "Running")
    assert again.ask("svc").text == "three GET /"


def test_the_end_of_the_server_does_not_wait_for_requests(build: Build) -> None:
    house = build()
    house.create("svc", house.config())
    house.until("svc", "Running")
    codes: list[int] = []
    slow = threading.Thread(target=lambda: codes.append(house.ask("svc", "/slow/30").status_code))
    slow.start()
    house.says("svc", "it is slow")
    house.keeper.close()
    slow.join()
    assert codes == [503]
    assert house.service("svc").seen.settled == 1


def test_a_start_after_a_crash_that_hangs_is_tried_again(build: Build, tmp_path: Path) -> None:
    house = build(Mode.PLAIN)
    hangs_the_second_time = f"""
import pathlib, time
starts = pathlib.Path({str(tmp_path / "starts")!r})
starts.open("a").write("x")
starts.read_text() == "xx" and time.sleep(600)
"""
    check = {"tcp_socket": {"port": 8000}, "period_seconds": 0.2, "failure_threshold": 25}
    house.create("svc", house.config(hangs_the_second_time + SERVER, startup_check=check))
    house.until("svc", "Running")
    house.ask("svc", "/crash")
    wait_until(lambda: house.keeper.instances("svc")[0].restarts == 2)
    wait_until(lambda: house.service("svc").seen.status == "Running", house.account("svc"))
    assert "Startup probe failed" in " ".join(event.message for event in house.service("svc").events)
    assert house.ask("svc").status_code == 200


def test_a_reset_leaves_no_service(house: ServingHouse) -> None:
    house.create("one", answering(house, "one"))
    house.create("two", house.config(script="sleep 60"))
    house.until("one", "Running")
    house.keeper.reset()
    assert house.store.all() == []
    assert list(house.store.folder("one").parent.iterdir()) == []
    house.create("one", answering(house, "again"))
    house.until("one", "Running")


def test_a_scale_that_fails_says_so_and_leaves_what_answers(build: Build) -> None:
    house = build(Mode.PLAIN)
    port = free_port()
    script = SERVER.replace('int(os.environ.get("PORT", 8000))', str(port))
    house.create("svc", house.config(script, instances=1, port=port))
    house.until("svc", "Running")
    house.update("svc", house.config(script, instances=2, port=port))
    failed = house.until("svc", "Failed")
    assert (failed.seen.reason, failed.seen.running) == ("CrashLoopBackOff", 1)
    assert "CrashLoopBackOff" in [event.reason for event in failed.events]
    assert house.ask("svc").status_code == 200
    house.update("svc", house.config(script, instances=1, port=port))
    assert house.until("svc", "Running").seen.version == 3


def test_what_has_started_but_never_answers_fails(build: Build) -> None:
    house = build(startup=1.0)
    check = {"tcp_socket": {"port": 8000}, "period_seconds": 0.1, "failure_threshold": 50}
    never = {"http_get": {"path": "/", "port": 1}, "period_seconds": 0.1}
    house.create("svc", house.config(startup_check=check, health_check=never))
    failed = house.until("svc", "Failed")
    assert failed.seen.reason == "StartupProbeFailed"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_service_that_can_not_be_looked_after_says_so(house: ServingHouse) -> None:
    unchecked = {**house.config(), "metadata": {"instance": "two"}}
    house.create("svc", unchecked)
    seen = house.until("svc", "Failed").seen
    assert (seen.reason, seen.settled, seen.running) == ("InternalError", 1, 0)
    house.create("other", house.config())
    assert house.until("other", "Running").seen.running == 1
