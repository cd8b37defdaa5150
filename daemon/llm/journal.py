"""The journal's two statements around each model call, and the little that is read beside them.

A call is known by what it says: SHA-256 of its canonical JSON. Its key in a request is that hash
and ``n``, the how-manieth identical call of the attempt it is. So parallel branches need no order,
a second run finds every finished call, and changed code pays for changed calls only.

What a call says depends on more than what is asked: on what is known of the model by now, and on
settings. So an answer is kept with the hash of its question, too, and a second run that would put
the same question otherwise finds it by that. Workers that know nothing of this hash find calls by
their own, as before.

``begin`` commits asynchronously, an attempt's first and every ``end`` synchronously. Either is
repeated while the database is away, ``begin`` for about a minute, ``end`` for as long as this
process lives: what it writes was paid for, and nobody else knows it. Either may be repeated after
a lost reply: ``begin`` takes its own unconfirmed reservation back, ``end`` recognises its call by
a token. Calls that come while a statement is under way go together with the next one.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from typing import Any, Literal

from daemon.batcher import Batcher
from daemon.database import is_contended, is_transient, persistently
from daemon.llm.classify import Bucket
from daemon.llm.models import Habits, KnownModels
from daemon.llm.pricing import Cost, Prices, Usage
from daemon.model import Authority
from daemon.statements import Statements
from daemon.store.executor import Executor, Pool
from daemon.store.safe_json import dumps

Json = Any
Go = Literal["go", "replay", "cached", "wait", "budget", "breaker", "cancelled", "lost"]

PROBE_SECONDS = 60.0
"""How long a half-open breaker waits for its only caller."""
END_PAUSE_SECONDS = 2.0
"""The longest pause before an ``end`` is sent again: when the database is back, it should be there
before somebody takes the request up and buys the same answer."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A budget a call counts in. kind: its period. limit_usd None: only if an admin set one."""

    scope: str
    kind: Literal["day", "month", "request"]
    limit_usd: Decimal | None = None

    def as_json(self) -> dict[str, Json]:
        return {
            "scope": self.scope,
            "kind": self.kind,
            "limit_usd": None if self.limit_usd is None else str(self.limit_usd),
        }


@dataclass(frozen=True, slots=True)
class Entry:
    """One physical call, as the journal knows it before it is made.

    hashes: of this call, then of the same question as other models would be asked it. question: of
    what is asked, however it is put; see ``sql/call_begin.sql``.
    prompt: the body to keep, None to keep none of it (``private``: the answer is kept only as long
    as the request may need it again). tokens, usd: the estimates that are reserved.
    """

    authority: Authority
    hashes: Sequence[bytes]
    question: bytes
    n: int
    token: uuid.UUID
    task_type: str
    name: str
    model: str
    prompt: Json
    prompt_bytes: int
    tokens: int
    usd: Decimal
    limits: Sequence[Limit]
    cache_seconds: float = 0.0

    def describe(self, *, prompt: bool) -> dict[str, Json]:
        about: dict[str, Json] = {
            "task_type": self.task_type,
            "name": self.name,
            "model": self.model,
            "prompt_bytes": self.prompt_bytes,
            "private": self.prompt is None,
        }
        if prompt and self.prompt is not None:
            about["prompt"] = self.prompt
        return about


@dataclass(frozen=True, slots=True)
class Begun:
    """Whether the call may be made. wait_seconds: None where waiting would never help."""

    verdict: Go
    model: str
    returned_model: str | None
    response: Json
    wait_seconds: float | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a call came to. status: ``done`` for every complete answer, good or not."""

    status: Literal["done", "failed", "uncertain"]
    cost: Cost
    response: Json = None
    usage: Json = None
    error: Json = None
    returned_model: str | None = None
    tier: str | None = None

    def as_json(self) -> dict[str, Json]:
        counts = Usage.parse(self.usage)
        answer: dict[str, Json] = {
            "status": self.status,
            "response": self.response,
            "usage": self.usage,
            "error": self.error,
            "returned_model": self.returned_model,
            "tier": self.tier,
            "cost_state": self.cost.state,
            "charged_usd": str(self.cost.charged),
            "cost_usd": None if self.cost.usd is None else str(self.cost.usd),
            "price_id": self.cost.price_id,
        }
        if counts is not None:
            answer |= {
                "input_tokens": counts.prompt,
                "cached_tokens": counts.cached,
                "output_tokens": counts.completion,
                "reasoning_tokens": counts.reasoning,
            }
        # A key with JSON null would be stored as the JSON value null.
        return {key: value for key, value in answer.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a call teaches all daemons about the provider.

    event: see ai_call_breaker_v1. whole: it concerns the provider, not one model.
    """

    event: Literal["ok", "failure", "open", "none"] = "none"
    whole: bool = False
    seconds: float = 0.0
    threshold: int = 0
    reason: str = ""
    tokens_over: int = 0
    buckets: Sequence[Bucket] = ()

    def as_json(self, model: str) -> dict[str, Json]:
        return {
            "tokens_over": self.tokens_over,
            "buckets": [
                {
                    "key": f"{bucket.kind}:{model}",
                    "rate_per_second": bucket.rate_per_second,
                    "burst": bucket.burst,
                    "remaining": bucket.remaining,
                }
                for bucket in self.buckets
            ],
            "breaker": {
                "model": "*" if self.whole else model,
                "event": self.event,
                "seconds": self.seconds,
                "threshold": self.threshold,
                "reason": self.reason,
            },
        }


