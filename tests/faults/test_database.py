"""The PostgreSQL server that the fault tests stand on."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from devtools.postgres import PostgreSQL, find_programs
from devtools.waits import wait_for
from tests.support.machine import missing


@pytest.fixture
def programs() -> Path:
    found = find_programs()
    if found is None:
        missing("postgresql", "no PostgreSQL server here; Debian's package is postgresql")
    return found


def test_the_server_leaves_neither_a_process_nor_a_folder(programs: Path) -> None:
    with PostgreSQL(programs) as server:
        engine = create_engine(server.url)
        with engine.connect() as connection:
            data = Path(str(connection.execute(text("show data_directory")).scalar()))
        engine.dispose()
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        assert (Path("/proc") / str(pid)).exists()
    assert not data.exists()
    wait_for(lambda: (Path("/proc") / str(pid)).exists(), lambda seen: not seen, "the server's end")
