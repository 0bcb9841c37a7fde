"""Source code with files of the task beside it keeps the name that its author knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_pai.client.oss.delta import map_place
from airflow_provider_pai.client.packaging.overlay import origin, overlaid
from airflow_provider_pai.client.packaging.source import read_source
from airflow_provider_pai.model.uri import OssUri


def test_two_uploads_of_a_folder_that_reports_are_of_one_folder(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print(1)")
    found = []
    for text in ("one", "two"):
        with overlaid(str(tmp_path), {"pai_report.py": text}) as folder:
            assert folder != str(tmp_path)
            found.append(read_source(folder))
        assert origin(folder) == folder
    assert [each.path for each in found] == [str(tmp_path)] * 2
    assert found[0].digest != found[1].digest
    # The map of what was sent last, without which all of a large package is sent again.
    places = {map_place(each, OssUri.parse("oss://bucket/pai/")) for each in found}
    assert len(places) == 1


def test_a_function_without_source_code_is_called_one(tmp_path: Path) -> None:
    with overlaid(None, {"function.py": "print(1)"}) as folder:
        assert read_source(folder).path == "the task's function"


def test_the_name_is_forgotten_when_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyError), overlaid(str(tmp_path), {"pai_report.py": ""}) as folder:
        raise KeyError
    assert origin(folder) == folder
