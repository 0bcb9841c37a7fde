"""The command line of local PAI: ``pai-local``, or ``python -m airflow_provider_pai.local``."""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_pai.local.admin_client import CommandError, call_admin, server_address
from airflow_provider_pai.local.env_command import add_env_command
from airflow_provider_pai.local.models_command import add_models_command
from airflow_provider_pai.local.verify_command import add_verify_command

if TYPE_CHECKING:
    from airflow_provider_pai.local.jobs.quota_usage import Quota
    from airflow_provider_pai.local.verify_command import ConnectionReader

_NEEDED = ("httpcore", "starlette", "uvicorn")
SANDBOXES = ("auto", "bubblewrap", "unshare", "plain")
"""What ``--sandbox`` takes: the modes as documentation and messages call them, and the choice between them."""
_OLD_NAMES = {"bwrap": "bubblewrap", "none": "plain"}
"""What earlier versions called them."""
_RUNTIMES = ("auto", "process", "docker")
_ENDING = (signal.SIGINT, signal.SIGTERM)
NOT_RUNNING = 3
"""Exit code of ``status`` when no server runs, as for init scripts."""
_MAX_PORT = 65535


def main(arguments: Sequence[str] | None = None, connection_of: ConnectionReader | None = None) -> int:
    """Run a command and return the exit code.

    Args:
        arguments: the command line without the program's name; this process's by default.
        connection_of: reads Airflow's connections, for ``verify``; None where there is no Airflow.
    """
    chosen = _parser(connection_of).parse_args(arguments)
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return _fail(f"{', '.join(missing)} not installed; run: pip install 'airflow-provider-pai[local]'")
    try:
        return int(chosen.command(chosen))
    except CommandError as error:
        return _fail(str(error))


