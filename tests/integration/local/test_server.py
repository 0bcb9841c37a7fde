from __future__ import annotations

import http.client
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import oss2
import pytest
import requests
from airflow.models.connection import Connection as StoredConnection
from airflow.providers.common.compat.sdk import conf
from airflow.sdk import Connection

from airflow_provider_pai.api import images, machines, training, workspaces
from airflow_provider_pai.api.call import Call
from airflow_provider_pai.api.endpoints import AI_WORKSPACE
from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.errors import APIError, AuthError, NotFoundError, TransportError
from airflow_provider_pai.local.backend import Settings
from airflow_provider_pai.local.home import HomeInUse
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.local.server_info import ServerInfo
from airflow_provider_pai.model.training.status import JobSnapshot
from devtools.processes import free_ports
from tests.support.waits import PATIENCE


def body(command: str = "true") -> dict[str, Any]:
    return {
        "WorkspaceId": Settings.workspace_id,
        "TrainingJobName": "job",
        "AlgorithmSpec": {"Command": ["sh", "-c", command], "Image": "pytorch:1", "JobType": "PyTorchJob"},
        "ComputeResource": {"EcsSpec": "ecs.c6.large", "EcsCount": 1},
    }


def client_of(ready: ServerInfo, secret: str | None = None) -> PAIClient:
    keys = KeyPair(ready.access_key_id, secret or ready.access_key_secret)
    return PAIClient(ClientConfig(ready.region_id, ready.workspace_id, keys, ready.api, ready.oss, attempts=1))


def jobs_of(client: PAIClient) -> list[str]:
    call = training.list_training_jobs(
        client.config.workspace_id, start_time=datetime.now(UTC) - timedelta(days=1), order="ASC"
    )
    return [job.job_id for job in client.send(call).items]


def wait(client: PAIClient, job_id: str, *statuses: str) -> JobSnapshot:
    deadline = time.monotonic() + PATIENCE
    while True:
        job = client.send(training.get_training_job(job_id))
        if job.is_terminal or job.status in statuses:
            return job
        assert time.monotonic() < deadline, f"{job_id} is still {job.status}"
        time.sleep(0.02)


def control(ready: ServerInfo, method: str, path: str, body: Any = None) -> requests.Response:
    return requests.request(
        method, f"{ready.api}/_local/{path}", json=body, headers=ready.admin_headers, timeout=PATIENCE
    )


