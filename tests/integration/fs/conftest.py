"""OSS as a file system, on local PAI's OSS."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.fs.filesystem import PAIOSSFileSystem
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.uri import OssUri
from tests.support.oss_bench import PAGE, PART, OssBench


@pytest.fixture
def fs(pai: LocalPAI) -> PAIOSSFileSystem:
    return PAIOSSFileSystem()


@pytest.fixture
def fs_path(pai: LocalPAI) -> str:
    """A folder of the test's own."""
    return f"{pai.ready.bucket}/fs/{secrets.token_hex(6)}"


@pytest.fixture
def bench(pai: LocalPAI, fs_path: str) -> Iterator[OssBench]:
    """What counts requests, and makes them fail, in the same folder."""
    ready = pai.ready
    keys = KeyPair(ready.access_key_id, ready.access_key_secret)
    config = ClientConfig(ready.region_id, ready.workspace_id, keys, endpoint=ready.api, oss_endpoint=ready.oss)
    bucket, _, key = fs_path.partition("/")
    with closing(ObjectStorage(config, part_size=PART, file_part_size=PART, page_size=PAGE)) as storage:
        yield OssBench(pai, config, storage, OssUri(bucket, f"{key}/"), [])
