"""Values as people really pass them, and the same with a secret in them."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from jinja2 import StrictUndefined, Undefined

CANARY = "c4n4ryHunter2"


class Unspeakable:
    """A value that can't even be written down."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")

    __str__ = __repr__


SECRETS: Sequence[Any] = (
    f"https://me:{CANARY}@host/x",
    f"run --password={CANARY}",
    f"run --api-key {CANARY} \0",
    f"DB_PASSWORD={CANARY} run",
    f"jdbc:mysql://h/db?user=me&password={CANARY}",
    f"https://h/x?Signature={CANARY}",
    f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
    f'{{"token": "{CANARY}"}}',
    f"ghp_{CANARY}{CANARY}",
    f"sk-{CANARY}{CANARY}",
    f"eyJhbGciOiJIUzI1NiJ9.{CANARY}.{CANARY}",
    f"Authorization: Bearer {CANARY}",
    {"DB_PASSWORD": CANARY},
    {"DB_PASSWORD": [CANARY]},
    {"token": {"value": CANARY}},
    {"WANDB_KEY": CANARY.encode()},
    {f"--password={CANARY}": "x"},
    [f"--extra-index-url https://me:{CANARY}@host/simple"],
    [{"name": "secret", "regex": f"password={CANARY}("}],
    {"model": f"oss://key:{CANARY}@bucket/x"},
)
ODD: Sequence[Any] = (
    *(None, "", " ", "None", "nan", "{}", "[]", "null", "True", "False", "0", "1", "-1", "3.0", "1e309", "9" * 5000),
    *(True, False, 0, 1, -1, 3.0, 1.5, math.nan, math.inf, -math.inf, 1e308, 10**18, 10**5000, 1j, Decimal("NaN")),
    *(b"bytes", bytearray(b"x"), object(), Unspeakable(), Path("/src"), Path("x" * 300), timedelta(hours=1), print),
    *((), [], {}, set(), [1], [None], ["a"], {"a": None}, {1: 2}, {None: "x"}, {"a": [1]}, {"a": {"b": object()}}),
    *("{'a': 1}", '{"a": 1}', '["a"]', '[{"Name": "a", "Regex": "(a)"}]', '{"a"', "[" * 2000, "{{ params.x }}"),
    *("a\0b", "a\rb", "a\r\nb", "\ud800", "a\u200bb", "训练", "x" * 200_000, "../x", "oss://", "oss://b/" + "x" * 2000),
    *("oss://bucket/x//y", "oss:/bucket/x", "s3://b/x", "odps://p/tables/t", "d-abc", "https://h:0/", "http://[::1"),
    *({"x" * 300: "y"}, {"a": "x" * 200_000}, {"a": Unspeakable()}, {"a b": "x"}, {"": ""}, [[1]], [{}], [{"name": 1}]),
    *(Undefined(name="x"), StrictUndefined(name="x"), {"a": StrictUndefined(name="x")}, [StrictUndefined(name="x")]),
    *(np.array([1, 2]), np.float64("nan"), np.bool_(True), np.str_("text"), {"a": np.array([0.5])}, date(2026, 1, 2)),
    *(datetime(2026, 1, 2, tzinfo=UTC), timedelta.max, -timedelta(1), 10**12, ValueError("x"), {"a": "\ud800"}),
    {"a": 10**5000},
    {str(number): "x" * 1000 for number in range(200)},
)
_FORMS = (f"--password={CANARY}", f"token={CANARY}", f"https://me:{CANARY}@host/x", f"Authorization: Bearer {CANARY}")


def value_of(rng: random.Random, *, armed: bool | None = None) -> Any:
    """Return an odd value.

    Args:
        rng: chooses.
        armed: whether it holds a secret, if it can hold a text; by default half of them do.
    """
    if rng.random() < 0.3:
        return rng.choice(SECRETS)
    value = rng.choice(ODD)
    return with_secret(value, rng.choice(_FORMS)) if (rng.random() < 0.5 if armed is None else armed) else value


def with_secret(value: Any, secret: str) -> Any:
    """Return a value with a secret in it, as one reads in a command, an address or a dict; the same if it has no room.

    Args:
        value: an odd value.
        secret: a text that holds the canary.
    """
    if isinstance(value, dict):
        return {**value, "DB_PASSWORD": CANARY, "more": secret}
    if isinstance(value, str):
        return f"{secret} {value}" if len(value) % 2 else f"{value} {secret}"
    if isinstance(value, bytes | bytearray):
        return bytes(value) + b" " + secret.encode()
    if isinstance(value, list | tuple):
        return type(value)([*value, secret])
    if isinstance(value, set):
        return {*value, secret}
    if isinstance(value, PurePath):
        return value / f"password={CANARY}"
    if isinstance(value, Exception):
        return type(value)(secret)
    return value
