"""Services that run, and what their instances see."""

from __future__ import annotations

import sysconfig
import threading
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.local.running.sandbox import Mode
from tests.support.serving import BUCKET, NO_IMAGE, SERVER, Build, LocalServingHarness, unused_port
from tests.support.waits import LONGER, wait_until

FASTAPI = """
import os, pathlib, fastapi, uvicorn

app = fastapi.FastAPI()
factor = int(pathlib.Path(os.environ["MODEL_MOUNT_PATH"], "factor.txt").read_text())

@app.post("/predict")
def predict(body: dict):
    return {"predictions": [factor * x for x in body["instances"]]}

uvicorn.run(app, host="0.0.0.0", port=int(os.environ["LISTENING_PORT"]))
"""
WSGI = """
from wsgiref.simple_server import make_server

def app(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode()]

make_server("0.0.0.0", 9000, app).serve_forever()
"""
LOOKS = """
import http.server, json, os, pathlib
paths = json.loads(os.environ["PATHS"])
seen = {path: pathlib.Path(path).read_text() for path in paths if os.path.isfile(path)}
seen["cwd"] = os.getcwd()
for path in json.loads(os.environ.get("WRITTEN", "[]")):
    try:
        pathlib.Path(path, "written").write_text("x")
        seen[path] = "writable"
    except OSError as error:
        seen[path] = type(error).__name__
text = json.dumps(seen).encode()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text)
http.server.HTTPServer(("0.0.0.0", int(os.environ["LISTENING_PORT"])), Handler).serve_forever()
"""
ISOLATING = [Mode.BUBBLEWRAP, Mode.UNSHARE]


