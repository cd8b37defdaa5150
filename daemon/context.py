"""What an agent gets to see of one attempt: :class:`AttemptContext` is ``agents.base.RunContext``.

Everything here is deterministic, or written down under the request, so that the next attempt sees
the same. Writes carry the attempt's authority: an attempt that lost its lease changes nothing.
A database that is away for a moment costs an attempt that moment, not its life.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from agents.base import (
    ASK_SECONDS,
    AgentConfig,
    AgentError,
    ApprovalExpired,
    ApprovalRejected,
    SourceTree,
)
from daemon import telemetry
from daemon.batcher import Batcher
from daemon.compute import Compute, Whose
from daemon.database import is_transient, persistently
from daemon.log import get_logger
from daemon.model import Claimed, ErrorInfo, Json
from daemon.outcome import WaitingForPerson
from daemon.store import Event

if TYPE_CHECKING:
    from agents.crm import Crm
    from daemon.lease import LeaseState
    from daemon.llm.gateway import RequestLLM
    from daemon.store import Store

R = TypeVar("R")

EVENT_INTERVAL_SECONDS = 0.5
"""At most two progress rows a second for each attempt, and none for one that is over sooner."""

RunAgent = Callable[
    [str, Mapping[str, Json], "AttemptContext", tuple[int, int]], Awaitable[Mapping[str, Json]]
]


class Code(Protocol):
    """Where the main app's code is read from, see ``RunContext.code_source``."""

    @property
    def root(self) -> str | None: ...

    async def tree(self, name: str, commit: str | None, since: str | None) -> SourceTree: ...


Measure = Callable[[Mapping[str, Json]], Awaitable[Mapping[str, Json]]]
"""The daemon's own health checks, see ``RunContext.measure``."""


@dataclass
class Services:
    """What every attempt of this process shares. gym_time_zone: an IANA name."""

    store: Store
    compute: Compute
    gym_time_zone: str
    crm: Crm | None
    run_agent: RunAgent
    measure: Measure | None = None
    code: Code | None = None
    events: Batcher[Event, None] = field(init=False)
    """Progress rows: those of attempts that run side by side are written together."""

    def __post_init__(self) -> None:
        self.events = Batcher(
            self._write,
            divides=lambda error: not is_transient(error),
            size=lambda event: len(event.message),
        )

    async def _write(self, events: Sequence[Event]) -> Sequence[None]:
        await self.store.events_put(events)
        return [None] * len(events)


