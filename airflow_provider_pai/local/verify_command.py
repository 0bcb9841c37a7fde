"""The command ``pai-local verify``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_pai.local.admin_client import CommandError

if TYPE_CHECKING:
    from airflow_provider_pai.local.verify.endpoint import Target
    from airflow_provider_pai.local.verify.paid_jobs import PaidOptions

    ConnectionReader = Callable[[str], Target]
    """Returns where a connection of Airflow leads to; raises ValueError when there is none."""

INTERRUPTED = 130
"""Exit code after a signal, as shells have it for SIGINT."""
_PAID = ("image", "price_per_hour")


def add_verify_command(commands: Any, connection_of: ConnectionReader | None = None) -> None:
    """Add the command to a parser's commands.

    Args:
        commands: the subparsers of the command line.
        connection_of: reads Airflow's connections; None where there is no Airflow.
    """
    verify = commands.add_parser(
        "verify", help="try what is inferred about PAI against an endpoint; free without --paid"
    )
    where = verify.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--conn-id", metavar="ID", help="the connection of Airflow, such as pai_default; with any of its credentials"
    )
    where.add_argument("--conn-uri", metavar="URI", help="the connection itself, as pai://...; key and secret only")
    verify.add_argument("--report", type=Path, metavar="FILE", help="where to write the shapes of answers, as JSON")
    verify.add_argument(
        "--probe", action="append", default=[], metavar="KEY", help="only this one, as jobs.name; can be given again"
    )
    paid = verify.add_argument_group("what costs money")
    paid.add_argument("--paid", action="store_true", help="try also what needs small jobs")
    paid.add_argument("--image", metavar="URI", help="an image with Python and pip, for the jobs")
    paid.add_argument(
        "--instance-type", default="ecs.c6.large", metavar="TYPE", help="what the jobs run on (default: %(default)s)"
    )
    paid.add_argument(
        "--price-per-hour", type=_amount, metavar="N", help="what it costs an hour, as PAI's console says"
    )
    paid.add_argument(
        "--max-cost", type=_amount, default=5.0, metavar="N", help="the most that all may cost (default: %(default)s)"
    )
    verify.set_defaults(command=partial(_verify, connection_of))


def _verify(connection_of: ConnectionReader | None, chosen: argparse.Namespace) -> int:
    from airflow_provider_pai.local.verify.command import TooExpensive, verify, write_report
    from airflow_provider_pai.local.verify.endpoint import NoAccess

    target = _target(connection_of, chosen)
    if chosen.report and not chosen.report.parent.is_dir():
        raise CommandError(f"--report: there is no folder {chosen.report.parent}")
    try:
        found = verify(target, lambda line: print(line, flush=True), paid=_paid(chosen), only=chosen.probe)
    except (NoAccess, TooExpensive) as error:
        raise CommandError(str(error)) from error
    except LookupError as error:
        raise CommandError(f"--probe: {error.args[0]}") from error
    except KeyboardInterrupt:
        print("interrupted; what was made is deleted", flush=True)
        return INTERRUPTED
    if chosen.report:
        write_report(found, chosen.report)
    return 0


def _target(connection_of: ConnectionReader | None, chosen: argparse.Namespace) -> Target:
    from airflow_provider_pai.local.verify.endpoint import Target

    try:
        if chosen.conn_uri is not None:
            return Target.of(chosen.conn_uri)
        if connection_of is None:
            raise ValueError("connections of Airflow are read by the command pai-local only")
        return connection_of(chosen.conn_id)
    except ValueError as error:
        raise CommandError(f"--conn-{'id' if chosen.conn_uri is None else 'uri'}: {error}") from error


def _paid(chosen: argparse.Namespace) -> PaidOptions | None:
    from airflow_provider_pai.local.verify.paid_jobs import PaidOptions

    if not chosen.paid:
        return None
    if missing := [name for name in _PAID if getattr(chosen, name) is None]:
        raise CommandError(f"--paid needs {' and '.join('--' + name.replace('_', '-') for name in missing)}, too")
    return PaidOptions(chosen.image, chosen.instance_type, chosen.price_per_hour, chosen.max_cost)


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of money; it must be a number such as 1.5")
    return amount
