"""Runs a past request again, beside its result: other model, other prompt, other configuration.

A replay is a request of its own, of a type that no agent answers, run by this process alone: so
its calls are on the ledger, within every budget, and what it may cost is held to the cent. It
gets the input, the moment, the kept steps and the people's answers of its original; rows that the
agent reads itself are today's, and where that changed the question it is said. Its answer is kept
as a result of the replay's own request; typed rows are not written, the original stays as it is.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from psycopg.rows import DictRow

from agents.catalog import AGENTS
from daemon import clock, statements
from daemon.database import Database, is_transient
from daemon.errors import ConfigurationError
from daemon.lease import LeaseState
from daemon.meters import Meters
from daemon.model import Authority, Claimed, Complete, ErrorInfo, Fail, Json, Outcome
from daemon.registry import Registry, Usable
from daemon.runner import Runner
from daemon.service import new_worker_id
from daemon.settings import Settings
from daemon.store import Store
from daemon.store.safe_json import dumps, loads

REPLAY_TYPE = "(replay)"
LEASE_SECONDS = 30.0
PASSING = frozenset({"provenance", "data_warnings", "narrative", "summary"})
"""Keys of a result that hold words, or tell of the answering itself."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a request ended. validity: ``valid``, or why no model's answer stands in it.

    decision: the answer's own word for what it is. cost_usd: None where it is not known.
    """

    validity: str
    mode: str | None
    decision: str | None
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A request and its replay. changed: keys of the result that differ, words left out.

    same_question: whether the model was asked the same; None where prompts were not kept.
    """

    id: int
    task_type: str
    before: Ending
    after: Ending
    changed: tuple[str, ...] = ()
    same_question: bool | None = None
    charged_usd: Decimal = field(default=Decimal(0))

    def as_json(self) -> dict[str, Json]:
        return asdict(self) | {"same_decision": self.before.decision == self.after.decision}


