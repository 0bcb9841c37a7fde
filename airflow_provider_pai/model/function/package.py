"""The files that a function travels as: its source, its arguments, and what calls it and reports back."""

from __future__ import annotations

import ast
import inspect
import json
import linecache
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from airflow_provider_pai.in_job.pai_report import strict_json

MODULE = "pai_task"
"""Name of the module that holds the function in the job."""
CALL_FILE = "pai_function.json"
COMMAND = "python pai_function.py"
_FUTURE = "from __future__ import annotations\n"
_PARSING = threading.Lock()


def function_files(
    function: Callable[..., Any],
    include: Collection[Callable[..., Any]],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> dict[str, str]:
    """Return the files beside a job's source code that run a function, by name.

    Line numbers in the job's traceback are those of the function's own file.

    Args:
        function: the function; :func:`~airflow_provider_pai.model.function.captures.function_problems` finds nothing.
        include: functions of the same module that travel along.
        args: positional arguments.
        kwargs: arguments by name.

    Raises:
        ValueError: an argument is no JSON value, or the source can't be read.
    """
    call = {"module": MODULE, "function": function.__name__, **_bound(function, args, kwargs)}
    return {
        f"{MODULE}.py": _module_text([function, *include]),
        CALL_FILE: json.dumps(call, ensure_ascii=False, allow_nan=False, indent=1),
        "pai_function.py": _in_job("pai_function.py"),
        **report_files(),
    }


def report_files() -> dict[str, str]:
    """Return the file that lets a job report back."""
    return {"pai_report.py": _in_job("pai_report.py")}


def _in_job(name: str) -> str:
    return (resources.files("airflow_provider_pai.in_job") / name).read_text("utf-8")


def _bound(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Bind arguments here, defaults too: an expression for a default may use what the job does not have."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        raise ValueError(f"function {function.__name__}: {error}") from error
    bound.apply_defaults()
    for name, value in bound.arguments.items():
        try:
            strict_json(name, value)
        except ValueError as error:
            raise ValueError(f"argument {error}; arguments of {function.__name__} travel as JSON") from None
    return {"args": list(bound.args), "kwargs": bound.kwargs}


def _module_text(functions: Collection[Callable[..., Any]]) -> str:
    """Return the source of functions of one module, each at the line where it stands there."""
    sources = sorted((_source(function) for function in functions), key=lambda each: each.line)
    # An annotation may name what the job does not have; where there is none, Pythons before 3.7 can run the function.
    module = _FUTURE if any(each.is_annotated for each in sources) else ""
    for each in sources:
        module += "\n" * max(0, each.line - 1 - module.count("\n")) + each.text
    return module


@dataclass(frozen=True)
class _Source:
    """A function's source from its ``def`` on, and the line it begins at."""

    line: int
    text: str
    is_annotated: bool


def _source(function: Callable[..., Any]) -> _Source:
    # A long-lived process may have read an older state of the file.
    linecache.checkcache(function.__code__.co_filename)
    try:
        lines, start = inspect.getsourcelines(function)
    except (OSError, TypeError) as error:
        raise ValueError(f"the source of function {function.__name__} can't be read ({error})") from error
    # An indented function keeps its indentation, since texts of several lines inside it must not change.
    nested = lines[0][:1].isspace()
    text = ("if True:\n" if nested else "") + "".join(lines)
    try:
        # Up to Python 3.11.4 two threads that parse disturb each other (python/cpython#106905).
        with _PARSING:
            tree = ast.parse(text)
        node = next(each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))
    except (SyntaxError, StopIteration) as error:
        raise ValueError(f"the source of function {function.__name__} can't be read ({error})") from error
    kept = _without_defaults(text, node).splitlines(keepends=True)[node.lineno - 1 :]
    line = start + node.lineno - 1 - nested
    body = "".join(kept)
    body += "" if body.endswith("\n") else "\n"
    annotated = _is_annotated(node)
    return _Source(line - 1, f"if True:\n{body}", annotated) if nested else _Source(line, body, annotated)


def _is_annotated(node: ast.FunctionDef) -> bool:
    functions = [each for each in ast.walk(node) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    arguments = [each for each in ast.walk(node) if isinstance(each, ast.arg)]
    return any(each.returns for each in functions) or any(each.annotation for each in arguments)


def _without_defaults(text: str, node: ast.FunctionDef) -> str:
    """Put None in the place of each default that is no literal; all arguments are given, so none is used."""
    lines = text.splitlines(keepends=True)
    defaults = [each for each in (*node.args.defaults, *node.args.kw_defaults) if each and not _is_literal(each)]
    for each in sorted(defaults, key=lambda item: (item.lineno, item.col_offset), reverse=True):
        first, last = each.lineno - 1, (each.end_lineno or each.lineno) - 1
        before = lines[first].encode()[: each.col_offset].decode()
        after = lines[last].encode()[each.end_col_offset :].decode()
        # The line breaks inside it stay, so that later lines keep their numbers.
        lines[first : last + 1] = (f"{before}({chr(10) * (last - first)}None){after}").splitlines(keepends=True)
    return "".join(lines)


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True