def _parser(connection_of: ConnectionReader | None = None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pai-local", description="PAI and OSS on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve until SIGINT or SIGTERM; prints one line of JSON when ready")
    serve.add_argument("--port", type=_port, default=0, help="port of PAI's services (default: any free one)")
    serve.add_argument("--oss-port", type=_port, default=0, help="port of OSS (default: any free one)")
    serve.add_argument("--cache", type=Path, help="folder of Python environments (default: in the home folder)")
    serve.add_argument(
        "--sandbox",
        type=lambda text: _OLD_NAMES.get(text, text),
        choices=SANDBOXES,
        default="auto",
        help="how a job gets its own /ml (default: the best that works)",
    )
    serve.add_argument(
        "--runtime",
        choices=_RUNTIMES,
        default="process",
        help="what runs jobs: processes of this machine, or Docker containers (auto: where an engine answers)",
    )
    serve.add_argument(
        "--quota",
        type=_quota,
        metavar="CPU,GPU,GIB",
        help="what jobs may share as a resource quota: CPU cores, GPUs, GiB of memory (default: 64,8,512)",
    )
    serve.add_argument(
        "--mount",
        type=_mount,
        action="append",
        default=[],
        metavar="URI=DIR",
        help="a folder that stands in for a NAS or CPFS file system, as nas://1a2b3c.cn-hangzhou/=/srv/data",
    )
    serve.set_defaults(command=_serve)
    status = commands.add_parser(
        "status", help=f"tell whether it runs, and show its jobs and services; exit code {NOT_RUNNING} if not"
    )
    status.set_defaults(command=_status)
    reset = commands.add_parser("reset", help="end and forget all jobs, services and objects")
    reset.set_defaults(command=_reset)
    add_env_command(commands)
    add_models_command(commands)
    add_verify_command(commands, connection_of)
    for command in (serve, status, reset):
        command.add_argument("--home", type=Path, required=True, metavar="DIR", help="folder of the server")
    return parser


def _port(text: str) -> int:
    number = int(text) if text.isdecimal() else -1
    if not 0 <= number <= _MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; it must be from 0 to {_MAX_PORT}")
    return number


def _quota(text: str) -> Quota:
    from airflow_provider_pai.local.jobs.quota_usage import Amount, Quota

    numbers = text.split(",")
    if len(numbers) != len(fields(Amount)) or not all(number.isdecimal() for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is no quota; it must be three whole numbers such as 64,8,512")
    return Quota(total=Amount(*map(int, numbers)))


def _mount(text: str) -> tuple[str, Path]:
    uri, sign, folder = text.partition("=")
    if not uri or not sign or not folder:
        raise argparse.ArgumentTypeError(f"{text!r} is no mount; it must be like nas://1a2b3c.cn-hangzhou/=/srv/data")
    return uri, Path(folder)


def _serve(chosen: argparse.Namespace) -> int:
    from airflow_provider_pai.local.home import is_home
    from airflow_provider_pai.local.running.runtime_selection import RuntimeKind
    from airflow_provider_pai.local.running.sandbox import Mode
    from airflow_provider_pai.local.server import LocalPAI

    # Its files would lie among a person's own, and a reset would take folders of these names with it.
    if chosen.home.is_dir() and not is_home(chosen.home) and any(chosen.home.iterdir()):
        raise CommandError(f"--home: {chosen.home} holds other files; name a new or empty folder")
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    ended = _on_ending_signal()
    try:
        server = LocalPAI(
            chosen.home,
            port=chosen.port,
            oss_port=chosen.oss_port,
            cache=chosen.cache,
            sandbox=None if chosen.sandbox == "auto" else Mode(chosen.sandbox),
            runtime=RuntimeKind(chosen.runtime),
            quota=chosen.quota,
            mounts=dict(chosen.mount),
        )
    except ValueError as error:
        raise CommandError(f"--mount: {error}") from error
    with _failing_in_one_line(chosen.home):
        server.start()
    try:
        print(json.dumps(server.ready.to_json()), flush=True)
        os.read(ended, 1)
    finally:
        server.stop()
    return 0


@contextmanager
def _failing_in_one_line(home: Path) -> Iterator[None]:
    """Turn what can go wrong at the start of a server into the line to show."""
    from airflow_provider_pai.local.home import HomeDamaged, HomeInUse
    from airflow_provider_pai.local.running.environments import EnvironmentFailed

    try:
        yield
    except (HomeDamaged, HomeInUse, EnvironmentFailed, OSError, RuntimeError) as error:
        raise CommandError(" ".join(str(error).splitlines())) from error
    except sqlite3.Error as error:
        raise CommandError(f"the objects in {home / 'oss'} can't be read: {error}") from error


def _on_ending_signal() -> int:
    """Return a file descriptor that can be read from when this process is asked to end.

    A handler that sets an event could wait for ever for the lock of the very wait it interrupts.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in _ENDING:
        signal.signal(number, lambda *_: None)
    return reader


def _status(chosen: argparse.Namespace) -> int:
    from airflow_provider_pai.local.eas import summary as service_summary
    from airflow_provider_pai.local.eas.store import saved_services
    from airflow_provider_pai.local.home import SERVICES, is_home
    from airflow_provider_pai.local.jobs import table
    from airflow_provider_pai.local.jobs.store import load_records

    if not is_home(chosen.home):
        return _fail(f"there is no local PAI in {chosen.home}", NOT_RUNNING)
    address = server_address(chosen.home)
    if address:
        rows = call_admin(chosen.home, address["api"], "GET", "jobs").get("jobs", [])
        services = call_admin(chosen.home, address["api"], "GET", "services").get("services", [])
        _print(f"running: PAI at {address['api']}, OSS at {address['oss']}, process {address['pid']}")
    else:
        rows = table.rows(load_records(chosen.home).values())
        services = service_summary.rows(saved_services(chosen.home / SERVICES))
        _print("not running")
    _print(*table.lines(rows), *service_summary.lines(services))
    return 0 if address else NOT_RUNNING


def _reset(chosen: argparse.Namespace) -> int:
    from airflow_provider_pai.local.home import is_home
    from airflow_provider_pai.local.server import LocalPAI

    if not is_home(chosen.home):
        return _fail(f"there is no local PAI in {chosen.home}")
    address = server_address(chosen.home)
    if address:
        call_admin(chosen.home, address["api"], "POST", "reset")
    else:
        # Started once, because a server that was killed may have left processes of its jobs.
        with _failing_in_one_line(chosen.home), LocalPAI(chosen.home) as server:
            server.reset()
    _print("reset")
    return 0


def _print(*lines: str) -> None:
    print(*lines, sep="\n")


def _fail(message: str, code: int = 1) -> int:
    print(f"pai-local: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
