"""A person lists, approves and rejects versions of models: at the command line, and on local PAI's pages."""

from __future__ import annotations

import http.client
import json
import logging
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from airflow_provider_pai.api.endpoints import model_page
from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.local.__main__ import main
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.registry.lineage import Lineage, write_lineage
from airflow_provider_pai.model.registry.registration import APPROVED_AT_LABEL, APPROVED_BY_LABEL, REASON_LABEL
from airflow_provider_pai.model.registry.version import ModelVersion, RegisteredModel
from airflow_provider_pai.model.uri import OssUri
from tests.support.machine import missing
from tests.support.waits import PATIENCE

EVIL = """</td><script>document.title='owned'</script>"""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Registry:
    """A server, and what it has in its registry."""

    def __init__(self, home: Path, pai: LocalPAI) -> None:
        self.home, self.ready = home, pai.ready
        keys = KeyPair(self.ready.access_key_id, self.ready.access_key_secret)
        self.config = ClientConfig(
            self.ready.region_id, self.ready.workspace_id, keys, endpoint=self.ready.api, oss_endpoint=self.ready.oss
        )
        client = PAIClient(self.config)
        self.close: Callable[[], None] = client.close
        self.models = ModelRegistry(client, self.ready.workspace_id, logging.getLogger(__name__))
        self._number = 0

    def add(self) -> tuple[RegisteredModel, str]:
        """A model of a new name with one version, and a record beside it."""
        self._number += 1
        name, uri = f"churn {self._number}/{EVIL}", f"oss://pai-local/models/{self._number}/"
        self.models.create(name)
        model = self.models.find(name)
        assert model is not None
        body = {"Uri": uri, "Metrics": {"accuracy": 0.9, EVIL: 1}, "InferenceSpec": {"env": {"TOKEN": "canary"}}}
        lineage = Lineage(model_uri=uri, job_id="train1", command=f"python train.py {EVIL}")
        ObjectStorage(self.config).write(OssUri.parse(f"{uri}lineage.json"), write_lineage(lineage))
        return model, self.models.create_version(model, body)

    def version(self, model: RegisteredModel, name: str) -> ModelVersion:
        return self.models.version(model, name)

    def run(self, *words: str) -> int:
        return main(["models", *words, "--home", str(self.home)])

    def ask(
        self, method: str, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, str, http.client.HTTPMessage]:
        netloc = urlsplit(self.ready.api).netloc
        connection = http.client.HTTPConnection(netloc, timeout=PATIENCE)
        body = None if form is None else urlencode(form)
        connection.request(method, path, body, {"Host": netloc, **headers})
        response = connection.getresponse()
        found = response.status, response.read().decode(), response.headers
        connection.close()
        return found


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    home = tmp_path_factory.mktemp("pai")
    with LocalPAI(home, sandbox=Mode.PLAIN) as pai:
        registry = Registry(home, pai)
        yield registry
        registry.close()


def path_of(registry: Registry, model: RegisteredModel) -> str:
    return urlsplit(model_page("cn-hangzhou", "12345", model.model_id, registry.ready.api)).path


