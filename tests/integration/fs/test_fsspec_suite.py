"""fsspec's own tests of file systems: copying, getting, putting, opening and piping."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fsspec.tests import abstract


class OnOSS(abstract.AbstractFixtures):
    """What the suite needs to know of this file system; ``fs`` and ``fs_path`` are those of the folder's conftest."""

    @pytest.fixture
    def fs(self, pai):
        from airflow_provider_pai.fs.filesystem import PAIOSSFileSystem

        return PAIOSSFileSystem()

    @pytest.fixture
    def fs_path(self, pai):
        import secrets

        return f"{pai.ready.bucket}/fs/{secrets.token_hex(6)}"

    @pytest.fixture
    def fs_join(self) -> Callable[..., str]:
        return lambda *parts: "/".join(map(str, parts))

    @pytest.fixture
    def supports_empty_directories(self) -> bool:
        return False


class TestCopy(abstract.AbstractCopyTests, OnOSS):
    pass


class TestGet(abstract.AbstractGetTests, OnOSS):
    pass


class TestPut(abstract.AbstractPutTests, OnOSS):
    pass


class TestOpen(abstract.AbstractOpenTests, OnOSS):
    pass


class TestPipe(abstract.AbstractPipeTests, OnOSS):
    pass
