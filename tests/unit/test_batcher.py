"""Items that come together are carried together; none waits for company or fails for another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from daemon import batcher as batches
from daemon.batcher import Batcher

caller: ContextVar[str] = ContextVar("caller", default="nobody")


class Bridge:
    """Carries numbers while it is open; says which batches crossed, and squares them."""

    def __init__(self) -> None:
        self.crossed: list[list[int]] = []
        self.open = asyncio.Event()
        self.under_way = asyncio.Event()
        self.refused: set[int] = set()
        self.orphans: list[tuple[int, int]] = []
        self.seen: list[str] = []

    async def carry(self, numbers: Sequence[int]) -> Sequence[int]:
        self.crossed.append(list(numbers))
        self.seen.append(caller.get())
        self.under_way.set()
        await self.open.wait()
        if bad := self.refused & set(numbers):
            raise ValueError(str(bad)) if len(numbers) > 1 else KeyError(numbers[0])
        return [number**2 for number in numbers]

    def batcher(self, *, divides: bool = True, most: int = 32) -> Batcher[int, int]:
        return Batcher(
            self.carry,
            divides=lambda _error: divides,
            size=lambda number: number,
            orphaned=lambda number, square: self.orphans.append((number, square)),
            most=most,
            most_size=100,
        )


async def started(batcher: Batcher[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    """A task for each number; all are in the batcher when this returns."""
    tasks = [asyncio.create_task(batcher.put(number)) for number in numbers]
    await asyncio.sleep(0)
    return tasks


async def test_a_lone_item_goes_at_once_and_company_goes_next() -> None:
    """The first waits for nobody; what comes while it is under way goes in one batch."""
    bridge = Bridge()
    batcher = bridge.batcher()
    tasks = await started(batcher, 1)
    await bridge.under_way.wait()
    tasks += await started(batcher, 2, 3, 4)
    bridge.open.set()
    assert await asyncio.gather(*tasks) == [1, 4, 9, 16]
    assert bridge.crossed == [[1], [2, 3, 4]]
    await batcher.idle()


async def test_batches_are_bounded_in_number_and_size() -> None:
    """At most ``most`` items, none that exceeds ``most_size``; a huge one goes alone."""
    bridge = Bridge()
    bridge.open.set()
    tasks = await started(bridge.batcher(most=3), 1, 2, 3, 4, 90, 20, 500, 5)
    await asyncio.gather(*tasks)
    assert bridge.crossed == [[1, 2, 3], [4, 90], [20], [500], [5]]


async def test_what_one_item_is_to_blame_for_fails_it_alone() -> None:
    """After an error that divides, each goes by itself, and the good ones arrive."""
    bridge = Bridge()
    bridge.open.set()
    bridge.refused = {2}
    results = await asyncio.gather(
        *await started(bridge.batcher(), 1, 2, 3), return_exceptions=True
    )
    assert results[::2] == [1, 9]
    assert isinstance(results[1], KeyError)
    assert bridge.crossed == [[1, 2, 3], [1], [2], [3]]


async def test_what_nobody_is_to_blame_for_fails_all() -> None:
    """Where trying one by one is pointless, every caller gets the error of the batch."""
    bridge = Bridge()
    bridge.open.set()
    bridge.refused = {2}
    tasks = await started(bridge.batcher(divides=False), 1, 2)
    for task in tasks:
        with pytest.raises(ValueError, match="2"):
            await task
    assert bridge.crossed == [[1, 2]]


async def test_a_caller_that_leaves_takes_its_item_back_or_leaves_an_orphan() -> None:
    """Cancelled before the item left: it never goes. While under way: somebody hears what came."""
    bridge = Bridge()
    batcher = bridge.batcher()
    [gone] = await started(batcher, 7)
    await bridge.under_way.wait()
    early, stays = await started(batcher, 8, 9)
    gone.cancel()
    early.cancel()
    await asyncio.sleep(0)
    bridge.open.set()
    assert await stays == 81
    assert bridge.crossed == [[7], [9]]
    assert bridge.orphans == [(7, 49)]


async def test_a_caller_that_leaves_as_the_result_comes_leaves_an_orphan() -> None:
    """Both in one turn of the loop: the result was delivered, but nobody took it."""
    bridge = Bridge()
    batcher = bridge.batcher()
    [gone] = await started(batcher, 7)
    await bridge.under_way.wait()
    bridge.open.set()
    # After the batch, which waits for the bridge, and before whom its result wakes up.
    asyncio.get_running_loop().call_soon(gone.cancel)
    await batcher.idle()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert bridge.orphans == [(7, 49)]


async def test_a_batch_that_is_held_up_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next goes beside it after a moment, up to a few; all arrive, and idle waits for all."""
    monkeypatch.setattr(batches, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(batches, "MOST_AT_ONCE", 2)
    bridge = Bridge()
    batcher = bridge.batcher()
    tasks = []
    for number in (1, 2, 3):
        tasks += await started(batcher, number)
        await asyncio.sleep(0.05)
    assert bridge.crossed == [[1], [2]]
    bridge.open.set()
    await batcher.idle()
    assert bridge.crossed == [[1], [2], [3]]
    assert [task.result() for task in tasks] == [1, 4, 9]


async def test_nobody_waits_for_what_the_end_of_the_loop_stopped() -> None:
    """A batch that is cancelled cancels its callers; the next one starts afresh."""
    bridge = Bridge()
    batcher = bridge.batcher()
    [waits] = await started(batcher, 1)
    await bridge.under_way.wait()
    for task in asyncio.all_tasks():
        if task.get_name() in {"batch", "batches"}:
            task.cancel()
    await asyncio.wait([waits], timeout=1)
    assert waits.cancelled()
    await batcher.idle()
    bridge.open.set()
    assert await batcher.put(2) == 4


async def test_a_batch_runs_in_nobodys_context() -> None:
    """What it logs is not said to be about the request that happened to start it."""
    bridge = Bridge()
    bridge.open.set()
    caller.set("the first one")
    await bridge.batcher().put(1)
    assert bridge.seen == ["nobody"]


async def test_an_item_that_cannot_be_measured_fails_its_caller_alone() -> None:
    """What no batch could take is told to whoever brought it; those behind it go on."""
    bridge = Bridge()
    bridge.open.set()
    batcher = Batcher(bridge.carry, divides=lambda _error: True, size=lambda number: 10 // number)
    async with asyncio.timeout(5):
        with pytest.raises(ZeroDivisionError):
            await batcher.put(0)
        assert await batcher.put(3) == 9


async def test_answers_that_are_too_few_are_nobodys() -> None:
    """Where fewer results come back than items went, every caller is told instead of waiting."""

    async def forgetful(numbers: Sequence[int]) -> Sequence[int]:
        return list(numbers)[1:]

    batcher: Batcher[int, int] = Batcher(
        forgetful, divides=lambda _error: True, size=lambda number: number
    )
    tasks = await started(batcher, 1, 2, 3)
    async with asyncio.timeout(5):
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ends] == [RuntimeError] * 3
