"""Local OSS for judges: one server for each region that they ask for, all with one key pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from airflow_provider_pai.local.http.listener import Listener
from airflow_provider_pai.local.oss.app import oss_app
from airflow_provider_pai.local.oss.objects import ObjectStore

KEY_ID, SECRET = "judges-key", "judges-secret"


@contextmanager
def local_oss(folder: Path, regions: Sequence[str]) -> Iterator[dict[str, int]]:
    """Serve OSS for regions; yield the port of each by the host of the region's OSS."""
    ports = {}
    with ExitStack() as stack:
        for region in regions:
            store = stack.enter_context(ObjectStore(folder / region))
            listener = Listener(f"oss-{region}", 0)
            stack.callback(listener.close)
            listener.start(oss_app(store, {KEY_ID: SECRET}.get, region), lambda: datetime.now(UTC))
            ports[f"oss-{region}.aliyuncs.com"] = listener.port
        yield ports