class OtherRegistry(Registry):
    """The agents as their rows are, with something else in their configuration."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        catalog: Mapping[str, str],
        changes: Mapping[str, Json],
    ) -> None:
        super().__init__(store, settings, catalog)
        self._changes = changes
        self._raw: dict[str, Mapping[str, Json]] = {}

    async def start(self) -> None:
        """Read; a replay writes nothing about agents."""
        self._agents = await asyncio.to_thread(self._import)
        rows = await self._store.agents_list()
        self._raw = {row.type: row.config for row in rows}
        self._states = {row.type: self._judge(row) for row in rows}

    async def catch_up(self, task_type: str, version: int | None) -> None:
        """The rows stay as they were read."""

    async def pinned(self, task_type: str, version: int | None) -> Usable | None:
        """The agent with the changed configuration. Raises ConfigurationError."""
        del version
        usable = self.usable(task_type, {**self._raw[task_type], **self._changes})
        if isinstance(usable, str):
            raise ConfigurationError(
                f"{task_type} cannot use this configuration: {usable}", hint="see --config"
            )
        return usable


class Replays:
    """Replays one after the other, until the money is gone."""

    def __init__(
        self, database: Database, store: Store, runner: Runner, registry: OtherRegistry
    ) -> None:
        self._database = database
        self._texts = statements.load()
        self._store = store
        self._runner = runner
        self._registry = registry

    async def find(
        self, ids: list[int], task_type: str | None, limit: int
    ) -> list[Mapping[str, Any]]:
        """The requests to replay, newest first."""
        found = await self._rows(
            "replay_find", ids=ids, task_type=task_type, limit=limit, replay_type=REPLAY_TYPE
        )
        return list(found)

    async def run(self, past: Mapping[str, Any], max_usd: Decimal) -> Comparison:
        """One replay that may cost ``max_usd``. Raises ConfigurationError."""
        if self._registry.state(past["task_type"]) is not None:
            await self._registry.pinned(past["task_type"], None)
        authority = await self._begin(past, max_usd)
        claimed = Claimed(
            authority,
            past["task_type"],
            1,
            loads(past["input_text"]),
            past["requested_by"],
            past["fair_key"],
            past["created_at"].isoformat(),
            max_usd,
            "degrade",
            None,
        )
        lease = LeaseState(authority, clock.monotonic())
        renewing = asyncio.create_task(self._renew(authority))
        try:
            # A task of its own: what the runner binds to the log's context ends with it.
            outcome = await asyncio.create_task(self._runner.run(claimed, lease))
        finally:
            renewing.cancel()
        calls = await self._rows("replay_calls", id=authority.request_id)
        await self._store.complete(
            authority.worker_id, [(authority, _kept(past["id"], outcome), None)]
        )
        asked = await self._rows("replay_calls", id=past["id"])
        return _compare(past, outcome, asked, calls)

    async def _begin(self, past: Mapping[str, Any], max_usd: Decimal) -> Authority:
        worker_id = f"replay-{self._database.worker_id}"
        async with (
            self._database.pool.connection() as connection,
            connection.transaction(),
            connection.cursor() as cursor,
        ):
            await cursor.execute(
                self._texts["replay_insert"],
                {
                    "replay_type": REPLAY_TYPE,
                    "input": dumps({"replay_of": past["id"]}),
                    "requested_by": past["requested_by"],
                    "fair_key": past["fair_key"],
                    "max_usd": max_usd,
                },
            )
            row = await cursor.fetchone()
            assert row is not None
            await cursor.execute(
                self._texts["replay_start"],
                {
                    "id": row[0],
                    "original": past["id"],
                    "worker_id": worker_id,
                    "seconds": LEASE_SECONDS,
                },
            )
            return Authority(row[0], 1, worker_id)

    async def _renew(self, authority: Authority) -> None:
        """Keep the lease while this process lives; without it a daemon ends the replay."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            try:
                await self._rows(
                    "lease_renew",
                    worker_id=authority.worker_id,
                    ids=[authority.request_id],
                    fences=[authority.fence],
                    lease_seconds=LEASE_SECONDS,
                    now=None,
                )
            except Exception as error:
                # A third of a lease is gone: there is time for another try.
                if not is_transient(error):
                    raise

    async def _rows(self, name: str, **values: Any) -> list[DictRow]:
        from psycopg.rows import dict_row

        async with (
            self._database.pool.connection() as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            await cursor.execute(self._texts[name], values)
            return await cursor.fetchall()


@asynccontextmanager
async def replays_on(
    url: str, settings: Settings, changes: Mapping[str, Json]
) -> AsyncIterator[Replays]:
    """What a replay needs, on a database. Raises ConfigurationError without any model."""
    from agents.crm import Crm, open_engine
    from daemon.llm.gateway import Gateway

    database = Database(url, url, new_worker_id())
    await database.open()
    gateway: Gateway | None = None
    runner: Runner | None = None
    try:
        texts = statements.load()
        store = Store(database.pool, texts)
        gateway = Gateway.create(database.pool, texts, settings, Meters())
        if not gateway.configured:
            raise ConfigurationError(
                "there is no model to replay with", hint="set OPENAI_API_KEY or OPENAI_BASE_URL"
            )
        registry = OtherRegistry(store, settings, AGENTS, changes)
        await registry.start()
        await gateway.warm()
        runner = Runner(
            store=store,
            registry=registry,
            gateway=gateway,
            gym_time_zone=settings.gym_time_zone,
            crm=Crm(open_engine(url), tz=settings.gym_time_zone),
        )
        yield Replays(database, store, runner, registry)
    finally:
        if runner is not None:
            runner.close()
        if gateway is not None:
            await gateway.aclose()
        await database.close()


def _kept(original: int, outcome: Outcome) -> Complete | Fail:
    """How the replay's own request ends: with the answer beside whose it is, or with the error."""
    if isinstance(outcome, Complete):
        result = {"replay_of": original, "result": outcome.result}
        return Complete(result, outcome.mode, outcome.degraded_reason)
    error = getattr(outcome, "error", None)
    if isinstance(error, ErrorInfo):
        return Fail(error)
    return Fail(ErrorInfo("agent_error", f"the replay was {outcome.name}"))


def _compare(
    past: Mapping[str, Any],
    outcome: Outcome,
    asked: list[DictRow],
    calls: list[DictRow],
) -> Comparison:
    result = json.loads(past["result_text"]) if past["result_text"] else {}
    before = Ending(
        _validity(past["mode"], past["degraded_reason"], past["error_code"]),
        past["mode"],
        _decision(result),
        past["cost_usd"],
    )
    answer: Mapping[str, Json] = {}
    if isinstance(outcome, Complete):
        answer = json.loads(dumps(outcome.result))
        validity = _validity(outcome.mode, outcome.degraded_reason, None)
    else:
        error = getattr(outcome, "error", None)
        validity = error.code if isinstance(error, ErrorInfo) else outcome.name
    costs = [call["cost_usd"] for call in calls]
    after = Ending(
        validity,
        outcome.mode if isinstance(outcome, Complete) else None,
        _decision(answer),
        None
        if costs and all(cost is None for cost in costs)
        else sum(filter(None, costs), Decimal(0)),
    )
    keys = sorted((result.keys() | answer.keys()) - PASSING) if isinstance(result, dict) else []
    return Comparison(
        past["id"],
        past["task_type"],
        before,
        after,
        tuple(key for key in keys if result.get(key) != answer.get(key)),
        _same_question(asked, calls),
        sum((call["charged_usd"] for call in calls), Decimal(0)),
    )


def _validity(mode: str | None, reason: str | None, error_code: str | None) -> str:
    if error_code is not None:
        return error_code
    return {"full": "valid", "deterministic": "no model"}.get(mode or "", reason or "unknown")


def _decision(result: Json) -> str | None:
    status = result.get("status") if isinstance(result, Mapping) else None
    return status if isinstance(status, str) else None


def _same_question(asked: list[DictRow], calls: list[DictRow]) -> bool | None:
    """Whether every first question was the same, as far as prompts were kept."""
    before = {row["name"]: row["messages"] for row in reversed(asked)}
    after = {row["name"]: row["messages"] for row in reversed(calls)}
    if not before or not after or None in (*before.values(), *after.values()):
        return None
    return before == after
