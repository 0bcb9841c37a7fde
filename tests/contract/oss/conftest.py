"""Local OSS on a port of its own, and an empty bucket of it as oss2 sees it, with each version of signatures."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import oss2
import pytest

from tests.support.oss import KEY_ID, SECRET, RunningOSS, connect


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOSS]:
    with RunningOSS(tmp_path_factory.mktemp("oss")) as server:
        yield server


@pytest.fixture
def server(running: RunningOSS) -> Iterator[RunningOSS]:
    running.clock.offset = 0.0
    yield running
    running.clock.offset = 0.0


_numbers = itertools.count()


@pytest.fixture
def session() -> Iterator[oss2.Session]:
    session = oss2.Session()
    yield session
    session.session.close()


@pytest.fixture(params=[oss2.Auth, oss2.AuthV4], ids=["V1", "V4"])
def auth(request: pytest.FixtureRequest) -> oss2.auth.AuthBase:
    return request.param(KEY_ID, SECRET)


@pytest.fixture
def bucket(server: RunningOSS, auth: oss2.auth.AuthBase, session: oss2.Session) -> oss2.Bucket:
    bucket = connect(server, auth, f"bucket-{next(_numbers)}", session)
    bucket.create_bucket()
    return bucket
