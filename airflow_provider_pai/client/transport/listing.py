"""Lists of many pages, read whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from airflow_provider_pai.api.answer import Page
from airflow_provider_pai.api.call import Call
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import ProtocolError

T = TypeVar("T")


def list_all(
    client: Sender, call: Callable[[int], Call[Page[T]]], *, attempts: int | None = None, most_pages: int | None = None
) -> list[T]:
    """Return the items of all pages of a list.

    Args:
        client: sends the calls.
        call: asks for a page, by its number from 1.
        attempts: how often to try each call; default is the client's.
        most_pages: pages to read at most, after which the list is cut; None for all.

    Raises:
        ProtocolError: a page without items came before there were as many as the service counts.
        PAIError: a page can't be read.
    """
    found: list[T] = []
    number = 1
    while True:
        asked = call(number)
        page = client.send(asked, attempts=attempts)
        found += page.items
        if len(found) >= page.total or number == most_pages:
            return found
        if not page.items:
            text = f"{asked.action}: the list is incomplete: {len(found)} of {page.total} came in {number} pages"
            raise ProtocolError(text)
        number += 1
