"""Where a local PAI answers and how to be let in."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from urllib.parse import quote, urlencode


@dataclass(frozen=True)
class ServerInfo:
    """Everything a client needs.

    Attributes:
        api: base URL of all PAI services, without a trailing slash.
        oss: base URL of OSS.
        access_key_id: public half of the server's key pair.
        access_key_secret: secret half.
        region_id: region the server claims to be.
        workspace_id: its workspace.
        bucket: its default bucket.
        admin_token: what requests below ``/_local/`` must show; new at each start.
    """

    api: str
    oss: str
    access_key_id: str
    access_key_secret: str = field(repr=False)
    region_id: str
    workspace_id: str
    bucket: str
    admin_token: str = field(repr=False)

    @property
    def admin_headers(self) -> dict[str, str]:
        """Headers of a request below ``/_local/``."""
        return {"Authorization": f"Bearer {self.admin_token}"}

    @property
    def address(self) -> dict[str, str]:
        """Everything but the secrets."""
        names = ("api", "oss", "region_id", "workspace_id", "bucket")
        return {name: getattr(self, name) for name in names}

    @property
    def extra(self) -> dict[str, str]:
        """Members of the Extra of an Airflow connection to it."""
        return {
            "region_id": self.region_id,
            "workspace_id": self.workspace_id,
            "endpoint": self.api,
            "oss_endpoint": self.oss,
            # A job's log is complete before its end is reported. In five characters, because Airflow takes all texts of
            # an Extra for secrets, and warns in a task's log of a shorter one.
            "log_delay": "0.000",
        }

    @property
    def airflow_conn_uri(self) -> str:
        """The connection as Airflow reads it from ``AIRFLOW_CONN_PAI_DEFAULT``; it holds the secret."""
        login, password = quote(self.access_key_id, safe=""), quote(self.access_key_secret, safe="")
        return f"pai://{login}:{password}@/?{urlencode(self.extra, quote_via=quote, safe='')}"

    def to_json(self) -> dict[str, str]:
        """Return plain JSON values; they hold the secret."""
        return {**asdict(self), "airflow_conn_uri": self.airflow_conn_uri}
