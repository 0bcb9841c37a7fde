import ast
import dataclasses
import enum
import importlib
import importlib.util
import inspect
import json
import os
import sys
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from airflow_provider_pai.model.function.captures import function_problems
from airflow_provider_pai.model.function.package import CALL_FILE, function_files

OFFSET = 3


def helper(value: float) -> float:
    return value * 2


def decorate(**_: Any) -> Any:
    return lambda function: function


@decorate(
    instance_type="ecs.c6.large",
)
def train(rate: float, epochs: int = OFFSET + 1, *, name: str = "é" + str(OFFSET), tags: Any = ("a",)) -> Any:
    """Train."""
    text = """
  keeps
its margin"""
    return {"rate": helper(rate), "epochs": epochs, "name": name, "text": text, "tags": list(tags)}


def nested() -> Any:
    @decorate()
    def inner(x: int) -> str:
        return f"""a
b{x}"""

    return inner


def as_json(value: Any) -> Any:
    """A value as it travels: tuples are lists."""
    return json.loads(json.dumps(value))


def run(files: dict[str, str]) -> Any:
    call = json.loads(files[CALL_FILE])
    space: dict[str, Any] = {"__name__": call["module"]}
    exec(compile(files["pai_task.py"], "pai_task.py", "exec"), space)
    return space[call["function"]](*call["args"], **call["kwargs"])


def test_the_packed_function_returns_what_the_function_returns() -> None:
    assert run(function_files(train, [helper], [0.5], {})) == train(0.5)
    assert run(function_files(train, [helper], [], {"rate": 1, "name": "x", "epochs": 7})) == train(
        1, name="x", epochs=7
    )
    assert run(function_files(nested(), [], [4], {})) == nested()(4)


@pytest.mark.parametrize("function", [train, nested()])
def test_lines_keep_the_numbers_they_have_in_the_functions_own_file(function: Any) -> None:
    module = function_files(function, [helper], [1], {})["pai_task.py"].splitlines()
    lines, start = inspect.getsourcelines(function)
    first = start - 1 + next(number for number, line in enumerate(lines) if line.strip().startswith("def "))
    last = start - 1 + len(lines) - 1
    assert module[first].strip().startswith(f"def {function.__name__}")
    assert module[last] == lines[-1].rstrip("\n")


def defined(folder: Path, text: str, encoding: str = "utf-8", name: str = "f") -> Any:
    """A function of a file, as Airflow reads one."""
    file = folder / f"{name}_dag.py"
    file.write_bytes(text.encode(encoding))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.__dict__["mark"] = decorate
    spec.loader.exec_module(module)
    return module.__dict__[name]


ODD = "a\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029é"
"""``str.splitlines`` ends a line at most of these, Python's parser at none."""


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("def f(x):\r\n    return [x, '''a\r\nb''']\r\n", "utf-8"),
        ("\x0c\ndef f(x):\n    return x\n", "utf-8"),
        ("\x0cdef f(x):\n    return x\n", "utf-8"),
        ("if True:\n  \x0c  def f(x):\n    return x\n", "utf-8"),
        (f"@mark(a='{ODD}')\ndef f(x):\n    return x\n", "utf-8"),
        (
            (f"@mark(\n  a='{ODD}',  # {ODD}\n)\n"
            f"def f(x, *, y='{ODD}', z=str(1) + '{ODD}', v=str(2)):\n    return x, y, z, v\n"),
            "utf-8",
        ),
        (f"if True:\n\t@mark(a='{ODD}')\n\tdef f(x):\n\t\treturn x, '{ODD}'\n", "utf-8"),
        ("# -*- coding: latin-1 -*-\ndef f(x):\n    return x, 'é'\n", "latin-1"),
        ("# -*- coding: gbk -*-\n@mark(a='数')\ndef f(x, y='数' + '据'):\n    return x, y, '数据'\n", "gbk"),
        ("\ufeffdef f(x):\n    return x, '数据'\n", "utf-8"),
        ("def f(x): return x", "utf-8"),
        ("def \\\n  f(x): y = x; return y\nz = 1\n", "utf-8"),
    ],
)  # fmt: skip
def test_the_source_of_a_file_is_read_as_python_reads_it(tmp_path: Path, text: str, encoding: str) -> None:
    function = defined(tmp_path, text, encoding)
    files = function_files(function, [], [1], {})
    assert as_json(run(files)) == as_json(function(1))
    expected, found = (
        next(each.lineno for each in ast.walk(ast.parse(source)) if isinstance(each, ast.FunctionDef))
        for source in (text.lstrip("\ufeff"), files["pai_task.py"])
    )
    assert found == expected


def test_a_function_in_an_archive_of_dags_is_read_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "dags.zip", "w") as archive:
        archive.writestr("zipped_dag.py", "def f(x):\n    return [x, 'é']\n")
    monkeypatch.syspath_prepend(str(tmp_path / "dags.zip"))
    function = importlib.import_module("zipped_dag").f
    assert function_problems(function) == []
    assert run(function_files(function, [], [1], {})) == [1, "é"]


