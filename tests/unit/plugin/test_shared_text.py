"""A text for many viewers is made once."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_pai.plugin.shared_text import SharedTexts


def test_of_fifty_who_ask_one_has_the_text_made_until_its_sources_change() -> None:
    made: list[str] = []

    def make() -> str:
        made.append("x")
        return f"text {len(made)}"

    async def ask() -> list[list[str]]:
        texts, first, second = SharedTexts(), object(), object()
        return [
            list(await asyncio.gather(*(texts.text("job", [source], make) for _ in range(50))))
            for source in (first, first, second)
        ]

    assert asyncio.run(ask()) == [["text 1"] * 50, ["text 1"] * 50, ["text 2"] * 50]
    assert len(made) == 2


def test_a_text_that_could_not_be_made_is_made_for_the_next_who_asks() -> None:
    async def ask() -> str:
        texts, source = SharedTexts(), object()

        def fail() -> str:
            raise ValueError("no text")

        with pytest.raises(ValueError, match="no text"):
            await texts.text("job", [source], fail)
        return await texts.text("job", [source], lambda: "text")

    assert asyncio.run(ask()) == "text"


def test_of_very_many_texts_the_oldest_is_forgotten() -> None:
    made: list[str] = []

    async def ask() -> None:
        texts, source = SharedTexts(most=2), object()
        for key in ("a", "b", "c", "c", "a"):
            await texts.text(key, [source], lambda key=key: made.append(key) or key)  # type: ignore[misc]

    asyncio.run(ask())
    assert made == ["a", "b", "c", "a"]
