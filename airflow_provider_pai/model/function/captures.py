"""What a function takes from outside itself; a job gets its source and its arguments, and nothing else."""

from __future__ import annotations

import builtins
import dis
import inspect
import linecache
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from airflow_provider_pai.in_job.pai_report import strict_json

_GLOBAL_LOADS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_GLOBAL_STORES = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL"})
_LOAD_GLOBAL, _EXTENDED_ARG = dis.opmap["LOAD_GLOBAL"], dis.opmap["EXTENDED_ARG"]
_OTHERS = bytes(
    dis.opmap[name] for name in sorted((_GLOBAL_LOADS | _GLOBAL_STORES) - {"LOAD_GLOBAL"}) if name in dis.opmap
)
_IN_EVERY_MODULE = frozenset({"__name__", "__file__", "__doc__", "__builtins__", "__module__", "__qualname__"})
_ABSENT = object()
_KINDS = (
    (inspect.CO_COROUTINE, "is a coroutine (async def); a job calls a plain function"),
    (inspect.CO_ASYNC_GENERATOR, "is an asynchronous generator; a job calls a plain function"),
    (inspect.CO_GENERATOR, "is a generator (it has a yield); return a list instead"),
)


def function_problems(function: Callable[..., Any], include: Collection[Callable[..., Any]] = ()) -> list[str]:
    """Return why a function can't run as a job, each with the line in its file; empty when it can.

    Args:
        function: the function.
        include: functions of the same module that travel along and may be called.
    """
    together = [function, *include]
    names = [each.__code__.co_name for each in together if isinstance(each, FunctionType)]
    problems = [problem for each in together for problem in _problems(each, function, names)]
    twice = sorted({name for name in names if names.count(name) > 1})
    return [*problems, *(f"include= has two functions of the name {name!r}; rename one" for name in twice)]


def _problems(each: Callable[..., Any], function: Callable[..., Any], names: Collection[str]) -> Iterator[str]:
    if not isinstance(each, FunctionType):
        yield f"{each!r} is no plain function; decorate (or include) a function made by def"
        return
    code = each.__code__
    where = f"function {each.__name__} (line {code.co_firstlineno})"
    if hasattr(each, "__wrapped__"):
        yield f"{where} is wrapped by another decorator, which can't travel; do inside the function what that one does"
        return
    if code.co_name == "<lambda>":
        yield f"{where} is a lambda; make it a function by def"
        return
    if not _has_source(each):
        yield f"{where} has no source code ({code.co_filename}); define it in a file, or in a cell of a notebook"
        return
    if each.__module__ != function.__module__:
        yield f"{where} is of the module {each.__module__}; include= takes functions of the same module only"
    yield from (f"{where} {text}" for flag, text in _KINDS if code.co_flags & flag)
    if code.co_freevars:
        captured = ", ".join(map(repr, code.co_freevars))
        yield f"{where} uses {captured} of the function around it, which can't travel; pass it as an argument"
    module = each.__globals__
    for name, line in outer_names(code, names, module) if may_use_outer_names(code, names, module) else ():
        yield (
            f"function {each.__name__} uses {name!r} in line {line}, which is defined outside of it and can't travel; "
            "import it or define it inside the function, pass it as an argument, or name a function in include="
        )
    yield from (f"{where}: {problem}" for problem in _default_problems(each))


def _has_source(function: FunctionType) -> bool:
    """Whether there is a text to read a function's source from: a file, a notebook's cell, a member of an archive."""
    name = function.__code__.co_filename
    return name in linecache.cache or Path(name).exists() or linecache.lazycache(name, function.__globals__)


def may_use_outer_names(code: CodeType, allowed: Collection[str], module: Mapping[str, Any]) -> bool:
    """Whether a function may use names of its module; False is certain.

    It is asked each time a DAG file is read, so it looks at the bytes of the code; :mod:`dis` takes 20 times as long.

    Args:
        code: the function's.
        allowed: names that it may use.
        module: the names of its module.
    """
    operations, arguments = code.co_code[::2], code.co_code[1::2]
    # A class body looks its own names up, too: that is left to the exact look.
    if any(each in operations for each in _OTHERS):
        return True
    at = operations.find(_LOAD_GLOBAL)
    while at >= 0:
        if not _is_known(code.co_names[_argument(operations, arguments, at) >> _SHIFT], allowed, module):
            return True
        at = operations.find(_LOAD_GLOBAL, at + 1)
    return any(may_use_outer_names(each, allowed, module) for each in code.co_consts if isinstance(each, CodeType))


def _argument(operations: bytes, arguments: bytes, at: int) -> int:
    """Return the argument of an operation, with the parts of it that stand before."""
    number, shift = arguments[at], 8
    while at and operations[at - 1] == _EXTENDED_ARG:
        at -= 1
        number |= arguments[at] << shift
        shift += 8
    return number


def _shift_of_names() -> int:
    """Return how many bits of the argument of a global look-up are no part of the name's number, in this Python."""
    code = (lambda: (first, second)).__code__.co_code  # type: ignore[name-defined]  # noqa: F821
    return 0 if code[1::2][code[::2].rfind(_LOAD_GLOBAL)] == 1 else 1


_SHIFT = _shift_of_names()


def _is_known(name: str, allowed: Collection[str], module: Mapping[str, Any]) -> bool:
    """Whether a name means in the job what it means here."""
    # pytest's own, in a module with asserts: no source has such a name.
    if name in allowed or name in _IN_EVERY_MODULE or name.startswith("@"):
        return True
    built_in = getattr(builtins, name, _ABSENT)
    # A module may have a name of its own in the place of a built-in one, such as numpy's sum.
    return built_in is not _ABSENT and module.get(name, built_in) is built_in


def outer_names(code: CodeType, allowed: Collection[str], module: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield names of the module that a function uses, each once with its first line."""
    seen: set[str] = set()
    for name, line in _global_names(code):
        if name not in seen and not _is_known(name, allowed, module):
            seen.add(name)
            yield name, line


def _global_names(code: CodeType) -> Iterator[tuple[str, int]]:
    line = code.co_firstlineno
    # A class body looks up its own names the same way as the module's.
    own: set[str] = set()
    for step in dis.get_instructions(code):
        if step.positions and step.positions.lineno:
            line = step.positions.lineno
        if step.opname == "STORE_NAME":
            own.add(step.argval)
        elif (step.opname in _GLOBAL_LOADS and step.argval not in own) or step.opname in _GLOBAL_STORES:
            yield step.argval, line
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


def _default_problems(function: FunctionType) -> Iterator[str]:
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is parameter.empty:
            continue
        try:
            strict_json(f"the default of {name}", parameter.default, exact=True)
        except ValueError as error:
            yield f"{error}; arguments travel as JSON"