def test_a_file_that_was_changed_after_it_was_read_is_refused(tmp_path: Path) -> None:
    old = "def f(x):\n    return x\n"
    function = defined(tmp_path, f"def other(x):\n    return -x\n\n\n{old}")
    assert run(function_files(function, [], [1], {})) == 1
    file = Path(function.__code__.co_filename)
    for text in (f"{old}\n\ndef other(x):\n    return -x\n", "\n\n\n\ndef f(x, y=1):\n    return y\n"):
        file.write_text(text)
        os.utime(file, (0, len(text)))
        with pytest.raises(ValueError, match=r"something else than function f in line|can't be read"):
            function_files(function, [], [1], {})


def test_a_function_has_in_the_job_the_name_of_its_source(tmp_path: Path) -> None:
    function = defined(tmp_path, "def f(x):\n    return f is not None, x\n")
    function.__name__ = "renamed"
    assert as_json(run(function_files(function, [], [1], {}))) == as_json([True, 1])


ANNOTATED = """
{future}
import dataclasses
from typing import Optional


def f(x: Optional[int], *more: Absent[int], y: 'Absent' = None, **rest: Optional[str]) -> Optional[int]:
    import dataclasses

    def inner(a: int, b: str = "") -> float: ...

    @dataclasses.dataclass
    class Config:
        a: int = 3

    return [str(inner.__annotations__), str(dataclasses.fields(Config)[0].type), x]
"""


@pytest.mark.parametrize("future", ["", "from __future__ import annotations"])
def test_annotations_inside_mean_what_they_mean_here(
    tmp_path: Path, future: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = ANNOTATED.format(future=future).replace("Absent[int]", "Absent[int]" if future else "Optional[int]")
    function = defined(tmp_path, text)
    files = function_files(function, [], [1], {})
    # Dataclasses look their module up.
    monkeypatch.setitem(sys.modules, "pai_task", ModuleType("pai_task"))
    monkeypatch.setitem(sys.modules, function.__module__, ModuleType(function.__module__))
    assert run(files) == function(1)
    assert ("__future__" in files["pai_task.py"]) == bool(future)


def test_hints_of_parameters_need_no_newer_python() -> None:
    def hinted(a: "Absent[int]", b: list[int] | None = None) -> "dict[str, Any]":  # noqa: F821
        return {"a": a, "b": b}

    module = function_files(hinted, [], [1], {})["pai_task.py"]
    assert "__future__" not in module
    assert ast.parse(module, feature_version=(3, 6))
    assert run(function_files(hinted, [], [1], {})) == {"a": 1, "b": None}


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.1), np.int8(3), np.bool_(True), np.array(2.5)])
def test_numbers_of_numpy_are_numbers(value: Any) -> None:
    assert run(function_files(helper, [], [], {"value": value})) == value * 2
    nested = json.loads(function_files(helper, [], [{"a": [value]}], {})[CALL_FILE])
    assert nested["args"] == [{"a": [value.item()]}]


@dataclasses.dataclass
class Point:
    x: int


class Colour(enum.StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), r"datetime\.datetime, .* pass its \.isoformat\(\)"),
        (date(2026, 1, 1), r"datetime\.date, .* pass its \.isoformat\(\)"),
        (timedelta(1), r"timedelta, .* \.total_seconds\(\)"),
        (Path("a"), r"PosixPath, .* str\(\.\.\.\)"),
        (Decimal(1), r"decimal\.Decimal, .* str\(\.\.\.\)"),
        (b"x", "type bytes, .* base64"),
        ({1}, "type set, .* pass a list"),
        (Colour.RED, r"Colour, .* pass its \.value"),
        (Point(1), r"Point, .* dataclasses\.asdict"),
        (np.array([1]), r"numpy\.ndarray, .* \.tolist\(\)"),
        (np.float32("nan"), "nan, which JSON does not have"),
        (np.datetime64("2026-01-01"), r"numpy\.datetime64, .* \.isoformat"),
        (1j, "type complex, .* convert it"),
    ],
)
def test_an_error_about_an_argument_says_what_to_do(value: Any, advice: str) -> None:
    with pytest.raises(ValueError, match=rf"argument rate\['a'\]\[0\] is (of the type )?.*{advice}"):
        function_files(train, [helper], [], {"rate": {"a": [value]}})


def test_a_value_that_holds_itself_is_refused_in_a_short_sentence() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(ValueError, match=r"^argument rate is nested more than 100 levels deep"):
        function_files(train, [helper], [value], {})


def test_a_function_without_annotations_needs_no_newer_python() -> None:
    def plain(a, b=2):
        return a + b

    assert "__future__" not in function_files(plain, [], [1], {})["pai_task.py"]
    assert run(function_files(plain, [], [1], {})) == 3


def test_the_same_arguments_give_the_same_files() -> None:
    assert function_files(train, [helper], [0.5], {}) == function_files(train, [helper], [], {"rate": 0.5})
    assert function_files(train, [helper], [0.5], {}) != function_files(train, [helper], [0.6], {})


@pytest.mark.parametrize("value", [float("nan"), object(), {1: 2}, {"deep": [b"bytes"]}, "\ud800"])
def test_an_argument_that_is_no_json_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ValueError, match="argument rate"):
        function_files(train, [helper], [], {"rate": value})


def test_wrong_arguments_are_refused_before_anything_runs() -> None:
    with pytest.raises(ValueError, match="train: missing a required argument: 'rate'"):
        function_files(train, [helper], [], {})
    space: dict[str, Any] = {}
    exec("def made(): return 1", space)
    with pytest.raises(ValueError, match="source of function"):
        function_files(space["made"], [], [], {})
