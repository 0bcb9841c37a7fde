"""What is downloaded: the bytes that are stored, under names that a local path can have."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import pytest
import requests
from fastcrc import crc64

from airflow_provider_pai.client.oss.download import local_names, stored_bytes
from airflow_provider_pai.errors import PAIError
from airflow_provider_pai.model.uri import OssUri

FOLDER = OssUri("bucket", "home/")


def test_keys_lie_below_the_folder_they_were_asked_for() -> None:
    assert local_names(FOLDER, ["home/a", "home/b/c d"]) == {
        "home/a": PurePosixPath("a"),
        "home/b/c d": PurePosixPath("b/c d"),
    }
    assert local_names(OssUri("bucket", "home/b/c"), ["home/b/c"]) == {"home/b/c": PurePosixPath("c")}


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("a//b", "empty part"),
        ("./b", "part '.'"),
        ("../b", "lead out"),
        ("a/../../b", "lead out"),
        ("/b", "lead out"),
        ("a\0b", "NUL"),
        ("x" * 256, "over 255 bytes"),
        ("é" * 128, "over 255 bytes"),
    ],
)
def test_a_key_that_is_no_path_is_named_with_what_to_do(name: str, problem: str) -> None:
    with pytest.raises(PAIError, match="nothing was downloaded") as caught:
        local_names(FOLDER, ["home/a", f"home/{name}"])
    assert repr(f"home/{name}") in str(caught.value)
    assert problem in str(caught.value)
    assert "copy the object" in str(caught.value)


@pytest.mark.parametrize("both", [["f", "f/g"], ["f/g/h", "f"], ["f/g", "f/g/h/i"]])
def test_a_key_that_is_a_file_and_a_folder_is_named(both: list[str]) -> None:
    with pytest.raises(PAIError, match="is an object and a folder of other objects"):
        local_names(FOLDER, [f"home/{name}" for name in both])


class Raw(io.BytesIO):
    """The body of an answer, as urllib3 gives it."""

    def read(self, size: int | None = -1, *, decode_content: bool = True) -> bytes:
        assert not decode_content
        return super().read(size)


@dataclass
class Answered:
    """The library's result of ``get_object``."""

    content: bytes
    content_length: int | None
    server_crc: int | None
    closed: int = 0
    raw: Raw = field(init=False)

    def __post_init__(self) -> None:
        self.raw = Raw(self.content)

    @property
    def resp(self) -> Any:
        return self

    @property
    def response(self) -> Any:
        return self

    def close(self) -> None:
        self.closed += 1


def test_all_bytes_come_and_the_connection_stays_in_use() -> None:
    for length, crc in ((5, crc64.xz(b"hello", 0)), (None, None)):
        answer = Answered(b"hello", length, crc)
        assert b"".join(stored_bytes(answer)) == b"hello"
        assert answer.closed == 0


@pytest.mark.parametrize(("length", "crc"), [(6, None), (4, None), (5, 1), (None, 1)])
def test_other_bytes_than_oss_has_are_an_error_that_is_worth_asking_again(length: int | None, crc: int | None) -> None:
    with pytest.raises(requests.ConnectionError, match="5 bytes arrived"):
        list(stored_bytes(Answered(b"hello", length, crc)))


def test_an_answer_that_is_not_read_to_its_end_gives_its_connection_up() -> None:
    answer = Answered(b"hello", 600_000, None)
    next(iter(stored_bytes(answer)))
    pieces = stored_bytes(answer)
    with pytest.raises(requests.ConnectionError):
        list(pieces)
    assert answer.closed
