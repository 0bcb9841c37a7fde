from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_pai.client.packaging.source import (
    read_source,
)
from airflow_provider_pai.errors import PAIError
from tests.support.source_code import digest
from tests.support.waits import PATIENCE


def test_pipes_and_sockets_are_left_out_and_do_not_hang(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(folder)
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to("pipe")
    monkeypatch.chdir(folder)
    program = (
        "from airflow_provider_pai.client.packaging.source import read_source, source_problems\n"
        "assert source_problems('.') == []\n"
        "print(read_source('.').digest)"
    )
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        # Reading a pipe would wait for ever, so it is done where it can be given up.
        answer = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True, text=True, timeout=PATIENCE
        )
    assert answer.stdout.strip() == before


def test_a_file_that_is_written_to_while_it_is_packed_is_named(folder: Path) -> None:
    log = folder / "run.log"
    log.write_bytes(os.urandom(8 << 20))

    def append() -> None:
        with log.open("ab") as stream:
            stream.write(b"line\n")

    with pytest.raises(PAIError, match=r"run\.log changed while it was read.*\.paiignore"):
        read_source(str(folder), check=append)
