"""What all hooks share: the connection type ``pai`` and the clients made from it."""

from __future__ import annotations

import asyncio
import os
from functools import cached_property
from typing import Any

from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, Connection

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.credentials.factory import credentials_provider
from airflow_provider_pai.client.credentials.provider import CredentialsProvider, LookedUpCredentials
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.configuration import DEFAULT_CONN_ID, conn_id
from airflow_provider_pai.errors import PAIError, SpecError, TransportError
from airflow_provider_pai.hooks.connection import ConnectionFields, read_config
from airflow_provider_pai.hooks.connection_check import tried
from airflow_provider_pai.hooks.connection_form import PLACEHOLDERS, RELABELING, form_widgets
from airflow_provider_pai.hooks.connection_lookup import shared_config
from airflow_provider_pai.lifecycle.default_storage import default_storage
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.uri import OssUri
from airflow_provider_pai.model.values import shown

_LOOK_UP_LIMIT = 30.0
"""Seconds a look-up may take in the event loop of a triggerer."""
_UNREAD = "Extra has what nothing reads: {}"


class PAIBaseHook(BaseHook):
    """Connects to Alibaba Cloud PAI with an Airflow connection.

    Args:
        pai_conn_id: id of a connection of type ``pai``, or of type ``alibaba_cloud`` with ``region`` and
            ``workspace_id`` in its extras. Default: ``[pai] default_conn_id``, else
            ``pai_default``.
        region_id: takes the place of the connection's region.
        workspace_id: takes the place of the connection's workspace.
    """

    conn_name_attr = "pai_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = "pai"
    hook_name = "Alibaba Cloud PAI"

    def __init__(
        self,
        pai_conn_id: str | None = None,
        *,
        region_id: str | None = None,
        workspace_id: str | None = None,
    ) -> None:
        super().__init__()
        self.pai_conn_id = conn_id(pai_conn_id)
        self._region_id = region_id
        self._workspace_id = workspace_id
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unread: tuple[str, ...] = ()

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the fields of Airflow's connection form, for Airflow before 3.2."""
        return form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return how Airflow's connection form shows the fields."""
        return {
            "hidden_fields": ["host", "schema", "port"],
            "relabeling": RELABELING,
            "placeholders": PLACEHOLDERS,
        }

    @cached_property
    def config(self) -> ClientConfig:
        """Who asks, and where.

        Raises:
            SpecError: the connection is missing or incomplete.
        """
        try:
            connection = self.get_connection(self._checked_id())
        except (AirflowNotFoundException, ValueError, TypeError) as error:
            raise self._no_connection() from error
        return self._read(connection)

    async def aconfig(self) -> ClientConfig:
        """Return :attr:`config`, looked up without blocking the event loop; what follows needs no look-up any more."""
        key = (self.pai_conn_id, self._region_id, self._workspace_id)
        self.config = await shared_config(key, self._look_up_config)
        self._loop = asyncio.get_running_loop()
        return self.config

    async def _look_up_config(self) -> ClientConfig:
        try:
            connection = await get_async_connection(self._checked_id(), self)
        except AirflowNotFoundException as error:
            raise self._no_connection() from error
        return self._read(connection)

    def _checked_id(self) -> str:
        """Return the connection's id, which may be a template's value of any type."""
        if not isinstance(self.pai_conn_id, str) or not self.pai_conn_id.isprintable():
            raise self._no_connection()
        return self.pai_conn_id

    @cached_property
    def keys(self) -> CredentialsProvider:
        """What signs in the connection's name; ``keys.current()`` is the key pair to use now.

        An STS token of the connection that has expired is looked up again, since a secrets backend may hold a newer
        one.
        """
        credentials = self.config.credentials
        if isinstance(credentials, KeyPair) and credentials.security_token:
            return LookedUpCredentials(credentials, self._look_up_keys)
        return credentials_provider(credentials)

    @cached_property
    def client(self) -> PAIClient:
        """Sends calls."""
        return PAIClient(self.config, keys=self.keys)

    @cached_property
    def oss(self) -> ObjectStorage:
        """Reads and writes objects."""
        return ObjectStorage(self.config, keys=self.keys)

    @cached_property
    def storage(self) -> OssUri:
        """Folder for code and outputs: the connection's ``bucket``, else the workspace's default storage.

        Raises:
            SpecError: there is neither.
        """
        return default_storage(self.client, self.config)

    def get_conn(self) -> PAIClient:
        """Return the client, as Airflow's hooks do."""
        return self.client

    def test_connection(self) -> tuple[bool, str]:
        """Try the connection: ask for its workspace, its storage and the image catalog, and for what jobs need.

        Returns:
            Whether all of them answer, and what each has said; and which keys of Extra nothing reads.
        """
        try:
            config = self.config
        except PAIError as error:
            return False, str(error)
        answers, said = tried(self.client, lambda: self.oss, config)
        return answers, f"{said}; {_UNREAD.format(', '.join(self._unread))}" if self._unread else said

    def close(self) -> None:
        """Close the connections of this hook."""
        for name in ("client", "oss"):
            if opened := self.__dict__.pop(name, None):
                opened.close()

    def _look_up_keys(self) -> KeyPair:
        """Look the connection up once more, from a thread: in the event loop if it was looked up there."""
        try:
            if self._loop is None:
                connection = self.get_connection(self.pai_conn_id)
            else:
                looking = get_async_connection(self.pai_conn_id, self)
                connection = asyncio.run_coroutine_threadsafe(looking, self._loop).result(_LOOK_UP_LIMIT)
        except AirflowNotFoundException as error:
            raise self._no_connection() from error
        except Exception as error:
            # A secrets backend that fails for a moment must not end a job.
            reason = f"connection {self.pai_conn_id!r} can't be looked up again ({type(error).__name__})"
            raise TransportError(reason, sent=False) from error
        return credentials_provider(self._read(connection).credentials).current()

    def _read(self, connection: Connection) -> ClientConfig:
        fields = ConnectionFields.of(self.pai_conn_id, connection)
        if connection.conn_type == self.conn_type:
            self._unread = tuple(fields.unknown())
        if self._unread:
            self.log.warning("Connection %r: %s", self.pai_conn_id, _UNREAD.format(", ".join(self._unread)))
        return read_config(fields, region_id=self._region_id, workspace_id=self._workspace_id)

    def _no_connection(self) -> SpecError:
        if not isinstance(self.pai_conn_id, str) or not self.pai_conn_id.strip() or not self.pai_conn_id.isprintable():
            text = f"must be the id of a connection of type {self.conn_type!r}, not {shown(self.pai_conn_id)}"
            return SpecError([Problem("pai_conn_id", text)])
        variable = f"AIRFLOW_CONN_{self.pai_conn_id.upper()}"
        if os.environ.get(variable):
            # Airflow says of it only that there is none.
            text = f": {variable} is set, but is neither JSON nor a URI such as 'pai://KEY:SECRET@/?region_id=...'"
            return SpecError([Problem("pai_conn_id", text)])
        text = f": there is no connection {self.pai_conn_id!r}; create one of type 'pai', or set {variable}"
        return SpecError([Problem("pai_conn_id", text)])
