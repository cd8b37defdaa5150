"""The database is away while a model answers: what was paid for is booked, not bought again."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
import structlog
from psycopg_pool import AsyncConnectionPool

from daemon import backoff, database
from daemon.llm import gateway as gateways
from daemon.llm.gateway import Gateway
from tests.kit.llm import MODEL, Bench, ask, asker, bench_on, gateway_on, settings_for
from tests.kit.provider import honest
from tests.kit.proxy import Proxy
from tests.kit.signals import eventually

Pool = AsyncConnectionPool[psycopg.AsyncConnection[Any]]


@pytest.fixture
async def bench(database: str) -> AsyncIterator[Bench]:
    async with bench_on(database) as made:
        yield made


@dataclass
class Remote:
    """A gateway whose database can be taken away, and a model that waits to answer."""

    gateway: Gateway
    pool: Pool
    proxy: Proxy
    answering: asyncio.Event

    async def lose_database(self) -> None:
        """The model answers while nobody is there to write it down, for longer than any other
        statement is repeated."""
        self.proxy.refuse()
        self.answering.set()
        before = self.refused
        await eventually(lambda: self.refused > before + 2 * database.TRIES)

    @property
    def refused(self) -> int:
        return self.pool.get_stats().get("requests_errors", 0)


@asynccontextmanager
async def remote_on(url: str, bench: Bench) -> AsyncIterator[Remote]:
    answering = asyncio.Event()

    async def slow(*told: Any) -> Any:
        await answering.wait()
        return await honest(*told)

    bench.server.script = deque([slow])
    with Proxy.before(url) as proxy:
        pool: Pool = AsyncConnectionPool(
            proxy.through(url),
            min_size=1,
            open=False,
            timeout=0.05,
            reconnect_timeout=0.1,
            kwargs={"autocommit": True},
        )
        async with pool, gateway_on(pool, settings_for(bench.server.url)) as gateway:
            yield Remote(gateway, pool, proxy, answering)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Next to no pause between two tries."""
    monkeypatch.setattr(backoff, "full_jitter", lambda *_, **__: 0.01)


@pytest.mark.usefixtures("hurried")
async def test_a_paid_answer_outlasts_any_absence_of_the_database(
    bench: Bench, database: str
) -> None:
    """However long the database is away, the answer is booked when it is back, as spent money;
    the attempt that lost the request meanwhile is not needed for that, and the next one pays
    nothing."""
    async with remote_on(database, bench) as remote:
        claimed = await bench.request()
        asking = asyncio.create_task(ask(remote.gateway.for_request(claimed, asker())))
        await eventually(lambda: bench.server.count() == 1)
        await remote.lose_database()
        asking.cancel()
        await asyncio.wait([asking])

        remote.proxy.forward()
        await eventually(lambda: not remote.gateway.shop.settling)

        assert await bench.ledger(claimed.request_id) == [(MODEL, "done", "exact")]
        answer = await bench.ask(await bench.claim(claimed, "w2"))
        assert answer.value is not None
        assert bench.server.count() == 1
        assert await bench.differences() == []


async def test_who_has_an_answer_to_book_does_not_buy_it_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that takes the request up again while the earlier attempt's answer is still on its
    way to the ledger waits for it, and replays it."""
    journal, order = bench.gateway.shop.journal, list[str]()
    back = asyncio.Event()
    begin, end = journal.begin, journal.end

    async def begun(*told: Any) -> Any:
        order.append("begin")
        return await begin(*told)

    async def ended(*told: Any) -> Any:
        await back.wait()
        order.append("end")
        return await end(*told)

    monkeypatch.setattr(journal, "begin", begun)
    monkeypatch.setattr(journal, "end", ended)
    claimed = await bench.request()
    asking = asyncio.create_task(bench.ask(claimed))
    await eventually(lambda: bench.gateway.shop.settling)
    asking.cancel()
    await asyncio.wait([asking])

    again = asyncio.create_task(bench.ask(await bench.claim(claimed, "w2")))
    for _ in range(50):  # turns of the loop: enough for it to begin, if it did not wait
        await asyncio.sleep(0)
    back.set()

    assert (await again).value is not None
    assert order == ["begin", "end", "begin"]
    assert bench.server.count() == 1


@pytest.mark.usefixtures("hurried")
async def test_a_stop_does_not_wait_for_a_database_that_stays_away(
    bench: Bench, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop in an outage ends in its time, tells how many calls it leaves unsettled, and nothing
    goes on trying once the connections are closed."""
    monkeypatch.setattr(gateways, "SETTLE_SECONDS", 0.2)
    async with remote_on(database, bench) as remote:
        claimed = await bench.request()
        asking = asyncio.create_task(ask(remote.gateway.for_request(claimed, asker())))
        await eventually(lambda: bench.server.count() == 1)
        await remote.lose_database()
        with structlog.testing.capture_logs() as said:
            await remote.gateway.aclose()
        await remote.pool.close()
        await eventually(lambda: not remote.gateway.shop.settling)
        with pytest.raises(psycopg.OperationalError):
            await asking

    left = [line["calls"] for line in said if line["event"] == "calls_left_unsettled"]
    assert left == [1]
