import argparse
import builtins
import enum
import functools
import inspect
import json
import linecache
import os
import re
from typing import Any, NamedTuple

import pytest

from airflow_provider_pai.model.function.captures import function_problems, may_use_outer_names, outer_names

RATE = 0.1


def helper(value: float) -> float:
    return value * 2


def complete(rate: float = 0.1, *, epochs: int = 3, **more: Any) -> dict[str, float]:
    import json

    class Model:
        size = 3
        area = size * size

        def fit(self, x: int) -> int:
            return x + self.size

    total = sum(x * rate for x in range(epochs))
    return {"loss": json.loads(str(total)), "fit": Model().fit(1), "name": len(__name__)}


def recursive(n: int) -> int:
    return 1 if n < 2 else n * recursive(n - 1)


def uses_global() -> float:
    return (
        RATE
        * 2
    )  # fmt: skip


def uses_helper(value: float) -> float:
    return helper(value)


def uses_module() -> str:
    return os.fspath("a")


def uses_global_deep() -> list[float]:
    return [(lambda y: y * RATE)(x) for x in range(3)]


def sets_global() -> None:
    global RATE
    RATE = 2


async def coroutine() -> None: ...


def generator() -> Any:
    yield 1


def default_of_path(path=os.sep, where=os) -> None: ...


def default_of_nan(value=float("nan")) -> None: ...


def closure() -> Any:
    rate = 3

    def inner() -> int:
        return rate

    return inner


def logged(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        print(RATE)
        return function(*args, **kwargs)

    return wrapper


def test_a_function_that_needs_nothing_from_outside_may_travel() -> None:
    assert function_problems(complete) == []
    assert function_problems(recursive) == []


def test_an_included_helper_may_be_called() -> None:
    assert function_problems(uses_helper, [helper]) == []


@pytest.mark.parametrize(
    ("function", "name", "line_of"),
    [
        (uses_global, "'RATE'", "RATE\n"),
        (uses_helper, "'helper'", "return helper(value)"),
        (uses_module, "'os'", "return os.fspath"),
        (uses_global_deep, "'RATE'", "return [(lambda y"),
        (sets_global, "'RATE'", "RATE = 2"),
    ],
)
def test_a_name_from_outside_is_refused_with_its_line(function: Any, name: str, line_of: str) -> None:
    import inspect

    lines, start = inspect.getsourcelines(function)
    line = start + next(number for number, text in enumerate(lines) if text.strip().startswith(line_of.strip()))
    [problem] = function_problems(function)
    assert name in problem
    assert f"line {line}," in problem


@pytest.mark.parametrize(
    ("function", "word"),
    [
        (coroutine, "coroutine"),
        (generator, "generator"),
        (lambda: 1, "lambda"),
        (closure(), "'rate'"),
        (logged(complete), "function complete (line"),
        (logged(complete), "another decorator"),
        (len, "plain function"),
        (functools.partial(complete, 1), "plain function"),
        (default_of_path, "default of where"),
        (default_of_nan, "default of value"),
    ],
)
def test_what_cannot_travel_is_refused_by_what_it_is(function: Any, word: str) -> None:
    problems = function_problems(function)
    assert len(problems) == 1
    assert word in problems[0]


def defined(text: str, name: str = "f", **module: Any) -> Any:
    """A function of a text, whose source can be read as that of a cell of a notebook can."""
    file = f"<cell {len(linecache.cache)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), module)
    return module[name]


@pytest.mark.parametrize("name", ["sum", "open", "print", "ValueError"])
def test_a_name_of_the_module_in_the_place_of_a_builtin_is_refused(name: str) -> None:
    text = f"def f(x):\n    return {name}(x)\n"
    assert function_problems(defined(text)) == []
    assert function_problems(defined(text, **{name: getattr(builtins, name)})) == []
    [problem] = function_problems(defined(text, **{name: helper}))
    assert f"uses '{name}' in line 2" in problem


def test_names_that_no_source_has_are_none_of_its_module() -> None:
    rewritten = defined("def f(x):\n    y = ArThe()\n    return y\n").__code__
    code = rewritten.replace(co_names=("@pytest_ar",))
    assert not may_use_outer_names(code, (), {})
    assert list(outer_names(code, (), {})) == []


def test_a_lambda_with_another_name_is_a_lambda() -> None:
    renamed = lambda: 1  # noqa: E731
    renamed.__name__ = "renamed"
    [problem] = function_problems(renamed)
    assert "lambda" in problem


def test_two_helpers_of_one_name_are_refused() -> None:
    first, second = (defined(f"def g():\n    return {number}\n", "g") for number in (1, 2))
    function = defined("def f():\n    return g()\n")
    for each in (first, second):
        each.__module__ = function.__module__
    assert function_problems(function, [first]) == []
    [problem] = function_problems(function, [first, second])
    assert "two functions of the name 'g'" in problem


def test_a_function_without_source_is_refused() -> None:
    space: dict[str, Any] = {}
    exec("def made(): return 1", space)
    [problem] = function_problems(space["made"])
    assert "has no source code (<string>)" in problem


class Colour(enum.Enum):
    RED = "red"


class Size(enum.StrEnum):
    LARGE = "large"


class Point(NamedTuple):
    x: int


@pytest.mark.parametrize("value", [Colour.RED, Size.LARGE, Point(1), [Size.LARGE], {"a": (Point(1),)}])
def test_a_default_that_would_lose_its_type_is_refused(value: Any) -> None:
    def function(x: Any = value) -> None: ...

    [problem] = function_problems(function)
    assert re.search(
        r"the default of x.* is of the type .*, which JSON does not have; pass its \.(value|_asdict)", problem
    )


def test_a_helper_of_another_module_is_refused() -> None:
    import textwrap

    assert "module textwrap" in " ".join(function_problems(complete, [textwrap.dedent]))


def functions_of_python() -> list[Any]:
    """Functions of every kind: those of the standard library, and one with very many names."""
    modules = (argparse, functools, inspect, json, os)
    found = [each for module in modules for each in vars(module).values() if inspect.isfunction(each)]
    many = "\n".join(f"    x.n{number} = len(str(x.m{number}))" for number in range(400))
    space: dict[str, Any] = {}
    exec(f"def many(x):\n{many}\n    return outer_name\n\ndef fine(x):\n{many}\n", space)
    return [*found, space["many"], space["fine"], complete, recursive, uses_global]


def test_the_quick_look_says_no_only_when_the_exact_one_finds_nothing() -> None:
    quick = {each: may_use_outer_names(each.__code__, (), each.__globals__) for each in functions_of_python()}
    exact = {each: any(outer_names(each.__code__, (), each.__globals__)) for each in quick}
    assert [each.__name__ for each in quick if exact[each] and not quick[each]] == []
    # Of these only those with a class inside need the exact look to be found fine.
    assert [each.__name__ for each in quick if quick[each] and not exact[each]] == ["complete"]
    assert {exact[each] for each in quick} == {False, True}
    found = {each.__name__: value for each, value in quick.items()}
    assert (found["many"], found["fine"]) == (True, False)
