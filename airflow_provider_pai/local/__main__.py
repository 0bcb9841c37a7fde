"""The command line of local PAI: ``pai-local``, or ``python -m airflow_provider_pai.local``."""

from __future__ import annotations

import argparse
import http.client
import importlib.util
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_NEEDED = ("starlette", "uvicorn")
_SANDBOXES = {"auto": None, "bwrap": "bubblewrap", "unshare": "unshare", "none": "plain"}
_ENDING = (signal.SIGINT, signal.SIGTERM)
NOT_RUNNING = 3
"""Exit code of ``status`` when no server runs, as for init scripts."""
_RESET_SECONDS = 120


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code.

    Args:
        arguments: the command line without the program's name; this process's by default.
    """
    chosen = _parser().parse_args(arguments)
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return _fail(f"{' and '.join(missing)} not installed; run: pip install 'airflow-provider-pai[local]'")
    return int(chosen.command(chosen))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pai-local", description="PAI and OSS on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve until SIGINT or SIGTERM; prints one line of JSON when ready")
    serve.add_argument("--port", type=int, default=0, help="port of PAI's services (default: any free one)")
    serve.add_argument("--oss-port", type=int, default=0, help="port of OSS (default: any free one)")
    serve.add_argument("--cache", type=Path, help="folder of Python environments (default: in the home folder)")
    serve.add_argument(
        "--sandbox",
        choices=_SANDBOXES,
        default="auto",
        help="how a job gets its own /ml (default: the best that works)",
    )
    serve.set_defaults(command=_serve)
    status = commands.add_parser(
        "status", help=f"tell whether it runs, and show its jobs; exit code {NOT_RUNNING} if not"
    )
    status.set_defaults(command=_status)
    reset = commands.add_parser("reset", help="end and forget all jobs and objects")
    reset.set_defaults(command=_reset)
    for command in (serve, status, reset):
        command.add_argument("--home", type=Path, required=True, metavar="DIR", help="folder of the server")
    return parser


def _serve(chosen: argparse.Namespace) -> int:
    from airflow_provider_pai.local.home import HomeInUse
    from airflow_provider_pai.local.running.sandbox import Mode
    from airflow_provider_pai.local.server import LocalPAI

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    ended = _on_ending_signal()
    sandbox = _SANDBOXES[chosen.sandbox]
    server = LocalPAI(
        chosen.home,
        port=chosen.port,
        oss_port=chosen.oss_port,
        cache=chosen.cache,
        sandbox=Mode(sandbox) if sandbox else None,
    )
    try:
        server.start()
    except (HomeInUse, OSError, RuntimeError) as error:
        return _fail(str(error))
    try:
        print(json.dumps(server.ready.to_json()), flush=True)
        os.read(ended, 1)
    finally:
        server.stop()
    return 0


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
    from airflow_provider_pai.local.clock import system_time
    from airflow_provider_pai.local.home import is_home, read_address
    from airflow_provider_pai.local.jobs import table
    from airflow_provider_pai.local.jobs.store import JobStore

    if not is_home(chosen.home):
        return _fail(f"there is no local PAI in {chosen.home}", NOT_RUNNING)
    address = read_address(chosen.home)
    if address:
        rows = _ask(address["api"], "GET", "jobs")["jobs"]
        _say(f"running: PAI at {address['api']}, OSS at {address['oss']}, process {address['pid']}")
    else:
        store = JobStore(chosen.home, system_time)
        rows = table.rows(store.all())
        store.close()
        _say("not running")
    _say(*table.lines(rows))
    return 0 if address else NOT_RUNNING


def _reset(chosen: argparse.Namespace) -> int:
    from airflow_provider_pai.local.home import is_home, read_address
    from airflow_provider_pai.local.server import LocalPAI

    if not is_home(chosen.home):
        return _fail(f"there is no local PAI in {chosen.home}")
    address = read_address(chosen.home)
    if address:
        _ask(address["api"], "POST", "reset")
    else:
        # Started once, because a server that was killed may have left processes of its jobs.
        with LocalPAI(chosen.home) as server:
            server.reset()
    _say("reset")
    return 0


def _ask(api: str, method: str, control: str) -> dict[str, Any]:
    """Ask the running server through its admin routes; no proxy has anything to do with it."""
    connection = http.client.HTTPConnection(urlsplit(api).netloc, timeout=_RESET_SECONDS)
    try:
        connection.request(method, f"/_local/{control}")
        return dict(json.loads(connection.getresponse().read()))
    finally:
        connection.close()


def _say(*lines: str) -> None:
    print(*lines, sep="\n")


def _fail(message: str, code: int = 1) -> int:
    print(f"pai-local: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
