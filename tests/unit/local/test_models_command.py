"""Commands of a person who decides about models: what they say without a server, or without a name."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest

from airflow_provider_pai.local.__main__ import main


def test_a_user_without_a_name_is_asked_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A container may run as a number that its list of users does not have."""

    def unknown(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    assert main(["models", "approve", "churn", "0.1.0", "--home", str(tmp_path)]) == 1
    assert "name the one who decides with --by" in capsys.readouterr().err
