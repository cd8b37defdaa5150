"""No step of an agent keeps the event loop from heartbeats, health checks and other requests."""

from __future__ import annotations

import asyncio
import time

from daemon.demo.gym import load
from daemon.demo.model_server import ModelServer
from tests.kit.gyms import gym_app
from tests.kit.loop import watched_steps

LONGEST_SECONDS = 0.05
PARTS = ("workout_optimization", "progress_monitoring", "scheduling", "client_review")


async def test_agents_never_hold_the_loop(database: str) -> None:
    """Requests of all agents at once: no callback takes the loop for 50 ms."""
    truth = load(database, clients=20)
    clients = [id_ for id_, client in truth.clients.items() if client.standing == "normal"][:3]
    async with (
        ModelServer().running() as server,
        gym_app(database, openai_base_url=server.url, openai_api_key="local") as app,
    ):
        with watched_steps() as steps:
            ids = [
                await app.submit(part, client_id=client, duration_weeks=4)
                for part in PARTS
                for client in clients
            ]
            rows = [await app.ended(id_) for id_ in ids]
        assert {row["status"] for row in rows} == {"completed"}, rows
        assert steps.over(LONGEST_SECONDS) == []


async def test_a_step_that_holds_the_loop_is_seen() -> None:
    """The measurement sees what it is there to see."""
    with watched_steps() as steps:
        await asyncio.sleep(0)
        end = time.thread_time() + LONGEST_SECONDS
        while time.thread_time() < end:
            pass
        await asyncio.sleep(0)
    assert len(steps.over(LONGEST_SECONDS)) == 1
