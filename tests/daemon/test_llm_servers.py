"""Real HTTP to servers that speak OpenAI's API each in a way of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

import pytest

from tests.daemon.provider_words import PICKY
from tests.kit.llm import Bench, asker, bench_on


@pytest.fixture
async def bench(database: str) -> AsyncIterator[Bench]:
    async with bench_on(database) as made:
        yield made


@pytest.mark.parametrize("speaker", PICKY)
async def test_what_a_server_does_not_know_is_left_out(bench: Bench, speaker: str) -> None:
    """However a server words its refusal, the same question is answered, and the next at once."""
    picky, form, omits = PICKY[speaker]
    bench.server.script = deque([picky] * 9)

    first = await bench.ask(await bench.request(), asker(max_calls=1))
    before = bench.server.count()
    second = await bench.ask(await bench.request(), asker(max_calls=1))

    assert (first.reason, second.reason) == (None, None)
    assert bench.server.count() == before + 1
    learned = bench.gateway.shop.models["gpt-4o-mini"]
    assert (learned.response_format, set(learned.omits)) == (form, omits)
    assert await bench.differences() == []
