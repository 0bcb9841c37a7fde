import inspect
import json
from typing import Any

import pytest

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
