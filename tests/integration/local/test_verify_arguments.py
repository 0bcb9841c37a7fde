"""``pai-local verify``: what is refused before anything is sent, and what a report has of a value."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pai.local.__main__ import main
from airflow_provider_pai.local.verify.command import shape


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--conn-uri", "pai://canary:canary@/?region_id=x"], "the connection lacks workspace_id"),
        (["--conn-uri", "pai://[canary"], "--conn-uri: it is no URI"),
        (["--conn-uri", ""], "--conn-uri: it is empty; name a connection of Airflow with --conn-id"),
        (["--conn-uri", "mysql://a:canary@/?region_id=x&workspace_id=1"], "--conn-uri: it is no URI such as pai://"),
        (["--conn-uri", '{"conn_type": "pai", "password": "canary"}'], "--conn-id reads connections in JSON"),
        (
            ["--conn-uri", "pai:///?region_id=x&workspace_id=1&credential_type=default"],
            "its credentials are no key and secret; name the connection with --conn-id",
        ),
        (
            ["--conn-uri", "pai://a:canary@/?region_id=x&workspace_id=1&network=lan"],
            "network must be 'public' or 'vpc'",
        ),
        (["--conn-id", "pai_default"], "read by the command pai-local only"),
        (["--conn-uri", "pai://a:b@/?region_id=x&workspace_id=1", "--probe", "zzz"], "there is no probe zzz"),
        (
            ["--conn-uri", "pai://a:b@/?region_id=x&workspace_id=1", "--paid"],
            "--paid needs --image and --price-per-hour",
        ),
        (
            ["--conn-uri", "pai://a:b@/?region_id=x&workspace_id=1", "--report", "/absent/x"],
            "--report: there is no folder",
        ),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_sent(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert main(["verify", *arguments]) == 1
    error = capsys.readouterr().err
    assert expected in error
    assert "canary" not in error


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Status": 1, "Labels": ["x", "y"]}, {"Labels": ["str"], "Status": "int"}),
        ({"Environments": {"canary": "canary", "second": 1}}, {"Environments": {"*": "int"}}),
        ([], []),
        (None, "NoneType"),
    ],
)
def test_a_shape_has_names_and_types_only(value: Any, expected: Any) -> None:
    assert shape(value) == expected
