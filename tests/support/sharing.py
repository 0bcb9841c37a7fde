"""Which tests share a worker of pytest-xdist: those that share a server, a Docker engine or an Airflow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

_WIDE = ("module", "package")


def group_of(item: pytest.Item) -> str | None:
    """Return what tests of one worker have in common, or None for a test that may run anywhere."""
    rooms = item.nodeid.partition("::")[0].split("/")
    if rooms[1] == "faults":
        return "faults"
    if "docker_image" in getattr(item, "fixturenames", ()):
        return "docker"
    # Its name, as a fixture of the whole run, is one per worker; what a module starts is to be started once.
    definitions = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    wide = [found[-1] for found in definitions.values() if found[-1].scope in _WIDE]
    return item.nodeid.partition("::")[0] if wide else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Name the groups, for ``--dist loadgroup``; a wrapper, so that pytest-xdist finds them when it looks."""
    for item in items:
        if (group := group_of(item)) is not None:
            item.add_marker(pytest.mark.xdist_group(group))
    yield
