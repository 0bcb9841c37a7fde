"""Nothing that local PAI has acknowledged is lost, however often it is killed while it is at work.

``KILL_ROUNDS`` says how often (``make kills ROUNDS=120``), ``KILL_SEED`` repeats a run.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import oss2
import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from tests.chaos.kept import Writer

_KILLS = int(os.environ.get("KILL_ROUNDS", "4"))
_SEED = os.environ.get("KILL_SEED", "0")
_WRITERS = 4
_LONGEST = 1.0
"""Seconds that a server works at most before it is killed."""


@contextmanager
def served(home: Path) -> Iterator[tuple[subprocess.Popen[str], PAIClient, oss2.Bucket]]:
    """Start a server of its own process; it is killed at the end, as a machine that loses its power would."""
    command = [sys.executable, "-m", "airflow_provider_pai.local", "serve", "--home", str(home), "--sandbox", "plain"]
    with (home.parent / "log").open("a") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (home.parent / "log").read_text()[-2000:]
        ready = json.loads(line)
        keys = KeyPair(ready["access_key_id"], ready["access_key_secret"])
        config = ClientConfig(ready["region_id"], ready["workspace_id"], keys, ready["api"], ready["oss"], attempts=1)
        auth = oss2.Auth(keys.access_key_id, keys.access_key_secret)
        client = PAIClient(config)
        try:
            yield process, client, oss2.Bucket(auth, ready["oss"], ready["bucket"])
        finally:
            client.close()
    finally:
        process.kill()
        process.communicate()


def test_nothing_acknowledged_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(_SEED)
    writers = [Writer(f"writer-{number}", random.Random(f"{_SEED}:{number}")) for number in range(_WRITERS)]
    lost: list[str] = []
    for number in range(_KILLS + 1):
        with served(tmp_path / "home") as (process, client, bucket):
            lost += [f"kill {number}: {found}" for writer in writers for found in writer.lost(client, bucket)]
            if number == _KILLS or lost:
                break
            lost += _worked_until_killed(writers, process, client, bucket, rng.uniform(0, _LONGEST))
    with capsys.disabled():
        things = sum(
            len(w.objects) + len(w.appended) + len(w.jobs) + len(w.versions) + len(w.services) for w in writers
        )
        print(f"\n{_KILLS} kills of seed {_SEED}: {sum(w.count for w in writers)} operations on {things} things")
    assert not lost, "\n".join(lost[:10])


def _worked_until_killed(
    writers: list[Writer], process: subprocess.Popen[str], client: PAIClient, bucket: oss2.Bucket, seconds: float
) -> list[str]:
    """Kill the server while all write; return what went wrong before."""
    killed, wrong = threading.Event(), list[str]()

    def work(writer: Writer) -> None:
        try:
            writer.work(client, bucket)
        except Exception as error:  # noqa: BLE001 - the server is gone: what that means is seen at the next one
            if not killed.is_set():
                wrong.append(f"{writer.name}: {error!r}")

    with ThreadPoolExecutor(len(writers)) as pool:
        for writer in writers:
            pool.submit(work, writer)
        time.sleep(seconds)
        killed.set()
        process.kill()
    return wrong
