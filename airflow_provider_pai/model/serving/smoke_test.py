"""A smoke test: one request to a service, and what its answer must be."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.reading import Reader
from airflow_provider_pai.model.values import is_number, number, shown, whole

METHODS = ("GET", "POST", "PUT", "HEAD", "DELETE", "PATCH")
_SHOWN = 300
_FINE = 200
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
NO_UPSTREAM = "no healthy upstream"


@dataclass(frozen=True)
class SmokeTest:
    """One request and what its answer must be.

    Attributes:
        method: HTTP method.
        path: path below the service's endpoint, with its query; empty for the endpoint itself.
        json: body as a JSON value; None for none.
        data: body as a text; None for none.
        headers: headers beside the token.
        expect_status: HTTP status of the answer; None for any.
        expect_json: part of the answer's JSON: members of objects it must have, items of lists in their places.
        expect_contains: text that the answer must hold; empty for any.
        timeout: seconds to wait for the answer.
    """

    method: str = "GET"
    path: str = ""
    json: Any = None
    data: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    expect_status: int | None = None
    expect_json: Any = None
    expect_contains: str = ""
    timeout: float = 10.0

    @property
    def expects_nothing(self) -> bool:
        """Whether any answer will do."""
        return self.expect_status is None and self.expect_json is None and not self.expect_contains


@dataclass(frozen=True)
class Answer:
    """What a service has answered.

    Attributes:
        status: HTTP status.
        text: the body.
    """

    status: int
    text: str

    @property
    def is_routed(self) -> bool:
        """Whether it comes from the service itself; until EAS leads to it, its gateway answers so (``alipai``)."""
        body = self.text.strip()
        return not ((self.status == 503 and (not body or NO_UPSTREAM in body)) or (self.status == 404 and not body))


def read_smoke_test(value: Any) -> tuple[SmokeTest | None, list[Problem]]:
    """Read an author's smoke test and say everything that is wrong with it; None stands for "not given"."""
    if value is None:
        return None, []
    reader = Reader({"smoke_test": value})
    members = dict(reader.mapping("smoke_test", "a dict such as {'path': '/health'}"))
    if reader.problems:
        return None, reader.problems
    for name, read in (("expect_status", whole), ("timeout", number)):
        if (found := read(members.get(name))) is not None:
            members[name] = found
    problems = list(_problems(members))
    if problems:
        return None, problems
    given = {"expect_status": _FINE} | {name: item for name, item in members.items() if item is not None}
    if "timeout" in given:
        given["timeout"] = float(given["timeout"])
    if "method" not in given and ("json" in given or "data" in given):
        given["method"] = "POST"
    return SmokeTest(**given), []


def response_problem(test: SmokeTest, answer: Answer) -> str:
    """Return what is wrong with an answer; empty when it is as it must be."""
    said = f"; it says {answer.text[:_SHOWN]!r}" if answer.text else ""
    if test.expect_status not in (None, answer.status):
        return f"the answer's status is {answer.status}, not {test.expect_status}{said}"
    if test.expect_contains and test.expect_contains not in answer.text:
        return f"the answer does not hold {test.expect_contains!r}{said}"
    if test.expect_json is None:
        return ""
    try:
        read = json.loads(answer.text)
    except (ValueError, RecursionError):
        return f"the answer is no JSON{said}"
    return next((f"in the answer {found}{said}" for found in _differences("", test.expect_json, read)), "")


def _differences(place: str, expected: Any, found: Any) -> Iterator[str]:
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for name, item in expected.items():
            if name not in found:
                yield f"{place}[{name!r}] is missing"
            else:
                yield from _differences(f"{place}[{name!r}]", item, found[name])
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for place_in, (item, other) in enumerate(zip(expected, found, strict=True)):
            yield from _differences(f"{place}[{place_in}]", item, other)
    elif not _same(expected, found):
        yield f"{place or 'as a whole'} is {shown(found)}, not {shown(expected)}"


def _same(expected: Any, found: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, int | float) and not isinstance(found, bool):
        # A number may have lost its last digits on its way through the model's JSON.
        return math.isclose(expected, found, rel_tol=1e-9)
    return bool(expected == found and isinstance(expected, bool) == isinstance(found, bool))


def _problems(value: Mapping[str, Any]) -> Iterator[Problem]:
    known = tuple(item.name for item in fields(SmokeTest))
    for name in value:
        if name not in known:
            yield Problem("smoke_test", f"has the unknown member {name!r}; it may have {', '.join(known)}")
    yield from _request_problems(value)
    status, timeout = value.get("expect_status", _FINE), value.get("timeout", 10.0)
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status < 600:
        yield Problem("smoke_test", f"['expect_status'] must be a status from 100 to 599, not {status!r}")
    if timeout is not None and (not is_number(timeout) or timeout <= 0):
        yield Problem("smoke_test", f"['timeout'] must be a number of seconds above 0, not {timeout!r}")
    if not isinstance(value.get("expect_contains") or "", str):
        yield Problem("smoke_test", f"['expect_contains'] must be a text, not {shown(value['expect_contains'])}")


def _request_problems(value: Mapping[str, Any]) -> Iterator[Problem]:
    if value.get("method", "GET") not in METHODS:
        yield Problem("smoke_test", f"['method'] must be one of {', '.join(METHODS)}, not {shown(value['method'])}")
    path = value.get("path") or ""
    if not isinstance(path, str) or (path and not path.startswith(("/", "?"))):
        yield Problem("smoke_test", f"['path'] must begin with a slash, not be {shown(path)}")
    if value.get("json") is not None and value.get("data") is not None:
        yield Problem("smoke_test", ": 'json' and 'data' contradict each other: give one of them")
    if not isinstance(value.get("data") or "", str):
        yield Problem(
            "smoke_test", f"['data'] must be a text, not {type(value['data']).__name__}; give 'json' for other values"
        )
    for name in ("path", "data"):
        if isinstance(text := value.get(name), str) and any("\ud800" <= sign <= "\udfff" for sign in text):
            yield Problem("smoke_test", f"[{name!r}] holds half a character, which can't be sent: {shown(text)}")
    yield from _header_problems(value.get("headers") or {})
    for name in ("json", "expect_json"):
        try:
            json.dumps(value.get(name), allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            yield Problem("smoke_test", f"[{name!r}] must be a JSON value (texts, numbers, booleans, lists, dicts)")


def _header_problems(headers: Any) -> Iterator[Problem]:
    if not isinstance(headers, Mapping) or not all(isinstance(part, str) for pair in headers.items() for part in pair):
        yield Problem("smoke_test", "['headers'] must be a dict of texts")
        return
    for name, text in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            yield Problem("smoke_test", f"['headers'] has {shown(name)}, which is no name of a header")
        elif not _HEADER_VALUE.fullmatch(text):
            yield Problem(
                "smoke_test", f"['headers'][{shown(name)}] must be one line of Latin-1 without spaces at its ends"
            )
