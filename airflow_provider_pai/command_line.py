"""``pai-local`` with the connections of Airflow, which local PAI itself knows nothing of."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow_provider_pai.local.__main__ import main as run_command

if TYPE_CHECKING:
    from airflow_provider_pai.local.verify.endpoint import Target


def main() -> int:
    """Run ``pai-local`` and return the exit code."""
    return run_command(connection_of=read_connection)


def read_connection(conn_id: str) -> Target:
    """Return where an Airflow connection leads to, and who signs, with any of its kinds of credentials.

    Args:
        conn_id: id of a connection of type ``pai`` or ``alibaba_cloud``, from wherever Airflow looks for it.

    Raises:
        ValueError: there is none, or it is incomplete; the message says what to do.
    """
    # Only `verify` needs Airflow, and it takes seconds to import.
    from airflow_provider_pai.errors import PAIError
    from airflow_provider_pai.hooks.base import PAIBaseHook
    from airflow_provider_pai.local.verify.endpoint import Target

    hook = PAIBaseHook(conn_id)
    try:
        config, keys = hook.config, hook.keys
        keys.current()
    except PAIError as error:
        raise ValueError(str(error)) from error
    return Target(
        keys.current, config.region_id, config.workspace_id, config.endpoint or "", config.oss_url, config.network
    )


if __name__ == "__main__":
    sys.exit(main())
