"""Where the cloud is and who asks: everything a client needs, without Airflow."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from airflow_provider_pai.api.endpoints import Network, Service, is_loopback, oss_url, service_url
from airflow_provider_pai.client.credentials.sources import CredentialsConfig

LOG_DELAY = 3.0
"""Seconds for which lines of a job's log may still come after its end [inferred: PAI's SDK waits for 10]."""


@dataclass(frozen=True)
class ClientConfig:
    """One identity at one PAI.

    Attributes:
        region_id: region such as ``cn-hangzhou``.
        workspace_id: PAI workspace.
        credentials: the key pair, or whom to ask for one; secret parts never show in a repr.
        endpoint: base URL that all services answer on; None for each service's own host in the region.
        oss_endpoint: base URL of OSS; None for the region's.
        network: ``public`` hosts, or ``vpc`` ones; never probed.
        bucket: bucket for code and outputs; None for the workspace's default storage.
        connect_timeout: seconds to wait for a connection.
        read_timeout: seconds to wait for the next byte of an answer.
        attempts: how often a call that may be repeated is tried.
        log_delay: seconds for which lines of a job's log may still come after its end; 0 where a log is complete then.
        package_members: whether a package of source code may have several gzip members, so that only what has changed
            is sent; None for where local PAI answers only [inferred: PAI's unpacker is not documented].
    """

    region_id: str
    workspace_id: str
    credentials: CredentialsConfig
    endpoint: str | None = None
    oss_endpoint: str | None = None
    network: Network = "public"
    bucket: str | None = None
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    attempts: int = 5
    log_delay: float = LOG_DELAY
    package_members: bool | None = None

    def url(self, service: Service) -> str:
        """Return the base URL of a service, without a trailing slash."""
        return (self.endpoint or service_url(service, self.region_id, self.network)).rstrip("/")

    @property
    def oss_url(self) -> str:
        """The base URL of OSS, as this client reaches it."""
        return (self.oss_endpoint or oss_url(self.region_id, self.network)).rstrip("/")

    @property
    def code_endpoint(self) -> str:
        """The OSS host a job reads its code from: the public one, as the PAI SDK sends it."""
        return urlsplit(self.oss_endpoint or oss_url(self.region_id)).netloc

    @property
    def takes_package_members(self) -> bool:
        """Whether a package of source code may have several gzip members."""
        return is_loopback(self.endpoint or "") if self.package_members is None else self.package_members
