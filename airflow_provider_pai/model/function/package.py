"""The files that a function travels as: its source, its arguments, and what calls it and reports back."""

from __future__ import annotations
import __future__

import ast
import inspect
import io
import json
import linecache
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from types import CodeType
from typing import Any

from airflow_provider_pai.in_job.pai_report import strict_json

MODULE = "pai_task"
"""Name of the module that holds the function in the job."""
CALL_FILE = "pai_function.json"
COMMAND = "python pai_function.py"
_FUTURE = "from __future__ import annotations\n"
_UNREAD_ANNOTATIONS = __future__.annotations.compiler_flag
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
    call = {"module": MODULE, "function": _code_of(function).co_name, **_bound(function, args, kwargs)}
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
            # Read again: what the job's Python can't write as JSON by itself, such as numpy's numbers, is plain then.
            bound.arguments[name] = _as_bound(value, json.loads(strict_json(name, value, exact=True)))
        except ValueError as error:
            raise ValueError(f"argument {error}; arguments of {function.__name__} travel as JSON") from None
    return {"args": list(bound.args), "kwargs": bound.kwargs}


def _as_bound(value: Any, plain: Any) -> Any:
    """Return a plain value as :mod:`inspect` wants it: further positional arguments are a tuple."""
    return tuple(plain) if isinstance(value, tuple) else plain


def _module_text(functions: Collection[Callable[..., Any]]) -> str:
    """Return the source of functions of one module, each at the line where it stands there."""
    sources = sorted((_source(function) for function in functions), key=lambda each: each.line)
    # Pythons before 3.7 can run functions that don't need it.
    module = _FUTURE if any(each.needs_future for each in sources) else ""
    for each in sources:
        module += "\n" * max(0, each.line - 1 - module.count("\n")) + each.text
    return module


@dataclass(frozen=True)
class _Source:
    """A function's source from its ``def`` on, the line it begins at, and whether annotations in it stay unread."""

    line: int
    text: str
    needs_future: bool


def _source(function: Callable[..., Any]) -> _Source:
    code = _code_of(function)
    # A long-lived process may have read an older state of the file.
    linecache.checkcache(code.co_filename)
    try:
        lines, start = inspect.getsourcelines(function)
    except (OSError, TypeError) as error:
        raise ValueError(f"the source of function {code.co_name} can't be read ({error})") from error
    # An indented function keeps its indentation, since texts of several lines inside it must not change. A form feed
    # begins a line's indentation anew.
    before = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
    nested = bool(before.rpartition("\f")[2])
    text = ("if True:\n" if nested else "") + "".join(lines)
    try:
        # Up to Python 3.11.4 two threads that parse disturb each other (python/cpython#106905).
        with _PARSING:
            tree = ast.parse(text)
        node = next(each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))
    except (SyntaxError, StopIteration) as error:
        raise ValueError(f"the source of function {code.co_name} can't be read ({error})") from error
    if not _is_of(node, code):
        raise ValueError(
            f"{code.co_filename} has something else than function {code.co_name} in line {start}: it was changed after "
            "it was read, or is not the function's source; run it again"
        )
    kept = _lines(_portable(text, node))[node.lineno - 1 :]
    line = start + node.lineno - 1 - nested
    body = "".join(kept)
    body += "" if body.endswith("\n") else "\n"
    needs_future = bool(code.co_flags & _UNREAD_ANNOTATIONS) and _has_annotations_inside(node)
    return _Source(line - 1, f"if True:\n{body}", needs_future) if nested else _Source(line, body, needs_future)


def _code_of(function: Callable[..., Any]) -> CodeType:
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        raise ValueError(f"{function!r} is no plain function")  # noqa: TRY004 - callers report one kind
    return code


def _is_of(node: ast.FunctionDef, code: CodeType) -> bool:
    """Whether a source's name and parameters are those of the function."""
    found = node.args
    names = [each.arg for each in (*found.posonlyargs, *found.args, *found.kwonlyargs)]
    names += [each.arg for each in (found.vararg, found.kwarg) if each]
    return node.name == code.co_name and tuple(names) == code.co_varnames[: len(names)]


def _lines(text: str) -> list[str]:
    """Return lines as Python counts them, with their ends: ``str.splitlines`` ends one at a form feed, too."""
    return list(io.StringIO(text))


def _has_annotations_inside(node: ast.FunctionDef) -> bool:
    """Whether functions and classes in a function have annotations."""
    inside = [each for part in node.body for each in ast.walk(part)]
    functions = (each for each in inside if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    arguments = (each for each in inside if isinstance(each, ast.arg))
    return (
        any(each.returns for each in functions)
        or any(each.annotation for each in arguments)
        or any(isinstance(each, ast.AnnAssign) for each in inside)
    )


def _portable(text: str, node: ast.FunctionDef) -> str:
    """Put None in the place of each default and annotation that is no literal.

    They may use what the job does not have. All arguments are given, so no default is used.
    """
    lines, given = _lines(text), node.args
    arguments = (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg)
    parts = [*given.defaults, *given.kw_defaults, node.returns, *(each.annotation for each in arguments if each)]
    replaced = [each for each in parts if each and not _is_literal(each)]
    for each in sorted(replaced, key=lambda item: (item.lineno, item.col_offset), reverse=True):
        first, last = each.lineno - 1, (each.end_lineno or each.lineno) - 1
        before = lines[first].encode()[: each.col_offset].decode()
        after = lines[last].encode()[each.end_col_offset :].decode()
        # The line breaks inside it stay, so that later lines keep their numbers.
        lines[first : last + 1] = _lines(f"{before}({chr(10) * (last - first)}None){after}")
    return "".join(lines)


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True
