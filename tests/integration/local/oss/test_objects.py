"""The store keeps what it was given, whole, or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_pai.local.oss.objects import ObjectStore

WRITER = """
import io, sys, time
from pathlib import Path
from airflow_provider_pai.local.oss.objects import ObjectStore

class Endless(io.RawIOBase):
    sent = 0
    def read(self, size=-1):
        self.sent += 1
        if self.sent > 5:
            print("writing", flush=True)
            time.sleep(3600)
        return b"y" * size

store = ObjectStore(Path(sys.argv[1]))
store.create_bucket("bkt")
if sys.argv[2] == "put":
    store.put("bkt", "k", io.BytesIO(b"first"))
    store.put("bkt", "k", Endless())
elif sys.argv[2] == "append":
    store.append("bkt", "k", 0, io.BytesIO(b"first"))
    store.append("bkt", "k", 5, Endless())
else:
    store.put("bkt", "k", io.BytesIO(b"first"))
    upload = store.uploads.start("bkt", "k")
    with store.stage() as writer:
        writer.write(b"part")
        store.uploads.put_part("bkt", "k", upload.upload_id, 1, writer.finish())
    with store.stage() as writer:
        writer.fill(Endless())
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "store"


def files(home: Path) -> list[Path]:
    return [path for folder in ("blobs", "staging") for path in (home / folder).iterdir()]


@pytest.mark.parametrize("way", ["put", "append", "part"])
def test_killing_a_writer_leaves_what_was_there_before_and_no_debris(home, way):
    command = [sys.executable, "-c", WRITER, str(home), way]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        assert any(path.stat().st_size > 1 << 20 for path in (home / "staging").iterdir())
        writer.send_signal(signal.SIGKILL)
    with ObjectStore(home) as store:
        assert store.read("bkt", "k") == b"first"
        assert store.head("bkt", "k").size == 5
        assert list((home / "staging").iterdir()) == []
        assert len(files(home)) == 1 + len(store.uploads.pending("bkt"))


def test_a_big_object_takes_little_memory(home):
    script = """
import resource, sys
from pathlib import Path
from airflow_provider_pai.local.oss.objects import ObjectStore
with ObjectStore(Path(sys.argv[1])) as store:
    store.create_bucket("bkt")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    store.put("bkt", "k", Path(sys.argv[2]))
    store.copy("bkt", "k", "bkt", "copy")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    big = home.parent / "big"
    with big.open("wb") as file:
        os.truncate(file.fileno(), 64 << 20)
    command = [sys.executable, "-c", script, str(home), str(big)]
    grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(grown) < 16 << 10