def server_at(home: Path, **options: Any) -> LocalPAI:
    return LocalPAI(home, **{"sandbox": Mode.PLAIN, "slots": 1, **options})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPAI]:
    with server_at(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(served: LocalPAI) -> Iterator[LocalPAI]:
    yield served
    served.reset()


@pytest.fixture
def client(server: LocalPAI) -> Iterator[PAIClient]:
    client = client_of(server.ready)
    yield client
    client.close()


def created(client: PAIClient, command: str = "true") -> str:
    return client.send(training.create_training_job(body(command)))


def test_all_services_answer_our_own_client(server: LocalPAI, client: PAIClient) -> None:
    ready = server.ready
    assert client.send(workspaces.get_workspace(ready.workspace_id)) == "local_pai"
    storage = client.send(workspaces.get_default_storage(ready.workspace_id))
    assert storage == f"oss://{ready.bucket}.{urlsplit(ready.oss).netloc}/"
    assert client.send(images.list_images(name="xgboost")).total >= 1
    assert client.send(machines.list_ecs_specs(["ecs.g6.large"])).items[0].memory_gib == 8
    assert wait(client, created(client)).is_success


def test_an_answer_that_is_lost_after_create_leaves_one_job(server: LocalPAI, client: PAIClient) -> None:
    server.faults.add(Fault("CreateTrainingJob", FaultKind.DROP_AFTER))
    with pytest.raises(TransportError) as lost:
        created(client)
    assert lost.value.sent
    assert len(jobs_of(client)) == 1


def test_a_request_that_is_lost_before_create_leaves_none(server: LocalPAI, client: PAIClient) -> None:
    server.faults.add(Fault("CreateTrainingJob", FaultKind.DROP_BEFORE))
    with pytest.raises(TransportError):
        created(client)
    assert jobs_of(client) == []
    assert server.faults.counts() == {"CreateTrainingJob": 1, "ListTrainingJobs": 1}


def test_oss_meets_the_same_faults(server: LocalPAI) -> None:
    control(server.ready, "POST", "faults", {"operation": "oss:GET", "kind": "error"})
    assert [requests.get(server.ready.oss, timeout=PATIENCE).status_code for _ in range(2)] == [503, 403]
    assert control(server.ready, "GET", "counters").json()["counters"] == {"oss:GET": 2}


def test_services_are_called_without_a_signature(server: LocalPAI) -> None:
    answer = requests.post(f"{server.ready.api}/api/predict/absent/v1", data="x", timeout=PATIENCE)
    assert (answer.status_code, answer.content) == (404, b"")


def test_admin_requests_meet_no_fault_and_are_not_counted(server: LocalPAI) -> None:
    server.faults.add(Fault("*", FaultKind.ERROR))
    assert control(server.ready, "GET", "health").ok
    assert server.faults.counts() == {}


def test_the_list_lags_behind_creation(server: LocalPAI, client: PAIClient) -> None:
    assert control(server.ready, "POST", "list-lag", {"seconds": 3600}).ok
    job_id = created(client)
    assert jobs_of(client) == []
    assert client.send(training.get_training_job(job_id)).job_id == job_id
    assert control(server.ready, "POST", "list-lag", {"seconds": 0}).ok
    assert jobs_of(client) == [job_id]


def test_a_moved_clock_is_everybodys(server: LocalPAI, client: PAIClient) -> None:
    begun = time.time()
    assert control(server.ready, "POST", "clock", {"offset_seconds": 1200}).ok
    with pytest.raises(APIError) as refused:
        client.send(workspaces.get_workspace(server.ready.workspace_id))
    assert refused.value.code == "InvalidTimeStamp.Expired"
    dated = parsedate_to_datetime(requests.get(server.ready.oss, timeout=PATIENCE).headers["date"])
    assert dated.timestamp() >= begun + 1199


def test_a_job_is_moved_by_hand(server: LocalPAI, client: PAIClient) -> None:
    job_id = created(client, "sleep 600")
    wait(client, job_id, "Running")
    move = {"Status": "InitializeFailed", "ReasonCode": "NoStock", "ReasonMessage": "sold out"}
    assert control(server.ready, "POST", f"jobs/{job_id}/status", move).ok
    job = wait(client, job_id)
    assert (job.status, job.reason_code, job.reason_message) == ("InitializeFailed", "NoStock", "sold out")
    again = control(server.ready, "POST", f"jobs/{job_id}/status", move)
    assert (again.status_code, again.json()["Code"]) == (400, "BadRequest")


@pytest.mark.parametrize(("job_id", "status", "code"), [("train0", "Failed", 404), ("train0", "Running", 400)])
def test_only_existing_jobs_are_moved_and_only_to_an_end(server: LocalPAI, job_id: str, status: str, code: int) -> None:
    assert control(server.ready, "POST", f"jobs/{job_id}/status", {"Status": status}).status_code == code


def test_health_has_version_mode_and_jobs(server: LocalPAI, client: PAIClient) -> None:
    wait(client, created(client))
    health = control(server.ready, "GET", "health").json()
    assert (health["mode"], health["jobs"]) == ("plain", {"Succeed": 1})
    assert health["version"]


def test_reset_forgets_everything_and_keeps_the_default_bucket(server: LocalPAI, client: PAIClient) -> None:
    ready = server.ready
    job_id = created(client, "sleep 600")
    wait(client, job_id, "Running")
    bucket = oss2.Bucket(oss2.Auth(ready.access_key_id, ready.access_key_secret), ready.oss, ready.bucket)
    bucket.put_object("a/b.txt", b"x")
    bucket.init_multipart_upload("unfinished")
    server.faults.add(Fault("*", FaultKind.ERROR, times=9))
    server.clock.move_to(timedelta(days=1))
    assert control(ready, "POST", "reset").ok
    assert jobs_of(client) == []
    with pytest.raises(NotFoundError):
        client.send(training.get_training_job(job_id))
    assert bucket.list_objects().object_list == []
    assert bucket.put_object("again", b"x").status == 200


def test_a_wrong_secret_is_an_error_of_the_keys(server: LocalPAI) -> None:
    client = client_of(server.ready, "wrong")
    with pytest.raises(AuthError):
        client.send(workspaces.get_workspace(server.ready.workspace_id))
    client.close()


@pytest.mark.parametrize("url", ["api", "oss"])
def test_only_the_loopback_address_answers(server: LocalPAI, url: str) -> None:
    at = urlsplit(getattr(server.ready, url))
    assert at.hostname == "127.0.0.1"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", at.port), timeout=PATIENCE)


def test_the_connection_uri_is_what_airflow_reads(server: LocalPAI) -> None:
    ready = server.ready
    for connection in (
        Connection.from_uri(ready.airflow_conn_uri, "pai_default"),
        StoredConnection(conn_id="pai_default", uri=ready.airflow_conn_uri),
    ):
        assert (connection.conn_type, connection.host or "") == ("pai", "")
        assert (connection.login, connection.password) == (ready.access_key_id, ready.access_key_secret)
        # Airflow's own model reads digits as a number.
        extra = {name: str(value) for name, value in connection.extra_dejson.items()}
        assert float(extra.pop("log_delay")) == 0
        assert extra == {
            "region_id": ready.region_id,
            "workspace_id": ready.workspace_id,
            "endpoint": ready.api,
            "oss_endpoint": ready.oss,
        }


def test_airflow_finds_no_text_too_short_to_mask_in_the_connection(server: LocalPAI) -> None:
    shortest = conf.getint("logging", "min_length_masked_secret", fallback=5)
    short = [name for name, value in server.ready.extra.items() if len(value) < shortest]
    assert short == [], "Airflow warns of them in each task's log"


def test_the_connection_uri_takes_any_secret() -> None:
    secret = "a/b:c@d?e#f%20+ é"
    ready = ServerInfo("http://127.0.0.1:1", "http://127.0.0.1:2", "id", secret, "cn-hangzhou", "1", "b", "token")
    assert Connection.from_uri(ready.airflow_conn_uri, "x").password == secret


def test_the_secret_shows_in_no_repr(server: LocalPAI) -> None:
    assert server.ready.access_key_secret not in repr(server.ready)


def test_a_home_has_one_server(server: LocalPAI, served: LocalPAI, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with server_at(home) as first, pytest.raises(HomeInUse, match=f"{home} is in use .* at {first.ready.api}"):
        server_at(home).start()


def test_everything_is_there_after_the_next_start(tmp_path: Path) -> None:
    with server_at(tmp_path) as first:
        client = client_of(first.ready)
        done = created(client)
        wait(client, done)
        waiting = [created(client, "sleep 600"), created(client)]
        wait(client, waiting[0], "Running")
        keys = first.ready.access_key_id, first.ready.access_key_secret
        client.close()
    with server_at(tmp_path) as second:
        client = client_of(second.ready)
        assert (second.ready.access_key_id, second.ready.access_key_secret) == keys
        assert jobs_of(client) == [done, *waiting]
        statuses = [wait(client, job_id).status for job_id in (done, *waiting)]
        client.close()
    assert statuses == ["Succeed", "Failed", "Succeed"]


def test_key_pairs_differ_and_are_for_their_owner_only(tmp_path: Path) -> None:
    pairs = []
    for name in ("a", "b"):
        with server_at(tmp_path / name) as server:
            pairs.append((server.ready.access_key_id, server.ready.access_key_secret))
        file = tmp_path / name / "credentials.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert len({part for pair in pairs for part in pair}) == 4


def test_a_given_key_pair_is_let_in_and_not_kept(tmp_path: Path) -> None:
    with server_at(tmp_path, credentials=KeyPair("mine", "secret")) as server:
        client = client_of(server.ready)
        assert server.ready.access_key_id == "mine"
        assert client.send(workspaces.get_workspace(server.ready.workspace_id))
        client.close()
    assert not (tmp_path / "credentials.json").exists()


def test_stop_leaves_no_thread_no_port_and_no_lock(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    ports = free_ports(2)
    server = server_at(tmp_path, port=ports[0], oss_port=ports[1])
    server.start()
    client = client_of(server.ready)
    wait(client, created(client, "sleep 600"), "Running")
    server.stop()
    client.close()
    assert {thread for thread in set(threading.enumerate()) - before if thread.name != "AnyIO worker thread"} == set()
    with server_at(tmp_path, port=ports[0], oss_port=ports[1]) as again:
        assert again.ready.api.endswith(f":{ports[0]}")


def test_a_start_that_fails_leaves_nothing_behind(tmp_path: Path, server: LocalPAI) -> None:
    taken = urlsplit(server.ready.oss).port or 0
    with pytest.raises(OSError, match=f"port {taken} of 127.0.0.1 can't be used"):
        server_at(tmp_path, oss_port=taken).start()
    with server_at(tmp_path) as second:
        assert control(second.ready, "GET", "health").ok


def test_a_server_that_is_not_started_is_nowhere(tmp_path: Path) -> None:
    server = server_at(tmp_path)
    server.stop()
    with pytest.raises(RuntimeError, match="not started"):
        _ = server.ready
    with pytest.raises(RuntimeError, match="not started"):
        server.reset()


def test_a_server_starts_once_at_a_time(tmp_path: Path) -> None:
    with server_at(tmp_path) as server:
        with pytest.raises(RuntimeError, match="started already"):
            server.start()
        assert control(server.ready, "GET", "health").ok


def test_configuration_outlives_the_server(tmp_path: Path) -> None:
    with server_at(tmp_path) as server:
        client = client_of(server.ready)
        client.send(update_configs(server.ready.workspace_id, "modelExportPath", "oss://other/prefix/"))
        client.close()
    with server_at(tmp_path) as server:
        client = client_of(server.ready)
        storage = client.send(workspaces.get_default_storage(server.ready.workspace_id))
        client.close()
    assert storage == "oss://other/prefix/"


def update_configs(workspace_id: str, key: str, value: str) -> Call[None]:
    path = f"/api/v1/workspaces/{workspace_id}/configs"
    items = [{"ConfigKey": key, "ConfigValue": value}]
    return Call(AI_WORKSPACE, "UpdateConfigs", "PUT", path, lambda _: None, body={"Configs": items})


def test_the_second_part_of_a_short_answer_does_not_wait_until_the_first_is_confirmed(local_pai: LocalPAI) -> None:
    """When it does, each answer takes 40 ms or more, from the first few on."""
    connection = http.client.HTTPConnection(urlsplit(local_pai.ready.api).netloc, timeout=PATIENCE)
    taken: list[float] = []
    with closing(connection):
        # A busy machine is slow at times, but not always.
        while len(taken) < 40 or (taken[-1] >= 0.03 and len(taken) < 600):
            begun = time.perf_counter()
            connection.request("GET", "/_local/health", headers=local_pai.ready.admin_headers)
            connection.getresponse().read()
            taken.append(time.perf_counter() - begun)
    assert taken[-1] < 0.03
