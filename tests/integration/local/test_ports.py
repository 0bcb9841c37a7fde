"""Ports: between their choice and their use nothing else gets them."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from airflow_provider_pai.local.running.ports import ANY, LOOPBACK, Ports

_TAKES = "import sys; from airflow_provider_pai.local.running.ports import Ports; print(Ports().take(int(sys.argv[1])))"


def test_the_preferred_port_is_given_while_it_is_free() -> None:
    ports = Ports()
    port = ports.take(ANY)
    ports.give_back(port)
    assert ports.take(port) == port
    ports.give_back(port)


def test_two_servers_are_given_different_ports_although_nothing_listens_yet() -> None:
    one, other = Ports(), Ports()
    port = one.take(ANY)
    assert other.take(port) != port
    taken = subprocess.run([sys.executable, "-c", _TAKES, str(port)], check=True, capture_output=True, text=True)
    assert int(taken.stdout) != port
    one.give_back(port)
    assert other.take(port) == port
    other.give_back(port)


def test_a_port_that_something_listens_on_is_not_given() -> None:
    with socket.create_server((LOOPBACK, 0)) as listening:
        port = listening.getsockname()[1]
        assert Ports().take(port) != port


def test_no_connection_is_given_a_port_before_its_use() -> None:
    """The system chooses the near end of a connection from this range, at any moment."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(Ports().take(ANY) < lowest for _ in range(20))
