"""``pai-local models``: lists and shows registered models of a running server, approves and rejects their versions."""

from __future__ import annotations

import argparse
import getpass
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airflow_provider_pai.local.admin_client import CommandError, call_admin, server_address

_APPROVED, _REJECTED = "Approved", "Rejected"


def add_models_command(commands: Any) -> None:
    """Add ``models`` and its own commands.

    Args:
        commands: the subparsers of the command line.
    """
    models = commands.add_parser("models", help="list registered models; approve or reject a version")
    own = models.add_subparsers(required=True, metavar="COMMAND")
    _add(own, "list", _list, "all models")
    show = _add(own, "show", _show, "a model's versions and metrics, and where the newest comes from")
    approve = _add(own, "approve", _approve, "let a version serve; final")
    reject = _add(own, "reject", _reject, "keep a version from serving; final")
    for command in (show, approve, reject):
        command.add_argument("model", metavar="MODEL", help="name of the model")
    for command in (approve, reject):
        command.add_argument("version", metavar="VERSION", help="such as 0.1.0")
        command.add_argument("--by", default="", metavar="NAME", help="who decides (default: who runs this)")
    approve.add_argument("--reason", default="", metavar="TEXT", help="why; kept with the version")
    reject.add_argument("--reason", required=True, metavar="TEXT", help="why; kept with the version")


def _add(own: Any, name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = own.add_parser(name, help=text, description=text)
    parser.add_argument("--home", type=Path, required=True, metavar="DIR", help="folder of the running server")
    parser.set_defaults(command=command)
    return parser


def _list(chosen: argparse.Namespace) -> int:
    from airflow_provider_pai.local.catalogs.approvals import model_lines

    _print(*model_lines(_ask(chosen.home, "GET", "models")["models"]))
    return 0


def _show(chosen: argparse.Namespace) -> int:
    from airflow_provider_pai.local.catalogs.approvals import VERSION_COLUMNS, model_lines
    from airflow_provider_pai.local.columns import aligned

    shown = _ask(chosen.home, "GET", f"model?name={quote(chosen.model, safe='')}")
    _print(*model_lines([shown["model"]]), "", *aligned(VERSION_COLUMNS, shown["versions"]), "", *shown["lineage"])
    return 0


def _approve(chosen: argparse.Namespace) -> int:
    return _decide(chosen, _APPROVED)


def _reject(chosen: argparse.Namespace) -> int:
    return _decide(chosen, _REJECTED)


def _decide(chosen: argparse.Namespace, status: str) -> int:
    by = chosen.by or _user()
    body = {"model": chosen.model, "version": chosen.version, "status": status, "by": by, "reason": chosen.reason}
    _ask(chosen.home, "POST", "model/decision", body)
    _print(f"version {chosen.version} of model {chosen.model} is {status}")
    return 0


def _user() -> str:
    """Return the name of the user; a container may run as a number that has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise CommandError(f"user {os.getuid()} has no name here; name the one who decides with --by") from error


def _ask(home: Path, method: str, control: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    from airflow_provider_pai.local.home import is_home

    address = server_address(home) if is_home(home) else {}
    if not address:
        raise CommandError(f"no local PAI is running in {home}; run: pai-local serve --home {home}")
    return call_admin(home, address["api"], method, control, body)


def _print(*lines: str) -> None:
    print(*lines, sep="\n")
