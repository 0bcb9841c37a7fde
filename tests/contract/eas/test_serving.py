"""Services that are created through the vendor's own client really run, and plain requests are answered by them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import alibabacloud_eas20210701.models as models
import oss2
import pytest
import requests
from alibabacloud_eas20210701.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from airflow_provider_pai.local.server import LocalPAI
from tests.contract.conftest import sdk_config, share
from tests.support.eas_client import IMAGE, REGION
from tests.support.waits import PATIENCE

SERVER = b"""
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        model = open(os.environ["MODEL_MOUNT_PATH"].rstrip("/") + "/model.txt").read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(model)))
        self.end_headers()
        self.wfile.write(model.encode())
print("the server starts", flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"""

INTRUDER = b"""
import glob, http.server, os, urllib.error, urllib.request
def status(path, method, token):
    request = urllib.request.Request(os.environ["API"] + "/_local/" + path, method=method)
    request.add_header("Authorization", "Bearer " + token)
    try:
        return urllib.request.urlopen(request, timeout=180).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
tokens = ["", *(value for value in os.environ.values() if len(value) == 48)]
tried = {status(path, method, token) for path, method in (("reset", "POST"), ("jobs", "GET")) for token in tokens}
said = f"{200 in tried} {glob.glob(os.environ['HOME_OF_SERVER'] + '/admin-token*')}".encode()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serving")


@pytest.fixture(scope="module")
def pai(home: Path) -> Iterator[LocalPAI]:
    """A local PAI that has the services of this module only."""
    with LocalPAI(home) as server:
        yield server


@pytest.fixture(scope="module")
def models_in_oss(pai: LocalPAI) -> str:
    ready = pai.ready
    bucket = oss2.Bucket(oss2.Auth(ready.access_key_id, ready.access_key_secret), ready.oss, ready.bucket)
    bucket.put_object("eas/code/app.py", SERVER)
    bucket.put_object("eas/code/intruder.py", INTRUDER)
    for name in ("blue", "green"):
        bucket.put_object(f"eas/{name}/model.txt", name.encode())
    return f"oss://{bucket.bucket_name}/eas/"


@pytest.fixture
def eas(pai: LocalPAI, models_in_oss: str) -> Iterator[Client]:
    """The client; the services of a test are deleted after it."""
    client = Client(sdk_config(pai.ready))
    yield client
    for service in client.list_services(models.ListServicesRequest()).body.services:
        client.delete_service(REGION, service.service_name)
    until(lambda: not client.list_services(models.ListServicesRequest()).body.services)


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def config(folder: str, name: str, model: str = "blue", **metadata: Any) -> dict[str, Any]:
    return {
        "name": name,
        "metadata": metadata,
        "cloud": {"computing": {"instance_type": "ecs.c6.large"}},
        "containers": [{"image": IMAGE, "port": 8000, "script": "python app.py"}],
        "storage": [
            {"mount_path": "/ml/usercode/", "oss": {"path": f"{folder}code/"}},
            {
                "mount_path": "/eas/workspace/model/",
                "oss": {"path": f"{folder}{model}/"},
                "properties": {"resource_type": "model", "resource_use": "base"},
            },
        ],
    }


def settled(eas: Client, name: str) -> models.Service:
    """Wait until a service has come to the end of what was asked for."""
    until(lambda: eas.describe_service(REGION, name).body.status in ("Running", "Failed", "Stopped"))
    return eas.describe_service(REGION, name).body


def create(eas: Client, body: dict[str, Any]) -> models.Service:
    eas.create_service(models.CreateServiceRequest(body=body))
    return settled(eas, body["name"])


def ask(address: str, token: str) -> str:
    answer = requests.get(address, headers={"Authorization": token}, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_service_answers_is_updated_and_is_rolled_back(eas: Client, models_in_oss: str) -> None:
    service = create(eas, config(models_in_oss, "score"))
    assert (service.status, service.current_version, service.running_instance) == ("Running", 1, 1)
    assert ask(service.internet_endpoint, service.access_token) == "blue"
    update = models.UpdateServiceRequest(body=config(models_in_oss, "score", "green"), update_type="replace")
    eas.update_service(REGION, "score", update)
    updated = settled(eas, "score")
    assert (updated.status, updated.current_version, updated.latest_version) == ("Running", 2, 2)
    assert ask(service.internet_endpoint, service.access_token) == "green"
    eas.update_service_version(REGION, "score", models.UpdateServiceVersionRequest(version=1))
    assert settled(eas, "score").current_version == 1
    assert ask(service.internet_endpoint, service.access_token) == "blue"
    lines = eas.describe_service_log(REGION, "score", models.DescribeServiceLogRequest(keyword="starts")).body.logs
    assert "the server starts" in lines
    refusal = requests.get(service.internet_endpoint, headers={"Authorization": "wrong"}, timeout=PATIENCE)
    assert (refusal.status_code, refusal.json()) == (401, {"code": "Unauthorized", "message": "Invalid token"})


def test_an_update_that_does_not_come_up_leaves_the_version_that_answers(eas: Client, models_in_oss: str) -> None:
    service = create(eas, config(models_in_oss, "score"))
    broken = {"containers": [{"image": IMAGE, "script": "echo the last words; exit 3"}]}
    eas.update_service(REGION, "score", models.UpdateServiceRequest(body=broken))
    failed = settled(eas, "score")
    assert (failed.status, failed.reason) == ("Failed", "CrashLoopBackOff")
    assert (failed.current_version, failed.latest_version, failed.running_instance) == (1, 2, 1)
    asked = models.DescribeServiceEventRequest(event_type="Warning")
    assert eas.describe_service_event(REGION, "score", asked).body.total_count > 0
    assert ask(service.internet_endpoint, service.access_token) == "blue"


def test_a_group_shares_its_requests_by_weight(eas: Client, models_in_oss: str) -> None:
    for name in ("blue", "green"):
        create(eas, config(models_in_oss, name, name, group="colours", traffic_state="grouping"))
    group = eas.describe_group(REGION, "colours").body
    share(eas, "colours", "customized")

    def shares(blue: int, green: int) -> Counter[str]:
        for name, weight in (("blue", blue), ("green", green)):
            eas.release_service(REGION, name, models.ReleaseServiceRequest(weight=weight))
        return Counter(ask(group.internet_endpoint, group.access_token) for _ in range(60))

    assert shares(100, 0) == {"blue": 60}
    assert shares(-1, 100) == {"green": 60}
    # 1 in 2 ** 60 that one of them gets nothing.
    assert set(shares(500, 500)) == {"blue", "green"}


def test_a_deleted_service_is_deleting_until_its_instances_have_ended(eas: Client, models_in_oss: str) -> None:
    service = create(eas, config(models_in_oss, "score"))
    eas.delete_service(REGION, "score")
    statuses = []

    def is_gone() -> bool:
        try:
            statuses.append(eas.describe_service(REGION, "score").body.status)
        except ClientException as error:
            return bool(error.status_code == 404)
        return False

    until(is_gone)
    assert set(statuses) == {"Deleting"}
    answer = requests.get(service.internet_endpoint, headers={"Authorization": service.access_token}, timeout=PATIENCE)
    assert (answer.status_code, answer.content) == (404, b"")


def test_a_service_answers_again_after_a_restart(tmp_path: Path) -> None:
    body = config("", "score")
    del body["storage"]
    body["containers"][0]["script"] = 'cd "$HOME"; echo back > answer.txt; exec python -m http.server 8000'
    with LocalPAI(tmp_path) as first:
        before = create(Client(sdk_config(first.ready)), body)
        assert ask(f"{before.internet_endpoint}/answer.txt", before.access_token) == "back\n"
    with LocalPAI(tmp_path) as second:
        eas = Client(sdk_config(second.ready))
        until(lambda: eas.describe_service(REGION, "score").body.running_instance == 1)
        after = eas.describe_service(REGION, "score").body
        assert after.access_token == before.access_token
        assert ask(f"{after.internet_endpoint}/answer.txt", before.access_token) == "back\n"


def test_a_service_can_not_use_the_admin_routes(eas: Client, models_in_oss: str, pai: LocalPAI, home: Path) -> None:
    wanted = config(models_in_oss, "intruder")
    environment = {"API": pai.ready.api, "HOME_OF_SERVER": str(home.resolve())}
    wanted["containers"][0] |= {
        "script": "python intruder.py",
        "env": [{"name": name, "value": value} for name, value in environment.items()],
    }
    service = create(eas, wanted)
    # Without a sandbox, a service reads what its owner can, the token included; see the mode's note.
    seen = "[]" if pai.mode != "plain" else f"['{home.resolve()}/admin-token.json']"
    assert ask(service.internet_endpoint, service.access_token) == f"False {seen}"


def test_services_are_shown_in_short(eas: Client, models_in_oss: str, pai: LocalPAI) -> None:
    create(eas, config(models_in_oss, "score"))
    controls = f"{pai.ready.api}/_local"
    assert requests.get(f"{controls}/health", headers=pai.ready.admin_headers, timeout=PATIENCE).json()["services"] == {
        "Running": 1
    }
    (row,) = requests.get(f"{controls}/services", headers=pai.ready.admin_headers, timeout=PATIENCE).json()["services"]
    assert (row["ServiceName"], row["Status"], row["Version"], row["Instances"]) == (
        "score",
        "Running",
        "1 of 1",
        "1 of 1",
    )


def test_a_reset_ends_all_services(eas: Client, models_in_oss: str, pai: LocalPAI) -> None:
    service = create(eas, config(models_in_oss, "score"))
    pai.reset()
    assert eas.list_services(models.ListServicesRequest()).body.total_count == 0
    assert requests.get(service.internet_endpoint, timeout=PATIENCE).status_code == 404
