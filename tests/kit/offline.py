"""A run context without a daemon: no database, no main app, no model, a fixed clock.

Enough to run an agent's deterministic path from its input to its answer, and nothing that could
be mistaken for the real runtime: whatever an agent must not need here raises.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog
from pydantic import BaseModel

from agents.base import LLM, AgentConfig, Answer, RunContext
from agents.crm import Crm

R = TypeVar("R")
T = TypeVar("T", bound=BaseModel)


class NoModel:
    """A model that is not configured."""

    configured = False

    async def ask(
        self,
        schema: type[T],
        *,
        name: str,
        system: str,
        data: Mapping[str, Any],
        repair: Callable[[T], tuple[T, Sequence[str]]] | None = None,
        check: Callable[[T], Sequence[str]] | None = None,
        max_output_tokens: int = 1500,
    ) -> Answer[T]:
        return Answer(None)


class Offline:
    """The context of one request; `config` is the agent's own default unless given."""

    task_type = "workout_optimization"
    requested_by: str | None = None
    now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    time_zone = "Europe/Berlin"
    llm: LLM = NoModel()
    crm: Crm | None = None
    cancelled = False

    def __init__(self, request_id: int = 1, config: AgentConfig | None = None) -> None:
        self.request_id = request_id
        self.config = config or AgentConfig()
        self.log: Any = structlog.get_logger()

    def random(self, *seed: Any) -> random.Random:
        return random.Random(repr(seed))

    async def step(self, name: str, fn: Callable[[], Awaitable[Any]]) -> Any:
        return await fn()

    async def compute(self, fn: Callable[..., R], *args: Any) -> R:
        return await asyncio.to_thread(fn, *args)

    async def run(self, task_type: str, input_data: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AssertionError(f"no agent runs {task_type} here")

    async def progress(self, node: str, percent: int, message: str = "") -> None:
        return None

    def on_drain(self, stop: Callable[[], None]) -> None:
        return None

    async def ask(self, key: str, question: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AssertionError("nobody answers questions here")


def offline(request_id: int = 1) -> RunContext:
    """A context for one request."""
    return Offline(request_id)