class Journal(Executor):
    """The ledger of model calls."""

    def __init__(self, pool: Pool, statements: Statements) -> None:
        super().__init__(pool, statements)
        self._begins = Batcher(
            self._begin_all, divides=_divides, size=_size, orphaned=self._take_back
        )
        self._ends = Batcher(self._end_all, divides=_divides, size=_size)
        self._taken_back: set[asyncio.Task[str]] = set()

    async def begin(self, entry: Entry) -> Begun:
        """May this call be made? One that is cancelled meanwhile gets its money back."""
        about = {
            **_key(entry),
            "question": entry.question.hex(),
            "call": entry.describe(prompt=True),
            "tokens": entry.tokens,
            "usd": str(entry.usd),
            "cache_seconds": entry.cache_seconds,
        }
        return await self._begins.put((entry, dumps(about)))

    async def end(self, entry: Entry, settlement: Settlement, feedback: Feedback) -> str:
        """Settle a call: done, failed, uncertain, duplicate, or repeated."""
        about = {
            **_key(entry),
            "call": entry.describe(prompt=False),
            "answer": settlement.as_json(),
            "feedback": feedback.as_json(entry.model),
        }
        return await self._ends.put((entry, dumps(about)))

    async def idle(self) -> None:
        """Wait for what is on its way to the ledger."""
        await self._begins.idle()
        if self._taken_back:
            await asyncio.wait(list(self._taken_back))
        await self._ends.idle()

    async def _begin_all(self, calls: Sequence[tuple[Entry, str]]) -> Sequence[Begun]:
        rows = await self._answered(
            calls, lambda text: self._rows("call_begin", calls=text, probe_seconds=PROBE_SECONDS)
        )
        return [
            Begun(
                row["verdict"],
                row["model"],
                row["returned_model"],
                row["response"],
                row["wait_seconds"],
                row["detail"],
            )
            for row in rows
        ]

    async def _end_all(self, calls: Sequence[tuple[Entry, str]]) -> Sequence[str]:
        rows = await self._answered(
            calls,
            lambda text: self._rows("call_end", calls=text),
            tries=None,
            cap_seconds=END_PAUSE_SECONDS,
        )
        return [row["verdict"] for row in rows]

    async def _answered(
        self,
        calls: Sequence[tuple[Entry, str]],
        statement: Callable[[str], Awaitable[Sequence[Mapping[str, Any]]]],
        **patience: Any,
    ) -> Sequence[Mapping[str, Any]]:
        """A row for each call, once the database has answered; all of it is safe to repeat.

        Several calls of which one is locked or cannot be stored are not repeated: each goes alone.
        patience: see ``persistently``.
        """
        text = f"[{','.join(text for _, text in calls)}]"
        rows = await persistently(
            lambda: statement(text),
            unless=is_contended if len(calls) > 1 else None,
            **patience,
        )
        return sorted(rows, key=itemgetter("place"))

    def _take_back(self, call: tuple[Entry, str], begun: Begun) -> None:
        """Nobody will make this call any more: its reservation ends."""
        if begun.verdict == "go":
            settlement = Settlement(
                "failed", Cost("none", Decimal(0)), error={"code": "never_sent"}
            )
            task = asyncio.create_task(self.end(call[0], settlement, Feedback()))
            self._taken_back.add(task)
            task.add_done_callback(self._taken_back.discard)

    async def prices(self) -> Prices:
        """The prices that are valid now."""
        return Prices.of(await self._rows("price_list", now=None))

    async def read_habits(self, into: KnownModels) -> None:
        """What any daemon learned about models."""
        for row in await self._rows("provider_habits"):
            into.load(row["model"], row["response_format"], row["omits"])

    async def learn(self, model: str, habits: Habits) -> None:
        """Share what a model refused to take."""
        await self._rows(
            "provider_learn",
            model=model,
            response_format=habits.response_format,
            omits=sorted(habits.omits),
        )

    async def abandon(self, older_seconds: float) -> int:
        """Count what dead owners left unsettled as uncertain money; returns how many calls."""
        count = 0
        while (row := await self._row("call_abandon", older_seconds=older_seconds)) is not None:
            if row["id"] is None:
                break
            count += 1
        return count

    async def forget(self, limit: int) -> None:
        """Erase answers of finished requests that were to be kept only meanwhile."""
        await self._rows("call_forget", limit=limit)

    async def afford(self, limit_usd: Decimal | None, limit: int) -> list[int]:
        """Take up again what waits for a budget that has room by now; returns those requests.

        limit_usd: the environment's limit of a day.
        """
        rows = await self._rows("request_afford", limit_usd=limit_usd, limit=limit)
        return [row["id"] for row in rows]

    async def upgrade(self, model: str, limit: int) -> list[int]:
        """Ask again for what was degraded, where its agent wishes so; returns the new requests.

        model: what agents without a model of their own ask.
        """
        rows = await self._rows("request_upgrade", model=model, limit=limit)
        return [row["id"] for row in rows]


def _key(entry: Entry) -> dict[str, Json]:
    return {
        "request_id": entry.authority.request_id,
        "fence": entry.authority.fence,
        "worker_id": entry.authority.worker_id,
        "hashes": [hash_.hex() for hash_ in entry.hashes],
        "n": entry.n,
        "token": str(entry.token),
        "limits": [limit.as_json() for limit in entry.limits],
    }


def _size(call: tuple[Entry, str]) -> int:
    return len(call[1])


def _divides(error: Exception) -> bool:
    return is_contended(error) or not is_transient(error)
