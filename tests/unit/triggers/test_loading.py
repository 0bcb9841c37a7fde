from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

import pytest

from airflow_provider_pai.triggers.loading import load


def test_a_module_is_loaded_once_for_a_crowd_and_never_in_the_loops_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loaded_for_a_crowd.py").write_text("import threading\nthread = threading.get_ident()\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    async def crowd() -> None:
        await asyncio.gather(*(load("loaded_for_a_crowd") for _ in range(100)))

    asyncio.run(crowd())
    module = sys.modules.pop("loaded_for_a_crowd")
    assert module.thread != threading.get_ident()