def environment(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def oss(path: str, key: str, **more: Any) -> dict[str, Any]:
    return {"mount_path": path, "oss": {"path": f"oss://{BUCKET}/{key}"}, **more}


@pytest.mark.parametrize("mode", list(Mode))
def test_a_service_answers_through_the_door(build: Build, mode: Mode) -> None:
    harness = build(mode)
    harness.create("svc", harness.config(env=environment(ANSWER="hello")))
    service = harness.until("svc", "Running")
    assert (service.seen.version, service.seen.running, service.seen.pending) == (1, 1, 0)
    assert (service.seen.reason, service.seen.message) == ("RUNNING", "Service start successfully")
    answer = harness.ask("svc", "/v1/x%20y?q=1&q=2", "POST", data="body")
    assert (answer.status_code, answer.text) == (200, "hello POST /v1/x%20y?q=1&q=2 body")
    harness.says("svc", "it serves")


@pytest.mark.parametrize("mode", ISOLATING)
def test_instances_with_the_same_port_run_side_by_side(build: Build, mode: Mode) -> None:
    harness = build(mode)
    script = SERVER.replace("os.environ.get('ANSWER', '')", "os.environ['LOCAL_PAI_INSTANCE']")
    harness.create("svc", harness.config(script, instances=2))
    assert harness.until("svc", "Running").seen.running == 2
    answered = {harness.ask("svc").text.split()[0] for _ in range(6)}
    assert answered == {instance.name for instance in harness.keeper.instances("svc")}


def test_without_networks_the_first_instance_has_the_port_and_others_fail_with_a_word(build: Build) -> None:
    harness = build(Mode.PLAIN)
    port = unused_port()
    hard_coded = SERVER.replace('int(os.environ.get("PORT", 8000))', str(port))
    harness.create("svc", harness.config(hard_coded, port=port))
    harness.until("svc", "Running")
    assert harness.ask("svc").status_code == 200
    harness.create("twin", harness.config(hard_coded, port=port))
    assert "Address already in use" in harness.until("twin", "Failed").seen.message
    harness.create("triplet", harness.config(port=port, instances=2))
    assert harness.until("triplet", "Running").seen.running == 2


def test_a_fastapi_app_predicts_with_the_model_that_is_mounted(build: Build, tmp_path: Path) -> None:
    # What is installed for the tests; to install it for the service would need an index.
    libraries = sysconfig.get_path("purelib")
    harness = build(shown=[Path(libraries)])
    harness.put("models/7/factor.txt", "7", tmp_path)
    model = oss("/eas/workspace/model/", "models/7", properties={"resource_type": "model", "resource_use": "base"})
    harness.create("svc", {**harness.config(FASTAPI, env=environment(PYTHONPATH=libraries)), "storage": [model]})
    harness.until("svc", "Running")
    answer = harness.ask("svc", "/predict", "POST", json={"instances": [1, 2, 3]})
    assert answer.json() == {"predictions": [7, 14, 21]}
    assert harness.ask("svc", "/predict", "GET").status_code == 405


def test_a_wsgi_app_on_another_port_answers(harness: LocalServingHarness) -> None:
    harness.create("svc", harness.config(WSGI, port=9000))
    harness.until("svc", "Running")
    assert harness.ask("svc", "/a/path").text == "/a/path"
    assert harness.ask("svc").text == "/"


@pytest.mark.parametrize("mode", ISOLATING)
def test_code_and_model_lie_where_the_configuration_says(build: Build, mode: Mode, tmp_path: Path) -> None:
    harness = build(mode)
    harness.put("code/app.py", LOOKS, tmp_path)
    harness.put("models/1/deep/model.txt", "the model", tmp_path)
    paths = ["/eas/workspace/model/deep/model.txt", "/opt/other/place/deep/model.txt", "/etc/hostname"]
    read_only = ["/eas/workspace/model", "/opt/read/only"]
    own = ["/ml/usercode", "/opt/other/place", "/scratch/deep", "/opt/other/tmp", "/dev/shm"]
    written = [*read_only, *own, "/opt"]
    variables = environment(PATHS=str(paths).replace("'", '"'), WRITTEN=str(written).replace("'", '"'))
    config = harness.config(script="cd /ml/usercode/\npython app.py\n", env=variables)
    storage = [
        oss("/ml/usercode/", "code/"),
        oss("/eas/workspace/model/", "models/1/"),
        oss("/opt/other/place", "models/1/"),
        {"mount_path": "/opt/read/only", "oss": {**oss("", "models/1/")["oss"], "readOnly": True}},
        {"mount_path": "/scratch/deep", "empty_dir": {}},
        {"mount_path": "/opt/other/tmp/", "empty_dir": {}},
        {"mount_path": "/dev/shm", "empty_dir": {"medium": "memory", "size_limit": 2}},
    ]
    harness.create("svc", {**config, "storage": storage})
    harness.until("svc", "Running")
    seen = harness.ask("svc").json()
    assert seen["/eas/workspace/model/deep/model.txt"] == seen["/opt/other/place/deep/model.txt"] == "the model"
    assert seen["/etc/hostname"] == Path("/etc/hostname").read_text()
    assert seen["cwd"] == "/ml/usercode"
    assert {seen[path] for path in read_only} == {"OSError"}
    assert {seen[path] for path in own} == {"writable"}
    assert any("/ml/usercode/ is a copy of each instance's own" in line for line in harness.keeper.lines("svc"))
    assert "storage[6].empty_dir.size_limit is taken without effect" in "\n".join(harness.keeper.lines("svc"))
    assert not Path("/dev/shm/written").exists()
    assert not Path("/opt/other").exists()
    assert not Path("/opt/written").exists()


def test_plain_the_variables_name_the_models_folder(build: Build, tmp_path: Path) -> None:
    harness = build(Mode.PLAIN)
    harness.put("m/factor.txt", "3", tmp_path)
    script = 'cd "$MODEL_MOUNT_PATH" && ls && exec python -m http.server $PORT'
    harness.create("svc", {**harness.config(script=script), "storage": [oss("/eas/workspace/model/", "m/")]})
    harness.until("svc", "Running")
    harness.says("svc", "factor.txt")
    assert harness.ask("svc", "/factor.txt").text == "3"


def test_a_deep_home_is_no_hindrance(build: Build, tmp_path: Path) -> None:
    harness = build()
    name = "svc_" + "x" * 59
    assert len(str(tmp_path / name)) > 80
    harness.create(name, harness.config())
    harness.until(name, "Running")
    assert harness.ask(name).status_code == 200


@pytest.mark.parametrize("mode", ISOLATING)
def test_an_instance_sees_nothing_of_the_server_and_reaches_nothing_but_itself(build: Build, mode: Mode) -> None:
    harness = build(mode)
    script = (
        f"""
import os, socket
print("home", sorted(os.listdir({str(harness.store.folder("svc").parents[1])!r})), flush=True)
try:
    socket.create_connection(("127.0.0.1", {harness.listener.port}), 2)
except OSError as error:
    print(type(error).__name__, flush=True)
"""
        + SERVER
    )
    harness.create("svc", harness.config(script))
    harness.until("svc", "Running")
    harness.says("svc", "ConnectionRefusedError")
    assert harness.keeper.lines("svc")[0] in ("home ['services']", "home ['cache', 'services']")


@pytest.mark.parametrize(
    ("config", "reason", "words"),
    [
        ({"image": NO_IMAGE}, "ImagePullBackOff", "can't be pulled"),
        ({"prepare": {"pythonRequirements": ["no-such-package-anywhere @ http://127.0.0.1:9/x.whl"]}}, "PrepareFailed",
         "pip could not install"),
        ({"prepare": {"pythonRequirements": ["-r /etc/passwd"]}}, "PrepareFailed", "option of pip"),
        ({"prepare": {"pythonRequirementsPath": "/ml/usercode/requirements.txt"}}, "PrepareFailed", "no file"),
        ({"command": ["no-such-program"]}, "CrashLoopBackOff", "no-such-program: "),
        ({"script": "echo it is broken; exit 3"}, "CrashLoopBackOff", "it is broken"),
        ({"script": "sleep 600", "startup_check": {"tcp_socket": {"port": 8000}, "period_seconds": 0.2}},
         "StartupProbeFailed", "did not answer"),
    ],
)  # fmt: skip
def test_what_does_not_come_up_fails_with_a_reason(
    harness: LocalServingHarness, config: dict[str, Any], reason: str, words: str
) -> None:
    harness.create("svc", harness.config(**config))
    failed = harness.until("svc", "Failed")
    assert failed.seen.reason == reason
    assert words in failed.seen.message
    assert (failed.seen.version, failed.seen.running) == (0, 0)
    warnings = [event for event in failed.events if event.type == "Warning"]
    assert warnings[-1].reason == reason
    assert words in warnings[-1].message
    assert harness.ask("svc").text == "no healthy upstream"
    assert not harness.keeper.instances("svc")


@pytest.mark.parametrize(("path", "words"), [("nothing/", "no object"), ("", "can't be mounted")])
def test_a_model_that_is_not_there_fails_the_service(harness: LocalServingHarness, path: str, words: str) -> None:
    bucket = BUCKET if path else "no-such-bucket"
    storage = [{"mount_path": "/eas/workspace/model/", "oss": {"path": f"oss://{bucket}/{path}"}}]
    harness.create("svc", {**harness.config(), "storage": storage})
    failed = harness.until("svc", "Failed")
    assert failed.seen.reason == "FailedMount"
    assert words in failed.seen.message


def test_requirements_come_from_the_code_that_is_mounted(harness: LocalServingHarness, tmp_path: Path) -> None:
    harness.put("code/requirements.txt", "# nothing to install here\n\n-e .\n", tmp_path)
    config = harness.config(prepare={"pythonRequirementsPath": "/ml/usercode/requirements.txt"})
    harness.create("svc", {**config, "storage": [oss("/ml/usercode/", "code/")]})
    assert "'-e .' holds an option of pip" in harness.until("svc", "Failed").seen.message


def test_instances_of_one_service_answer_at_the_same_time(harness: LocalServingHarness) -> None:
    harness.create("svc", harness.config(instances=2))
    harness.until("svc", "Running")
    slow = threading.Thread(target=lambda: harness.ask("svc", "/slow/600"), daemon=True)
    slow.start()
    harness.says("svc", "it is slow")
    assert {harness.ask("svc").status_code for _ in range(10)} == {200}
    harness.want("svc", deleted=True)


def test_a_services_own_processes_are_all_that_is_ended(harness: LocalServingHarness) -> None:
    harness.create("one", harness.config())
    harness.create("two", harness.config())
    for name in ("one", "two"):
        harness.until(name, "Running")
    harness.want("one", running=False)
    harness.until("one", "Stopped")
    assert harness.ask("two").status_code == 200
    left = [path for folder in ("instances", "shared") for path in (harness.store.folder("one") / folder).iterdir()]
    assert left == []


@pytest.mark.parametrize("mode", [*ISOLATING, Mode.PLAIN])
def test_a_server_that_listens_on_loopback_only_fails_and_the_message_says_why(build: Build, mode: Mode) -> None:
    harness = build(mode, unhealthy=0.2)
    harness.create("svc", harness.config(SERVER.replace('"0.0.0.0"', '"127.0.0.1"')))
    wait_until(lambda: any("127.0.0.1:8000 only" in event.message for event in harness.service("svc").events))
    harness.time.let_pass(LONGER)
    service = harness.until("svc", "Failed")
    assert "its server listens on 127.0.0.1:8000 only" in service.seen.message
    assert any(event.reason == "Unhealthy" and "127.0.0.1:8000 only" in event.message for event in service.events)
    assert harness.ask("svc").status_code == 503


@pytest.mark.parametrize("mode", ISOLATING)
def test_the_message_of_a_server_on_another_port_names_both_ports(build: Build, mode: Mode) -> None:
    harness = build(mode, unhealthy=0.2)
    harness.create("svc", harness.config(SERVER.replace("8000", "5000")))
    wait_until(lambda: any("listens on port 5000" in event.message for event in harness.service("svc").events))
    harness.time.let_pass(LONGER)
    assert "listens on port 5000, but the port of the service is 8000" in harness.until("svc", "Failed").seen.message
