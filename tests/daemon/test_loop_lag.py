"""No step of an agent keeps the event loop from heartbeats, health checks and other requests."""

from __future__ import annotations

import asyncio
import time

import pytest

from daemon.demo.gym import load
from daemon.demo.model_server import ModelServer
from tests.kit.gyms import gym_app
from tests.kit.loop import too_long, watched_steps

LONGEST_SECONDS = 0.05
PARTS = ("workout_optimization", "progress_monitoring", "scheduling", "client_review")


async def test_agents_never_hold_the_loop(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of all agents at once: no callback takes the loop for 50 ms, nor do the first ones,
    for which the graphs are built."""
    truth = load(database, clients=20)
    clients = [id_ for id_, client in truth.clients.items() if client.standing == "normal"][:3]
    async with (
        ModelServer().running() as server,
        gym_app(database, openai_base_url=server.url, openai_api_key="local") as app,
    ):

        async def work() -> None:
            monkeypatch.setattr("agents.graph._compiled", {})
            ids = [
                await app.submit(part, client_id=client, duration_weeks=4)
                for part in PARTS
                for client in clients
            ]
            rows = [await app.ended(id_) for id_ in ids]
            assert {row["status"] for row in rows} == {"completed"}, rows

        assert await too_long(work, LONGEST_SECONDS) == []


async def test_a_step_that_holds_the_loop_is_seen() -> None:
    """The measurement sees what it is there to see."""
    with watched_steps() as steps:
        await asyncio.sleep(0)
        end = time.thread_time() + LONGEST_SECONDS
        while time.thread_time() < end:
            pass
        await asyncio.sleep(0)
    assert len(steps.over(LONGEST_SECONDS)) == 1


@pytest.mark.parametrize(("held", "said"), [((0, 1, 2), True), ((0, 2), False), ((1,), False)])
async def test_what_holds_the_loop_does_so_each_time(held: tuple[int, ...], said: bool) -> None:
    """A step that is too long every time is named, and one that was so by chance is not."""
    rounds = iter(range(3))

    async def hold() -> None:
        if next(rounds) in held:
            end = time.thread_time() + LONGEST_SECONDS
            while time.thread_time() < end:
                pass

    async def work() -> None:
        await asyncio.create_task(hold())

    found = await too_long(work, LONGEST_SECONDS)
    assert any("hold" in name for name in found) is said
