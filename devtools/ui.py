"""``make ui``: an Airflow with the example DAGs and a local PAI, to click through until Ctrl-C."""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack

from devtools.examples import DEMO, REPOSITORY, start_airflow, start_local_pai

HOME = DEMO / "ui"


def main() -> int:
    """Start everything, say where it is, and end it when a signal comes."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    HOME.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as stack:
            _serve(stack)
    except KeyboardInterrupt:
        pass
    _say("Everything that was started has ended.")
    return 0


def _serve(stack: ExitStack) -> None:
    """Run until a signal comes."""
    _say("Starting local PAI and Airflow (about 20 seconds)")
    server = start_local_pai(stack, HOME)
    cluster = start_airflow(stack, HOME, server)
    _say("")
    _say(f"  Airflow    {cluster.url}   (no password)")
    _say(f"  local PAI  {server.ready['api']}")
    _say(f"  files      {HOME.relative_to(REPOSITORY)}")
    _say("")
    _say("Trigger train_evaluate, and open the tab Training of its task train. Ctrl-C ends everything.")
    signal.pause()


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
