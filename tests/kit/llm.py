"""A request that runs, an agent that asks, and a gateway between them and a local model server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel, ConfigDict, Field

from agents.base import AgentInput, Answer, BaseAgent, LLMUse
from daemon import statements
from daemon.demo.model_server import ModelServer
from daemon.llm.gateway import Gateway, RequestLLM
from daemon.meters import Meters
from daemon.model import Authority, Claimed
from daemon.settings import Settings
from daemon.store.executor import Pool

Json = Any
MODEL = "gpt-4o-mini"
FALLBACK = "gpt-4.1-mini"
DATA: Mapping[str, Json] = {"exercises": [{"exercise_id": 7, "exercise": "goblet squat"}]}
SYSTEM = "Write a tip for each exercise. Use only ids from the data."


class Tip(BaseModel):
    model_config = ConfigDict(extra="forbid")

    exercise_id: int
    tip: str = Field(max_length=200)


class Words(BaseModel):
    model_config = ConfigDict(extra="forbid")

    summary: str = Field(max_length=400)
    tips: list[Tip] = Field(max_length=5)


class Nothing(AgentInput):
    pass


class Asker(BaseAgent[Nothing, Words]):
    """Asks the model and does nothing else. Its ``llm`` is set per test."""

    type = "asker"
    name = "Asker"
    description = "asks"
    Input = Nothing
    Output = Words


def asker(**use: Any) -> Asker:
    """An agent with this ``LLMUse``; by default with room for every retry."""
    made = Asker()
    made.llm = replace(  # type: ignore[misc]
        LLMUse(max_calls=10, deadline_seconds=10.0), **use
    )
    return made


def known_ids(words: Words) -> tuple[Words, Sequence[str]]:
    """The closed world of DATA, as an agent's ``repair``."""
    known = {row["exercise_id"] for row in DATA["exercises"]}
    kept = [tip for tip in words.tips if tip.exercise_id in known]
    dropped = [f"unknown id {t.exercise_id}" for t in words.tips if t.exercise_id not in known]
    return words.model_copy(update={"tips": kept}), dropped


def plain(words: Words) -> Sequence[str]:
    """Plain text without numbers, as an agent's ``check``."""
    texts = [words.summary, *(tip.tip for tip in words.tips)]
    return [
        f"{text[:20]!r} holds markup or a number that was not computed"
        for text in texts
        if any(char.isdigit() or char in "<>*#" for char in text)
    ]


