"""``pai-local env``: the Airflow connection to a running server, for a shell to evaluate."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from airflow_provider_pai.local.admin_client import CommandError, server_address
from airflow_provider_pai.local.server_info import ServerInfo


def add_env_command(commands: Any) -> None:
    """Add ``env``.

    Args:
        commands: the subparsers of the command line.
    """
    text = 'print the Airflow connection to the running server: eval "$(pai-local env --home DIR)"; holds the secret'
    command: argparse.ArgumentParser = commands.add_parser("env", help=text, description=text)
    command.add_argument("--home", type=Path, required=True, metavar="DIR", help="folder of the running server")
    command.add_argument("--conn-id", default="pai_default", metavar="ID", help="default: pai_default")
    command.set_defaults(command=_env)


def _env(chosen: argparse.Namespace) -> int:
    from airflow_provider_pai.local.home import HomeDamaged, is_home, read_key_pair

    address = server_address(chosen.home) if is_home(chosen.home) else {}
    if not address:
        raise CommandError(f"no local PAI runs from {chosen.home}; start one: pai-local serve --home {chosen.home}")
    try:
        keys = read_key_pair(chosen.home)
    except HomeDamaged as error:
        raise CommandError(str(error)) from error
    known = {name: value for name, value in address.items() if name != "pid"}
    info = ServerInfo(
        **known, access_key_id=keys.access_key_id, access_key_secret=keys.access_key_secret, admin_token=""
    )
    print(f"export AIRFLOW_CONN_{chosen.conn_id.upper()}={shlex.quote(info.airflow_conn_uri)}")
    return 0
