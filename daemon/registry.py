"""Which agents answer, and with what configuration: code declares, ``ai_agents`` configures.

Start inserts the rows that are missing. A row without code here, or with a configuration that its
agent cannot use, takes *that* agent out and says why; nothing else notices. A change of a row
notifies ``ai_config``, which the listener passes on to :meth:`Registry.reload`.

A row whose config has the kind ``prompt`` needs no code of its own: it is an agent (see
``agents.prompt``) from the moment it is read.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from agents.prompt import PromptConfig, agent_of, is_prompt, lacks_kind
from daemon.database import persistently
from daemon.log import get_logger
from daemon.outcome import where
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

KINDLESS = (
    'config.kind is missing: with "prompt" this row is an agent; no code here answers its type'
)
"""Of a row that can only be meant so, and would wait for a daemon that has code for it."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AgentState:
    """One agent as it stands now. problem: why it cannot answer, in words for an admin.

    here: this process has what it takes to answer, or to say why it cannot.
    """

    task_type: str
    version: int
    config: AgentConfig | None
    enabled: bool
    disabled_hint: str = ""
    problem: str | None = None
    here: bool = True
    agent: BaseAgent[Any, Any] | None = None


Usable = tuple["BaseAgent[Any, Any]", "AgentConfig"]
"""An agent, and a configuration that it can use."""


class Registry:
    """The agents of this process and their rows."""

    def __init__(self, store: Store, settings: Settings, catalog: Mapping[str, str]) -> None:
        self._store = store
        self._settings = settings
        self._catalog = dict(catalog)
        self._agents: dict[str, BaseAgent[Any, Any]] = {}
        self._states: dict[str, AgentState] = {}
        self._claimable: tuple[str, ...] = ()
        self._pinned: dict[tuple[str, int], Usable] = {}
        self._reading = asyncio.Lock()

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
                schedule=agent.schedule,
                schedule_input=agent.schedule_input,
            )
        await self.reload()

    async def reload(self) -> None:
        """Read every row of ai_agents again."""
        async with self._reading:  # a slow look must not undo what a later one has found
            await self._reload()

    async def _reload(self) -> None:
        rows = await self._store.agents_list()
        states = {row.type: self._judge(row) for row in rows}
        shown = {row.type: row.problem for row in rows}
        for task_type, state in states.items():
            if state.problem == shown[task_type] or not state.here:
                continue
            if state.problem:
                log.warning("agent_unavailable", task_type=task_type, reason=state.problem)
            await self._store.agent_problem(task_type, state.problem)
        self._states = states
        self._claimable = tuple(sorted(name for name, state in states.items() if state.here))

    def agent(self, task_type: str) -> BaseAgent[Any, Any] | None:
        """What answers a type in this process, or None."""
        state = self._states.get(task_type)
        return (state.agent if state else None) or self._agents.get(task_type)

    def state(self, task_type: str) -> AgentState | None:
        """The agent's row, judged; None for a type that nobody has."""
        return self._states.get(task_type)

    def claimable(self) -> tuple[str, ...]:
        """Types this process takes requests of: with code here and a row that is not archived.

        Disabled and misconfigured ones too, so that their requests end with a reason.
        """
        return self._claimable

    def known_types(self) -> tuple[str, ...]:
        return tuple(sorted(self._states))

    async def catch_up(self, task_type: str, version: int | None) -> None:
        """Read the rows again where a request began with a version that is newer than ours."""
        state = self._states.get(task_type)
        if state is None or (version is not None and version > state.version):
            await persistently(self.reload)

    async def pinned(self, task_type: str, version: int | None) -> Usable | None:
        """The agent in one version: the one a request began with, whatever changed since.

        None where neither that version nor the present one can be used.
        """
        state = self._states[task_type]
        agent = self.agent(task_type)
        present = None if agent is None or state.config is None else (agent, state.config)
        if version is None or version == state.version:
            return present
        key = (task_type, version)
        if key not in self._pinned:
            raw = await persistently(lambda: self._store.agent_version(task_type, version))
            usable = None if raw is None else self.usable(task_type, raw)
            if usable is None or isinstance(usable, str):
                return present
            self._pinned[key] = usable
        return self._pinned[key]

    def usable(self, task_type: str, raw: Mapping[str, Any]) -> Usable | str:
        """The agent with the configuration ``raw``, or what is wrong with it."""
        agent = self._agents.get(task_type)
        try:
            if agent is not None:
                return agent, agent.Config.model_validate(raw)
            config = PromptConfig.model_validate(raw)
            return agent_of(task_type, task_type, config), config
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            path = ".".join(["config", *(str(part) for part in first["loc"])])
            return f"{path}: {first['msg'].removeprefix('Value error, ')}"
        except Exception as error:
            # A validator broke: the row takes its own agent out, as any that cannot be used.
            log.exception("config_broke", task_type=task_type)
            return f"config cannot be used: {type(error).__name__} in {where(error)}"

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
        here = row.type in self._agents or is_prompt(row.type, row.config)
        if not row.enabled:
            hint = f"set enabled = true in the row of ai_agents with type {row.type}"
            return AgentState(
                row.type, row.version, None, enabled=False, disabled_hint=hint, here=here
            )
        if not here:
            problem = KINDLESS if lacks_kind(row.config) else None
            return AgentState(
                row.type, row.version, None, enabled=True, problem=problem, here=bool(problem)
            )
        before = self._states.get(row.type)
        if before and before.config and before.version == row.version:
            return before
        usable = self.usable(row.type, row.config)
        if isinstance(usable, str):
            return AgentState(row.type, row.version, None, enabled=True, problem=usable)
        agent, config = usable
        return AgentState(row.type, row.version, config, enabled=True, agent=agent)