@dataclass
class AttemptContext:
    """One attempt's view of the world."""

    claimed: Claimed
    services: Services
    lease: LeaseState
    llm: RequestLLM
    config: AgentConfig
    task_type: str
    rows: dict[str, list[Mapping[str, Json]]] = field(default_factory=dict)
    """Typed rows of agents that ran inside this request."""
    drain_hooks: list[Callable[[], None]] = field(default_factory=list)
    draining: bool = False
    scope: str = ""
    """Put before the names of steps and questions: those of an agent run inside are its own."""
    outer: AttemptContext | None = None
    share: tuple[int, int] = (0, 100)
    """Of an agent run inside: where the whole stands, in percent, before it and after it."""
    told_at: float = field(default_factory=time.monotonic)
    node_began_ns: int = field(default_factory=telemetry.now_ns)
    _percent: int = -1

    @property
    def request_id(self) -> int:
        return self.claimed.request_id

    @property
    def requested_by(self) -> str | None:
        return self.claimed.requested_by

    @property
    def now(self) -> datetime:
        return datetime.fromisoformat(self.claimed.created_at_iso)

    @property
    def time_zone(self) -> str:
        return self.services.gym_time_zone

    @property
    def crm(self) -> Crm | None:
        return self.services.crm

    @property
    def log(self) -> Any:
        return get_logger(f"agents.{self.task_type}")

    @property
    def cancelled(self) -> bool:
        return self.lease.stopped

    def random(self, *seed: Json) -> random.Random:
        text = json.dumps(seed, sort_keys=True, separators=(",", ":"), default=str)
        digest = hashlib.sha256(text.encode()).digest()
        return random.Random(digest)

    async def step(self, name: str, fn: Callable[[], Awaitable[Json]]) -> Json:
        name = self.scope + name
        store, authority = self.services.store, self.claimed.authority
        kept, value = await persistently(lambda: store.step_get(self.request_id, name))
        if kept:
            return value
        value = await fn()
        return await persistently(lambda: store.step_put(authority, name, value))

    async def compute(self, fn: Callable[..., R], *args: Any) -> R:
        whose = Whose(self.claimed.fair_key, self.request_id)
        return await self.services.compute.run(whose, fn, *args)

    async def run(
        self, task_type: str, input_data: Mapping[str, Json], *, until_percent: int | None = None
    ) -> Mapping[str, Json]:
        before = max(self._percent, 0)
        after = max(before, until_percent or 0)
        await self.tell(task_type, before, "started")
        try:
            result = await self.services.run_agent(task_type, input_data, self, (before, after))
        except AgentError as error:
            await self.tell(task_type, after, f"failed: {error.code}")
            raise
        await self.tell(task_type, after, "done")
        return result

    async def progress(self, node: str, percent: int, message: str = "") -> None:
        telemetry.past(
            "node", self.node_began_ns, {"ai.node": node, "ai.task_type": self.task_type}
        )
        self.node_began_ns = telemetry.now_ns()
        due = time.monotonic() - self.root.told_at >= EVENT_INTERVAL_SECONDS
        if due and percent > self._percent:
            await self.tell(node, percent, message)

    async def tell(self, node: str, percent: int, message: str) -> None:
        """Write a progress row, however new the last one is. A part's carries its name."""
        self._percent = max(percent, self._percent)
        if self.outer is not None:
            low, high = self.share
            whole = low + (high - low) * percent // 100
            await self.outer.tell(f"{self.task_type}.{node}", whole, message)
            return
        self.told_at = time.monotonic()
        try:
            await self.services.events.put(Event(self.claimed.authority, node, percent, message))
        except Exception as error:
            # Whoever watches misses a line; that is no reason to stop working.
            if not is_transient(error):
                raise

    @property
    def root(self) -> AttemptContext:
        """The context of the request's own agent, in which all others run."""
        return self if self.outer is None else self.outer.root

    def on_drain(self, stop: Callable[[], None]) -> None:
        self.drain_hooks.append(stop)
        if self.root.draining:
            stop()

    def drain(self) -> None:
        """The worker stops: let graphs end at their next step boundary."""
        self.draining = True
        for stop in self.drain_hooks:
            stop()

    async def ask(
        self,
        key: str,
        question: Mapping[str, Json],
        *,
        expires_seconds: float | None = ASK_SECONDS,
    ) -> Mapping[str, Json]:
        key = self.scope + key
        store, authority = self.services.store, self.claimed.authority
        approval = await persistently(
            lambda: store.approval_put(authority, key, question, expires_seconds=expires_seconds)
        )
        if not approval.decided:
            raise WaitingForPerson(key)
        answer = approval.answer if isinstance(approval.answer, Mapping) else {}
        decision = answer.get("decision")
        if decision == "timeout" or approval.decided_by == "timeout":
            raise ApprovalExpired(key)
        if decision == "reject":
            raise ApprovalRejected(key, approval.decided_by)
        return answer

    async def view(self, name: str) -> Sequence[Mapping[str, Json]]:
        rows: Sequence[Mapping[str, Json]] = await self.step(
            f"view:{name}", lambda: self.services.store.view(name)
        )
        return rows

    @property
    def code_root(self) -> str | None:
        return self.services.code.root if self.services.code is not None else None

    async def code_source(self, name: str, commit: str | None, since: str | None) -> SourceTree:
        if self.services.code is None:
            raise AgentError(
                f"input_data.source is {name!r}; no code is watched here",
                hint="set CODE_MONITOR_PATH or CODE_REPOSITORY",
            )
        return await self.services.code.tree(name, commit, since)

    async def measure(self, wish: Mapping[str, Json]) -> Mapping[str, Json]:
        measure = self.services.measure
        if measure is None:
            raise AgentError("this daemon makes no health checks")
        return await measure(wish)

    def add_rows(self, rows: Mapping[str, Sequence[Mapping[str, Json]]]) -> None:
        for table, more in rows.items():
            self.rows.setdefault(table, []).extend(more)

    def inside(
        self,
        task_type: str,
        input_data: Mapping[str, Json],
        config: AgentConfig,
        llm: RequestLLM,
        share: tuple[int, int],
    ) -> AttemptContext:
        """The context of an agent that runs inside this request, on this input.

        Its typed rows are its own: they are taken over once it has answered.
        """
        text = json.dumps(input_data, sort_keys=True, separators=(",", ":"), default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return AttemptContext(
            self.claimed,
            self.services,
            self.lease,
            llm,
            config,
            task_type,
            drain_hooks=self.drain_hooks,
            scope=f"{self.scope}{task_type}:{digest}:",
            outer=self,
            share=share,
        )


def failed_inside(task_type: str, problem: ErrorInfo) -> AgentError:
    """What the outer agent learns when another agent that it runs cannot answer."""
    error = AgentError(f"{task_type}: {problem.message}", hint=problem.hint)
    error.code, error.retryable = problem.code, problem.retryable
    return error