def test_models_are_listed_and_shown_with_where_they_come_from(
    registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    model, version = registry.add()
    assert registry.run("list") == 0
    listed = capsys.readouterr().out
    assert [line for line in listed.splitlines() if line.startswith(model.name)]
    assert registry.run("show", model.name) == 0
    shown = capsys.readouterr().out
    for expected in (version, "Pending", "accuracy 0.9", "Job", "train1", "python train.py"):
        assert expected in shown
    assert "canary" not in shown


@pytest.mark.parametrize(("command", "status"), [("approve", "Approved"), ("reject", "Rejected")])
def test_a_decision_at_the_command_line_is_kept_with_who_and_why(
    registry: Registry, capsys: pytest.CaptureFixture[str], command: str, status: str
) -> None:
    model, name = registry.add()
    assert registry.run(command, model.name, name, "--by", "Ann, Bo", "--reason", "recall = 0.4") == 0
    assert f"is {status}" in capsys.readouterr().out
    version = registry.version(model, name)
    assert version.approval_status == status
    assert version.labels[APPROVED_BY_LABEL] == "Ann- Bo"
    assert version.labels[REASON_LABEL] == "recall - 0.4"
    assert version.labels[APPROVED_AT_LABEL].endswith("Z")


def test_a_decision_is_final_and_the_same_one_again_changes_nothing(
    registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    model, name = registry.add()
    assert registry.run("approve", model.name, name, "--by", "first") == 0
    before = registry.version(model, name)
    assert registry.run("approve", model.name, name, "--by", "second") == 0
    assert registry.version(model, name) == before
    assert registry.run("reject", model.name, name, "--reason", "x") == 1
    assert "the version is Approved, which is final" in capsys.readouterr().err
    assert registry.version(model, name) == before


def test_what_is_not_there_is_one_clear_line(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, _ = registry.add()
    assert registry.run("show", "absent") == 1
    assert registry.run("approve", model.name, "9.9.9") == 1
    assert main(["models", "list", "--home", str(tmp_path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert "There is no model 'absent'" in lines[0]
    assert "has no version 9.9.9" in lines[1]
    assert "no local PAI is running" in lines[2]
    assert len(lines) == 3


def test_a_rejection_without_a_reason_is_an_error_of_the_command_line(
    registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        registry.run("reject", "churn", "0.1.0")
    assert "--reason" in capsys.readouterr().err


@pytest.mark.parametrize("status", ["Approved", "Rejected"])
def test_a_person_decides_on_the_page_of_a_model(registry: Registry, status: str) -> None:
    model, name = registry.add()
    page = registry.ask("GET", path_of(registry, model))[1]
    assert "python train.py" in page
    assert "<script" not in page
    assert "canary" not in page
    form = {"token": registry.ready.admin_token, "status": status, "reason": EVIL, "by": "a person"}
    origin = {"Origin": registry.ready.api}
    answer, _, headers = registry.ask("POST", f"{path_of(registry, model)}/versions/{name}", form, **origin)
    assert (answer, headers["location"]) == (303, path_of(registry, model))
    version = registry.version(model, name)
    assert (version.approval_status, version.labels[APPROVED_BY_LABEL]) == (status, "a person")
    page = registry.ask("GET", path_of(registry, model))[1]
    assert "<form" not in page, "there is nothing left to decide"
    assert "<script" not in page


@pytest.mark.parametrize(
    ("token", "headers", "expected"),
    [
        ("", {}, 401),
        ("wrong", {}, 401),
        ("right", {"Origin": "https://elsewhere.example"}, 403),
        ("right", {"Origin": "null"}, 403),
        ("right", {"Host": "rebound.example:80"}, 403),
    ],
)
def test_nothing_is_decided_without_the_token_or_for_another_site(
    registry: Registry, token: str, headers: dict[str, str], expected: int
) -> None:
    model, name = registry.add()
    form = {"token": registry.ready.admin_token if token == "right" else token, "status": "Approved"}
    answer, page, _ = registry.ask("POST", f"{path_of(registry, model)}/versions/{name}", form, **headers)
    assert answer == expected
    assert registry.ready.admin_token not in page
    assert registry.version(model, name).approval_status == "Pending"


def test_a_decision_that_can_not_be_is_said_on_the_page(registry: Registry) -> None:
    model, name = registry.add()
    path = f"{path_of(registry, model)}/versions"
    form = {"token": registry.ready.admin_token, "status": "Approved"}
    assert registry.ask("POST", f"{path}/{name}", form)[0] == 303
    status, page, _ = registry.ask("POST", f"{path}/{name}", {**form, "status": "Rejected"})
    assert (status, "which is final" in page) == (400, True)
    assert registry.ask("POST", f"{path}/{name}", {**form, "status": "Perhaps"})[0] == 400
    assert registry.ask("POST", f"{path}/9.9.9", form)[0] == 404
    assert registry.ask("POST", "/pages/models/absent/versions/0.1.0", form)[0] == 404
    assert registry.ask("POST", f"{path}/{name}", {"token": "x" * 100_000})[0] == 401


def test_the_page_says_where_the_token_is_and_has_none_of_it(registry: Registry) -> None:
    model, _ = registry.add()
    page = registry.ask("GET", path_of(registry, model))[1]
    assert "admin-token.json" in page
    assert json.loads((registry.home / "admin-token.json").read_text()) == registry.ready.admin_token
    assert registry.ready.admin_token not in page


def test_a_browser_shows_the_form_and_runs_nothing_of_the_page(registry: Registry, tmp_path: Path) -> None:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        missing("chromium", "no Chromium is installed")
    model, name = registry.add()
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--virtual-time-budget=2000"]
    address = f"{registry.ready.api}{path_of(registry, model)}"
    command = [program, *flags, "--dump-dom", address]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    assert f'action="{path_of(registry, model)}/versions/{name}"' in shown
    assert "Approve</button>" in shown
    assert "<title>owned" not in shown
    assert "<script" not in shown
