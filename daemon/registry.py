"""Which agents answer, and with what configuration: code declares, ``ai_agents`` configures.

Start inserts the rows that are missing. A row without code here, or with a configuration that its
agent cannot use, takes *that* agent out and says why; nothing else notices. A change of a row
notifies ``ai_config``, which the listener passes on to :meth:`Registry.reload`.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from daemon.log import get_logger
from daemon.settings import Settings

if TYPE_CHECKING:
    from agents.base import AgentConfig, BaseAgent
    from daemon.store import AgentRow, Store

SWITCHES = {
    "workout_optimization": "enable_workout_optimization",
    "progress_monitoring": "enable_progress_monitoring",
    "scheduling": "enable_scheduling_intelligence",
}
"""Task type to the setting that can switch it off for a whole deployment."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AgentState:
    """One agent as it stands now. problem: why it cannot answer, in words for an admin."""

    task_type: str
    version: int
    config: AgentConfig | None
    enabled: bool
    disabled_hint: str = ""
    problem: str | None = None


class Registry:
    """The agents of this process and their rows."""

    def __init__(self, store: Store, settings: Settings, catalog: Mapping[str, str]) -> None:
        self._store = store
        self._settings = settings
        self._catalog = dict(catalog)
        self._agents: dict[str, BaseAgent[Any, Any]] = {}
        self._states: dict[str, AgentState] = {}
        self._pinned: dict[tuple[str, int], AgentConfig] = {}

    async def start(self) -> None:
        """Import the agents in a thread (they load LangGraph and the solvers), then their rows."""
        self._agents = await asyncio.to_thread(self._import)
        for task_type, agent in self._agents.items():
            await self._store.agent_insert_missing(
                name=agent.name,
                type=task_type,
                description=agent.description,
                config={},
                on_lost=agent.on_lost,
            )
        await self.reload()

    async def reload(self) -> None:
        """Read every row of ai_agents again."""
        rows = await self._store.agents_list()
        states = {row.type: self._judge(row) for row in rows}
        shown = {row.type: row.problem for row in rows}
        for task_type, state in states.items():
            if state.problem == shown[task_type] or task_type not in self._agents:
                continue
            if state.problem:
                log.warning("agent_unavailable", task_type=task_type, reason=state.problem)
            await self._store.agent_problem(task_type, state.problem)
        self._states = states

    def agent(self, task_type: str) -> BaseAgent[Any, Any] | None:
        """The code that answers a type in this process, or None."""
        return self._agents.get(task_type)

    def state(self, task_type: str) -> AgentState | None:
        """The agent's row, judged; None for a type that nobody has."""
        return self._states.get(task_type)

    def claimable(self) -> tuple[str, ...]:
        """Types this process takes requests of: those with code here and a row that is not archived.

        Disabled and misconfigured ones too, so that their requests end with a reason.
        """
        return tuple(sorted(self._agents.keys() & self._states.keys()))

    def known_types(self) -> tuple[str, ...]:
        return tuple(sorted(self._states))

    async def pinned(self, task_type: str, version: int | None) -> AgentConfig | None:
        """The configuration of one version: the one a request began with, whatever changed since."""
        state = self._states[task_type]
        if version is None or version == state.version:
            return state.config
        key = (task_type, version)
        if key not in self._pinned:
            raw = await self._store.agent_version(task_type, version)
            config = self._validate(task_type, raw) if raw is not None else None
            if config is None or isinstance(config, str):
                return state.config
            self._pinned[key] = config
        return self._pinned[key]

    def _import(self) -> dict[str, BaseAgent[Any, Any]]:
        agents: dict[str, BaseAgent[Any, Any]] = {}
        for task_type, target in self._catalog.items():
            module, _, name = target.partition(":")
            agent = getattr(importlib.import_module(module), name)()
            if agent.type != task_type:
                raise ValueError(
                    f"agents/catalog.py registers {target} as {task_type!r},"
                    f" but its type is {agent.type!r}"
                )
            agents[task_type] = agent
        return agents

    def _judge(self, row: AgentRow) -> AgentState:
        switch = SWITCHES.get(row.type)
        if switch and not getattr(self._settings, switch):
            hint = f"set {switch.upper()}=true"
            return AgentState(row.type, row.version, None, enabled=False, disabled_hint=hint)
        if not row.enabled:
            hint = f"UPDATE ai_agents SET enabled = true WHERE type = '{row.type}'"
            return AgentState(row.type, row.version, None, enabled=False, disabled_hint=hint)
        if row.type not in self._agents:
            return AgentState(row.type, row.version, None, enabled=True)
        config = self._validate(row.type, row.config)
        if isinstance(config, str):
            return AgentState(row.type, row.version, None, enabled=True, problem=config)
        return AgentState(row.type, row.version, config, enabled=True)

    def _validate(self, task_type: str, raw: Any) -> AgentConfig | str:
        """The typed configuration, or what is wrong with it."""
        agent = self._agents[task_type]
        try:
            return agent.Config.model_validate(raw)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            path = ".".join(str(part) for part in first["loc"])
            return f"config.{path}: {first['msg']}"
