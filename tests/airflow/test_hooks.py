"""Hooks against local PAI."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import Connection

from airflow_provider_pai.errors import NotFoundError, PAIError
from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.local.server import LocalPAI
from tests.support.attempt import Attempt, training


def test_files_and_folders_go_to_oss_and_back(pai: LocalPAI, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "a b.txt").write_text("one")
    (source / "deep" / "ü.txt").write_text("two")
    oss = PAIOSSHook()
    home = oss.default_folder("tests", "round trip")
    assert oss.upload(source, home) == home
    assert oss.upload(source / "a b.txt", home + "single/") == home + "single/a b.txt"
    assert oss.exists(home)
    assert oss.exists(home + "deep/ü.txt")
    assert not oss.exists(home + "deep/none")
    assert [(uri.removeprefix(home), size) for uri, size in oss.list(home)] == [
        ("a b.txt", 3),
        ("deep/ü.txt", 3),
        ("single/a b.txt", 3),
    ]
    back = oss.download(home, tmp_path / "back")
    assert [path.relative_to(tmp_path / "back").as_posix() for path in back] == [
        "a b.txt",
        "deep/ü.txt",
        "single/a b.txt",
    ]
    assert (tmp_path / "back" / "deep" / "ü.txt").read_text() == "two"


def test_a_key_that_would_leave_the_folder_is_not_written(pai: LocalPAI, tmp_path: Path) -> None:
    oss = PAIOSSHook()
    home = oss.default_folder("tests", "hostile")
    oss.write(home + "../../outside", b"x")
    with pytest.raises(PAIError, match="out of"):
        oss.download(home, tmp_path / "in" / "side")
    assert not (tmp_path / "outside").exists()


def test_downloading_nothing_is_an_error(pai: LocalPAI, tmp_path: Path) -> None:
    oss = PAIOSSHook()
    with pytest.raises(NotFoundError):
        oss.download(oss.default_folder("tests", "nothing"), tmp_path)
    with pytest.raises(NotFoundError):
        oss.download(oss.default_folder("tests") + "nothing.txt", tmp_path)


def test_the_connection_can_be_tried(pai: LocalPAI, monkeypatch: pytest.MonkeyPatch) -> None:
    good, message = PAITrainingHook().test_connection()
    assert good, message
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", pai.ready.airflow_conn_uri.replace("workspace_id=", "workspace_id=9"))
    good, message = PAITrainingHook("wrong").test_connection()
    assert not good
    assert "GetWorkspace" in message


@pytest.mark.parametrize(
    ("extra", "good", "said"),
    [
        ({"bucket": "no-such-bucket"}, False, "Storage does not answer: .*no-such-bucket.*Image catalog answers"),
        (
            {"oss_endpoint": "http://127.0.0.1:9"},
            False,
            r"Storage does not answer: OSS gave no answer .*: ConnectionError \(.*refused\)",
        ),
        ({"endpoint": "http://127.0.0.1:9"}, False, "Workspace does not answer: .*no answer from 127.0.0.1:9"),
        ({"oss_bucket": "models"}, True, r"Extra has what nothing reads: 'oss_bucket' \(did you mean 'bucket'\?\)"),
    ],
)
def test_trying_a_connection_says_which_part_is_wrong(
    pai: LocalPAI, monkeypatch: pytest.MonkeyPatch, extra: dict[str, str], good: bool, said: str
) -> None:
    ready = pai.ready
    connection = Connection(
        conn_id="tried",
        conn_type="pai",
        login=ready.access_key_id,
        password=ready.access_key_secret,
        extra=json.dumps({**ready.extra, **extra}),
    )
    monkeypatch.setenv("AIRFLOW_CONN_TRIED", connection.get_uri())
    answers, message = PAITrainingHook("tried").test_connection()
    assert (answers, bool(re.search(said, message))) == (good, True), message
    assert ready.access_key_secret not in message
    assert len(message) < 700


def test_an_alibaba_cloud_connection_serves_too(pai: LocalPAI, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = pai.ready
    extra = {
        "access_key_id": ready.access_key_id,
        "access_key_secret": ready.access_key_secret,
        "region": ready.region_id,
        "workspace_id": ready.workspace_id,
        "endpoint": ready.api,
        "oss_endpoint": ready.oss,
    }
    connection = Connection(conn_id="ali", conn_type="alibaba_cloud", extra=json.dumps(extra))
    monkeypatch.setenv("AIRFLOW_CONN_ALI", connection.get_uri())
    good, message = PAITrainingHook("ali").test_connection()
    assert good, message


def test_a_connection_may_assume_a_role_to_train(pai: LocalPAI, monkeypatch: pytest.MonkeyPatch) -> None:
    role = "credential_type=ram_role_arn&role_arn=acs%3Aram%3A%3A1234567890123456%3Arole%2Fairflow"
    monkeypatch.setenv("AIRFLOW_CONN_PAI_DEFAULT", f"{pai.ready.airflow_conn_uri}&{role}")
    assert training(command="true").execute(Attempt().context)["status"] == "Succeed"
    used = PAITrainingHook().keys.current()
    assert used.access_key_id.startswith("STS.")
    assert used.security_token


def test_stopping_a_job_that_has_ended_or_is_gone_is_no_error(pai: LocalPAI) -> None:
    value = training(command="true").execute(Attempt().context)
    PAITrainingHook().stop(value["job_id"])
    PAITrainingHook().stop("train00000000000")
