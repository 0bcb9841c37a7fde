"""An object storage of ours on local PAI's OSS, and source code to upload."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.uri import OssUri
from tests.support.oss_bench import PAGE, PART, OssBench
from tests.support.source_code import write


@pytest.fixture
def bench(pai: LocalPAI) -> Iterator[OssBench]:
    ready = pai.ready
    keys = KeyPair(ready.access_key_id, ready.access_key_secret)
    config = ClientConfig(ready.region_id, ready.workspace_id, keys, endpoint=ready.api, oss_endpoint=ready.oss)
    waits: list[float] = []
    with closing(
        ObjectStorage(config, part_size=PART, file_part_size=PART, page_size=PAGE, sleep=waits.append)
    ) as storage:
        home = OssUri(ready.bucket, f"tests/{secrets.token_hex(8)}/")
        yield OssBench(pai, config, storage, home, waits)
        assert not pai.faults.pending(), "a fault was asked for that never came"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    write(source / "train.py", "print('training')\n")
    write(source / "package" / "__init__.py", "")
    write(source / "package" / "model.py", "x = 1\n")
    return source
