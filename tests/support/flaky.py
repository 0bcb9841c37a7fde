"""Tests known to be flaky: each says why, the plugin runs it again, and the end of a run counts them."""

from __future__ import annotations

import pytest

MOST = 5
"""So many tests may be marked ``flaky`` at a time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a mark without a reason, and too many of them."""
    marked = {}
    for item in items:
        if (mark := item.get_closest_marker("flaky")) is not None:
            if not mark.kwargs.get("reason") or not mark.kwargs.get("reruns"):
                raise pytest.UsageError(f"{item.nodeid}: a flaky test is marked with reruns= and reason=")
            marked[item.nodeid.partition("[")[0]] = mark.kwargs["reason"]
    if len(marked) > MOST:
        raise pytest.UsageError(f"{len(marked)} tests are marked flaky; at most {MOST} may be: {', '.join(marked)}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many tests were run again, and which."""
    again = terminalreporter.stats.get("rerun", [])
    terminalreporter.write_line(f"Run again because they are known to be flaky: {len(again)}")
    for report in again:
        terminalreporter.write_line(f"  {report.nodeid}")
