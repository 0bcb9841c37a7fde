"""An object storage of ours on local PAI's OSS, with parts and pages so small that tests have many of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import oss2

from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.uri import OssUri

PART = 100 * 1024
PAGE = 20
PASSING = [kind for kind in FaultKind if kind is not FaultKind.SLOW]
"""What a request that is sent once more gets over."""


@dataclass
class OssBench:
    """What a test of uploads needs.

    Attributes:
        pai: the server.
        config: of a client of the server.
        storage: ours.
        home: a folder that no other test has.
        waits: seconds waited before requests were repeated.
        lines: what was logged.
    """

    pai: LocalPAI
    config: ClientConfig
    storage: ObjectStorage
    home: OssUri
    waits: list[float]
    lines: list[str] = field(default_factory=list)

    def log(self, text: str, *values: object) -> None:
        self.lines.append(text % values)

    def counts(self) -> dict[str, int]:
        """Return the requests to OSS since the last time, by method."""
        counts = self.pai.faults.counts()
        self.pai.faults.reset_counts()
        return {operation.removeprefix("oss:"): count for operation, count in counts.items()}

    def fail(self, method: str, kind: FaultKind, times: int = 1, **details: object) -> None:
        self.pai.faults.add(Fault(f"oss:{method}", kind, times, **details))  # type: ignore[arg-type]

    def pass_by(self, method: str, times: int = 1) -> None:
        """Let requests be answered as ever before the next failure."""
        self.fail(method, FaultKind.SLOW, times, delay_s=0)

    def there(self) -> dict[str, bytes]:
        """Return all objects of the test by their name below its folder."""
        uris = [uri for uri, _ in self.storage.objects(self.home)]
        return {uri.key.removeprefix(self.home.key): self.storage.read(uri) for uri in uris}

    def unfinished(self) -> list[str]:
        """Return the keys of multipart uploads that are neither finished nor given up."""
        ready = self.pai.ready
        bucket = oss2.Bucket(oss2.Auth(ready.access_key_id, ready.access_key_secret), ready.oss, ready.bucket)
        return [upload.key for upload in bucket.list_multipart_uploads(prefix=self.home.key).upload_list]