@dataclass
class Bench:
    """A gateway, its server and its database."""

    gateway: Gateway
    server: ModelServer
    pool: Pool
    meters: Meters

    async def request(
        self,
        *,
        max_usd: Decimal | None = None,
        on_unavailable: Any = None,
        fair_key: str = "",
        worker: str = "w1",
        task_type: str = "asker",
    ) -> Claimed:
        """A request that ``worker`` is running."""
        row = await self.one(
            "INSERT INTO ai_requests (task_type, fair_key, max_usd, on_unavailable, input_data)"
            " VALUES (%s, %s, %s, %s, '{\"client_id\": 3}') RETURNING id",
            task_type,
            fair_key,
            max_usd,
            on_unavailable,
        )
        claimed = Claimed(
            Authority(row[0], 0, worker),
            task_type,
            0,
            {},
            None,
            fair_key,
            "2026-11-25T12:00:00+00:00",
            max_usd,
            on_unavailable,
            None,
        )
        return await self.claim(claimed, worker)

    async def claim(self, claimed: Claimed, worker: str) -> Claimed:
        """The request's next attempt, as a claim after a lost lease leaves it."""
        request_id = claimed.request_id
        await self.run(
            "UPDATE ai_requests SET status = 'pending', fence = fence WHERE id = %s"
            " AND status = 'running'",
            request_id,
        )
        row = await self.one(
            "UPDATE ai_requests SET status = 'running', fence = fence + 1, attempt = attempt + 1,"
            " started_at = now() WHERE id = %s RETURNING fence, attempt",
            request_id,
        )
        await self.run(
            "INSERT INTO ai_attempts (request_id, fence, attempt, worker_id, started_at)"
            " VALUES (%s, %s, %s, %s, now())",
            request_id,
            row[0],
            row[1],
            worker,
        )
        return claimed._replace(
            authority=Authority(request_id, row[0], worker), attempt=int(row[1])
        )

    def llm(self, claimed: Claimed, agent: Asker | None = None, **options: Any) -> RequestLLM:
        return self.gateway.for_request(claimed, agent or asker(), **options)

    async def ask(
        self, claimed: Claimed, agent: Asker | None = None, **options: Any
    ) -> Answer[Words]:
        """One question by a fresh context."""
        return await ask(self.llm(claimed, agent), **options)

    async def one(self, query: str, *values: Any) -> Sequence[Any]:
        rows = await self.all(query, *values)
        return rows[0]

    async def all(self, query: str, *values: Any) -> list[Sequence[Any]]:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(query, values)
            return list(await cursor.fetchall())

    async def run(self, query: str, *values: Any) -> None:
        async with self.pool.connection() as connection:
            await connection.execute(query, values)

    async def ledger(self, request_id: int) -> list[tuple[str, str, str]]:
        """(model, status, cost_state) of each physical call, in order."""
        return [
            (row[0], row[1], row[2])
            for row in await self.all(
                "SELECT model, status, cost_state FROM ai_llm_calls WHERE request_id = %s"
                " ORDER BY id",
                request_id,
            )
        ]

    async def differences(self) -> list[Any]:
        """Budgets that do not equal the ledger, and costs that do not follow from the usage."""
        return [
            *await self.all(
                "SELECT * FROM ai_budget_check WHERE spent_difference_usd <> 0"
                " OR reserved_difference_usd <> 0 OR uncertain_difference_usd <> 0"
            ),
            *await self.all("SELECT * FROM ai_cost_check WHERE difference_usd <> 0"),
        ]


async def ask(llm: RequestLLM, **options: Any) -> Answer[Words]:
    """The question every test asks, changed by ``options``."""
    wanted: dict[str, Any] = {
        "name": "asker_words",
        "system": SYSTEM,
        "data": DATA,
        "repair": known_ids,
        "check": plain,
        "max_output_tokens": 300,
    } | options
    return await llm.ask(Words, **wanted)


def settings_for(url: str | None, **changes: Any) -> Settings:
    """Settings that use the model server; nothing from this machine's environment."""
    values: dict[str, Any] = {
        "openai_base_url": url,
        "openai_api_key": None,
        "openai_model": MODEL,
        "openai_temperature": None,
        "llm_fallback_models": (),
        "daily_budget_usd": None,
        "log_prompts": True,
    } | changes
    return Settings(**values)


@contextlib.asynccontextmanager
async def gateway_on(
    pool: Pool, settings: Settings, meters: Meters | None = None
) -> AsyncIterator[Gateway]:
    """A gateway as one daemon has it, closed afterwards. Retries do not dawdle."""
    gateway = Gateway.create(pool, statements.load(), settings, meters or Meters())
    gateway.shop.retry_base_seconds = 0.01
    await gateway.warm()
    try:
        yield gateway
    finally:
        await gateway.aclose()


@contextlib.asynccontextmanager
async def bench_on(database: str, pool_size: int = 8, **changes: Any) -> AsyncIterator[Bench]:
    """A bench on a migrated database. changes: settings."""
    pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
        database, min_size=1, max_size=pool_size, open=False, kwargs={"autocommit": True}
    )
    await pool.open()
    try:
        async with ModelServer().running() as server:
            meters = Meters()
            meters.know(["asker"])
            settings = settings_for(server.url, **changes)
            async with gateway_on(pool, settings, meters) as gateway:
                yield Bench(gateway, server, pool, meters)
    finally:
        await pool.close()
