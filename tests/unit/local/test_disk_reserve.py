"""Space that is kept back for the end of a job on a full disk."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from airflow_provider_pai.local.disk_reserve import RESERVED, DiskReserve


def full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_write_on_a_full_disk_gets_the_space_once(tmp_path: Path) -> None:
    path = tmp_path / "reserve"
    reserve = DiskReserve(path)
    assert path.stat().st_size == RESERVED

    def write() -> str:
        if path.exists():
            full()
        return "written"

    assert reserve.spend(write) == "written"
    with pytest.raises(OSError, match="No space left"):
        reserve.spend(full)
    reserve.fill()
    assert path.stat().st_size == RESERVED


def test_other_errors_cost_no_space(tmp_path: Path) -> None:
    reserve = DiskReserve(tmp_path / "reserve")

    def write() -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(PermissionError):
        reserve.spend(write)
    assert (tmp_path / "reserve").exists()


def test_a_place_without_space_keeps_none_back(tmp_path: Path) -> None:
    reserve = DiskReserve(tmp_path / "absent" / "reserve")
    assert reserve.spend(lambda: 7) == 7
