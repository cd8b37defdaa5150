"""Whose turn it is for a thread: keys take turns, the oldest request of a key goes first."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from daemon.compute import MOST_OF_A_KEY, THREADS, Compute, Key, Whose
from tests.kit.signals import eventually

MANY = "schedule:nightly"


class Steps:
    """Steps that begin when it is their turn and end when they are told to."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._ends: dict[int, threading.Event] = {}
        self.began: list[int] = []
        self.running: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self._lock = threading.Lock()

    def ask(self, key: str, request_id: int) -> asyncio.Task[int]:
        self._ends[request_id] = threading.Event()
        return asyncio.create_task(
            self._compute.run(Whose(key, request_id), self._step, key, request_id)
        )

    def _step(self, key: str, request_id: int) -> int:
        with self._lock:
            self.began.append(request_id)
            for name in (key, "all"):
                self.running[name] += 1
                self.most[name] = max(self.most[name], self.running[name])
        self._ends[request_id].wait(30)
        with self._lock:
            for name in (key, "all"):
                self.running[name] -= 1
        return request_id

    def end(self, *request_ids: int) -> None:
        for one in request_ids or tuple(self._ends):
            self._ends[one].set()

    async def begun(self, count: int) -> None:
        await eventually(lambda: len(self.began) >= count, what=f"{count} steps have begun")


@pytest_asyncio.fixture
async def steps() -> AsyncIterator[Steps]:
    compute = Compute()
    made = Steps(compute)
    yield made
    made.end()
    compute.close()


async def test_whoever_comes_does_not_stand_behind_the_many(steps: Steps) -> None:
    """Twenty of one key wait; another one's step begins at once."""
    many = [steps.ask(MANY, n) for n in range(20)]
    await steps.begun(MOST_OF_A_KEY)
    first = steps.ask("trainer:3", 100)
    await steps.begun(MOST_OF_A_KEY + 1)
    assert steps.began[-1] == 100
    others = [steps.ask(f"trainer:{n}", 200 + n) for n in range(5)]
    await steps.begun(THREADS)
    # Every thread is taken: the next one goes to a key that has none.
    steps.end(steps.began[0])
    await steps.begun(THREADS + 1)
    assert steps.began[-1] in range(200, 205)
    steps.end()
    await asyncio.gather(first, *others, *many)
    assert len(steps.began) == len(set(steps.began)) == 26


async def test_the_many_have_their_turn_too(steps: Steps) -> None:
    """However many others keep coming, a key that waits longest is next."""
    asked = [steps.ask(MANY, n) for n in range(5)]
    await steps.begun(MOST_OF_A_KEY)
    asked += [steps.ask(f"early:{n}", 100 + n) for n in range(THREADS - MOST_OF_A_KEY)]
    await steps.begun(THREADS)
    for n in range(MOST_OF_A_KEY):
        asked.append(steps.ask(f"late:{n}", 200 + n))
    await asyncio.sleep(0)
    for n in range(MOST_OF_A_KEY - 1):  # who has no thread comes before who has one
        steps.end(n)
        await steps.begun(THREADS + 1 + n)
        assert steps.began[-1] == 200 + n
    steps.end(MOST_OF_A_KEY - 1)
    await steps.begun(THREADS + MOST_OF_A_KEY)
    assert steps.began[-1] == MOST_OF_A_KEY
    steps.end()
    await asyncio.gather(*asked)


async def test_the_oldest_request_of_a_key_goes_first(steps: Steps) -> None:
    """In whatever order they ask, a key's requests are served in theirs."""
    asked = [steps.ask(MANY, n) for n in range(MOST_OF_A_KEY)]
    await steps.begun(MOST_OF_A_KEY)
    asked += [steps.ask(MANY, n) for n in (30, 10, 20)]
    await asyncio.sleep(0)
    for count, oldest in enumerate((10, 20, 30), MOST_OF_A_KEY + 1):
        steps.end(steps.began[-MOST_OF_A_KEY])
        await steps.begun(count)
        assert steps.began[-1] == oldest
    steps.end()
    await asyncio.gather(*asked)


async def test_no_key_has_more_than_half(steps: Steps) -> None:
    """Requests without a key are each by themselves, and may have every thread."""
    asked = [steps.ask(MANY, n) for n in range(10)]
    await steps.begun(MOST_OF_A_KEY)
    steps.end()
    await asyncio.gather(*asked)
    assert steps.most == {MANY: MOST_OF_A_KEY, "all": MOST_OF_A_KEY}
    asked = [steps.ask("", 100 + n) for n in range(10)]
    await steps.begun(10 + THREADS)
    steps.end()
    await asyncio.gather(*asked)
    assert steps.most[""] == steps.most["all"] == THREADS


async def test_who_is_cancelled_while_waiting_does_not_begin(steps: Steps) -> None:
    """And takes nobody's turn; who is cancelled while a thread runs has it until it ends."""
    asked = [steps.ask("", n) for n in range(THREADS)]
    await steps.begun(THREADS)
    gone, stays = steps.ask("a", 10), steps.ask("b", 11)
    await asyncio.sleep(0)
    gone.cancel()
    asked[0].cancel()
    done, _ = await asyncio.wait({gone, asked[0]})
    assert all(task.cancelled() for task in done)
    assert steps.began == list(range(THREADS))
    steps.end(0)
    await steps.begun(THREADS + 1)
    assert steps.began[-1] == 11
    steps.end()
    await asyncio.gather(stays, *asked[1:])
    assert steps.most["all"] == THREADS


async def test_a_turn_given_to_who_is_cancelled_is_passed_on(steps: Steps) -> None:
    """The turn comes and the cancel too, before either is seen: the next one gets it."""
    asked = [steps.ask("", n) for n in range(THREADS)]
    await steps.begun(THREADS)
    gone, stays = steps.ask("a", 10), steps.ask("b", 11)
    await asyncio.sleep(0)
    compute = steps._compute
    give_back = compute._give_back

    def and_cancel(key: Key) -> None:
        give_back(key)
        gone.cancel()

    compute._give_back = and_cancel  # type: ignore[method-assign]
    steps.end(0)
    await steps.begun(THREADS + 1)
    assert steps.began[-1] == 11 and gone.cancelled()
    steps.end()
    await asyncio.gather(stays, *asked)


async def test_what_a_step_raises_is_raised_and_its_thread_is_free_again() -> None:
    """However many fail, the next one runs."""
    compute = Compute()
    for n in range(2 * THREADS):
        with pytest.raises(ZeroDivisionError):
            await compute.run(Whose("a", n), lambda: 1 / 0)
    assert await compute.run(Whose("a", 0), int, "7") == 7
    compute.close()
    with pytest.raises(RuntimeError):
        await compute.run(Whose("a", 0), int, "7")
