"""A run context without a daemon, for tests of agents: a clock, threads, and a scripted model."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from agents.base import AgentConfig, Answer, DegradedReason, SourceTree
from agents.crm import Crm

Json = Any
R = TypeVar("R")
T = TypeVar("T", bound=BaseModel)
Script = Callable[[str, Mapping[str, Json]], Json]


@dataclass
class ScriptedLLM:
    """A model that answers from `script(name, data)`; None means: not configured.

    What the script returns is parsed like a provider's answer: text that is no JSON or does not
    fit becomes `invalid_output`, an exception becomes `provider_error`. `asked` keeps the data.
    """

    script: Script | None = None
    asked: list[Mapping[str, Json]] = field(default_factory=list)
    reasons: list[DegradedReason] = field(default_factory=list)

    @property
    def configured(self) -> bool:
        return self.script is not None

    async def ask(
        self,
        schema: type[T],
        *,
        name: str,
        system: str,
        data: Mapping[str, Json],
        repair: Callable[[T], tuple[T, Sequence[str]]] | None = None,
        check: Callable[[T], Sequence[str]] | None = None,
        max_output_tokens: int = 1500,
    ) -> Answer[T]:
        del system, max_output_tokens
        if self.script is None:
            return Answer(None)
        json.dumps(data)  # what is sent must be JSON
        self.asked.append(data)
        try:
            reply = self.script(name, data)
            value = schema.model_validate_json(
                reply if isinstance(reply, str) else json.dumps(reply)
            )
        except (ValidationError, ValueError):
            return self._none("invalid_output")
        except TimeoutError:
            return self._none("timeout")
        dropped: Sequence[str] = ()
        if repair is not None:
            value, dropped = repair(value)
        if check is not None and check(value):
            return self._none("invalid_output")
        return Answer(value, None, "scripted-model", tuple(dropped))

    def disown(self) -> None:
        self.reasons.append("invalid_output")

    def _none(self, reason: DegradedReason) -> Answer[Any]:
        self.reasons.append(reason)
        return Answer(None, reason)


class _Log:
    """Keeps events; a warning or an error of an agent can be looked at afterwards."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, Mapping[str, Json]]] = []

    def __getattr__(self, level: str) -> Callable[..., None]:
        if level.startswith("_") or not hasattr(logging, level.upper()):
            raise AttributeError(level)

        def write(event: str, **values: Json) -> None:
            self.events.append((level, event, values))

        return write


@dataclass
class FakeContext:
    """`agents.base.RunContext` for one request."""

    crm: Crm | None = None
    llm: ScriptedLLM = field(default_factory=ScriptedLLM)
    config: AgentConfig = field(default_factory=AgentConfig)
    requested_by: str | None = None
    now: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    time_zone: str = "Europe/Berlin"
    request_id: int = 412
    task_type: str = "test"
    log: Any = field(default_factory=_Log)
    told: list[tuple[str, int]] = field(default_factory=list)
    kept: dict[str, Json] = field(default_factory=dict)
    answers: dict[str, Mapping[str, Json]] = field(default_factory=dict)
    code_root: str | None = None
    sources: Mapping[str, SourceTree] = field(default_factory=dict)
    views: Mapping[str, Sequence[Mapping[str, Json]]] = field(default_factory=dict)
    measured: Mapping[str, Json] = field(default_factory=dict)
    wished: list[Mapping[str, Json]] = field(default_factory=list)

    @property
    def cancelled(self) -> bool:
        return False

    def random(self, *seed: Json) -> random.Random:
        text = json.dumps(seed, sort_keys=True, default=str)
        return random.Random(hashlib.sha256(text.encode()).digest())

    async def step(self, name: str, fn: Callable[[], Awaitable[Json]]) -> Json:
        if name not in self.kept:
            self.kept[name] = await fn()
        return self.kept[name]

    async def compute(self, fn: Callable[..., R], *args: Any) -> R:
        return await asyncio.to_thread(fn, *args)

    async def run(
        self, task_type: str, input_data: Mapping[str, Json], *, until_percent: int | None = None
    ) -> Mapping[str, Json]:
        del input_data, until_percent
        raise NotImplementedError(f"no agent {task_type} in this context")

    async def progress(self, node: str, percent: int, message: str = "") -> None:
        del message
        self.told.append((node, percent))

    def on_drain(self, stop: Callable[[], None]) -> None:
        del stop

    async def ask(
        self,
        key: str,
        question: Mapping[str, Json],
        *,
        expires_seconds: float | None = None,
    ) -> Mapping[str, Json]:
        del question, expires_seconds
        return self.answers[key]

    async def code_source(self, name: str, commit: str | None, since: str | None) -> SourceTree:
        del commit, since
        return self.sources[name]

    async def measure(self, wish: Mapping[str, Json]) -> Mapping[str, Json]:
        self.wished.append(wish)
        return self.measured

    async def view(self, name: str) -> Sequence[Mapping[str, Json]]:
        if name not in self.views:
            raise NotImplementedError(f"no view {name} in this context")
        return self.views[name]
