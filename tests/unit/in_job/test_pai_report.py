"""What a program may report, which it learns on a laptop already; and that older Pythons can read the files."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import airflow_provider_pai.in_job
from airflow_provider_pai.in_job import pai_report

FILES = sorted(Path(airflow_provider_pai.in_job.__file__).parent.glob("*.py"))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"a": [2**63]}, r"result\['a'\]\[0\] is a whole number of more than 64 bits"),
        (-(2**63) - 1, "result is a whole number of more than 64 bits"),
        ({"a": "x\0y"}, r"result\['a'\] holds the character NUL"),
        ({"\0": 1}, "result holds the character NUL"),
        ([{"__classname__": "x"}], r"result\[0\] has the key '__classname__', which Airflow keeps for itself"),
        ({"__type": "x", "__var": 1}, "has the key '__type'"),
        ({"a": object()}, r"result\['a'\] is of the type object, which JSON does not have"),
        (np.float32("inf"), "result is inf, which JSON does not have"),
        ("é" * 32768, r"result has 65538 bytes as JSON, 65536 at most"),
    ],
)
def test_what_airflow_cannot_keep_is_refused_by_its_place(value: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        pai_report.result(value)


@pytest.mark.parametrize(
    "value",
    [2**63 - 1, -(2**63), True, 1e308, "", {"__data__": 1}, "x" * 65534, (1, [2]), np.int8(1), np.float32(0.5)],
)
def test_all_else_can_be_reported(value: Any) -> None:
    pai_report.result(value)


def test_numbers_of_numpy_are_reported_as_what_they_hold() -> None:
    text = pai_report.strict_json("result", {"a": np.float32(0.1), "b": [np.bool_(True)], "c": np.array(3)})
    assert text == f'{{"a": {float(np.float32(0.1))!r}, "b": [true], "c": 3}}'


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_beside_the_code_is_written_in_python_3_6(file: Path) -> None:
    source = file.read_text("utf-8")
    tree = ast.parse(source, feature_version=(3, 6))
    # Hints of variables and parameters are read when the module is.
    assert "from __future__ import annotations" not in source
    hints = [each.annotation for each in ast.walk(tree) if isinstance(each, ast.arg | ast.AnnAssign)]
    for hint in filter(None, hints):
        assert not any(isinstance(each, ast.BinOp) for each in ast.walk(hint)), ast.unparse(hint)
        subscripted = [each.value for each in ast.walk(hint) if isinstance(each, ast.Subscript)]
        assert all(ast.unparse(each)[0].isupper() for each in subscripted), ast.unparse(hint)
