"""``/gui/agents`` and ``/gui/agents/{id}``: who answers, how configured, within which limits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from agents.base import AgentConfig
from agents.prompt import DRAFT, KIND, PromptConfig
from daemon.trigger import Trigger
from daemon.web.access import PRINCIPAL
from daemon.web.actions.agents import NO_LIMIT_PER_KEY
from daemon.web.gui.console import Console
from daemon.web.gui.differences import changes
from daemon.web.gui.forms import Field, fields_of
from daemon.web.gui.overview import agents_table
from daemon.web.gui.render import Page, today
from daemon.web.gui.requests import with_words

OF_THE_CODE = ("legacy", "kind")
"""Parts of a configuration that no form shows; they stay as they are."""
MODELLESS = ("use_model", "upgrade_degraded")
"""Settings of what is answered without the model."""
ON_UNAVAILABLE = "What a request without a wish of its own does when no model can be had."
LABELS = {
    "max_usd": "Highest cost of a request, US dollars",
    "use_model": "Use the model",
    "on_unavailable": "When no model can be had",
    "upgrade_degraded": "Ask again once the model is back",
    "system": "Instructions",
    "limits": "Further limits",
}
"""Where the name of a setting does not say enough."""
HINTS = {
    "model": "Empty follows OPENAI_MODEL.",
    "temperature": "Empty follows OPENAI_TEMPERATURE.",
    "use_model": "No: answers deterministically, whatever keys there are.",
    "on_unavailable": ON_UNAVAILABLE,
    "max_usd": "Most that one request may cost, in US dollars.",
    "upgrade_degraded": "Ask again, once, for what was answered without the model.",
    "system": "The instructions to the model. The input follows as data, never as instructions.",
    "input_schema": "JSON Schema of input_data: properties, required.",
    "output_schema": "JSON Schema of the answer: properties, required.",
    "views": "Sums of the service's own work that it may read.",
}


VERSIONS = 20
LIMIT_LABELS = {
    "concurrency": "Running at once",
    "per_key": "Running at once per fair key",
    "starts_per_minute": "Starts per minute",
    "daily_budget_usd": "Daily budget, US dollars",
}


class Agents:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(self, request: web.Request) -> web.Response:
        async def agents() -> Any:
            reads = self._console.reads
            rows = agents_table(await reads.rows("console_agents"), self._console.registry)
            heard = {row["type"]: row for row in await reads.rows("console_opinions")}
            slots = next_slots(await reads.rows("console_triggers"), today())
            for row in rows:
                row["heard"] = heard.get(row["type"])
                row["next_slot"] = slots.get(row["type"])
            return sorted(rows, key=lambda row: row["type"].startswith(DRAFT))

        page = Page("agents.html", "Agents", "agents", {"agents": agents}, shared=True)
        return await self._console.respond(request, page)


class AgentPage:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def load(self, request: web.Request) -> dict[str, Any]:
        """The agent of the URL. Raises HTTPNotFound."""
        agent_id = int(request.match_info["id"])
        row = (
            await self._console.reads.row("console_agent", agent_id=agent_id)
            if agent_id < 2**31
            else None
        )
        if row is None:
            raise web.HTTPNotFound(reason=f"there is no agent {agent_id}")
        row["config"] = _settings(row["config"])
        row["draft"] = row["type"].startswith(DRAFT)
        paused = row["paused"] and row["enabled"]
        row["state"] = "draft" if row["draft"] else "paused" if paused else row["status"]
        row["prompt"] = row["config"].get("kind") == KIND
        return row

    async def show(
        self,
        request: web.Request,
        *,
        typed: Mapping[str, Any] | None = None,
        wrong: Mapping[str, str] | None = None,
        conflict: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | None = None,
        limits_wrong: str = "",
        status: int = 200,
    ) -> web.Response:
        """typed, wrong: a form that could not be saved, and why; conflict: who was faster. limits,
        limits_wrong: limits that could not be set, and why."""
        row = await self.load(request)
        reads = self._console.reads

        async def versions() -> Any:
            before = request.query.get("before", "")
            before = before if before.isdecimal() and len(before) < 10 else ""
            rows = await reads.rows(
                "console_versions", agent_id=row["id"], before=int(before) if before else None
            )
            heard = await reads.rows("console_feedback", task_type=row["type"])
            said = {r["agent_version"]: r for r in heard}
            for version in rows:
                version["changes"] = described(version)
                version["said"] = said.get(version["version"])
            here = f"/gui/agents/{row['id']}"
            older = rows[VERSIONS - 1]["version"] if len(rows) > VERSIONS else 0
            return {
                "rows": rows[:VERSIONS],
                "older": f"{here}?before={older}#versions" if older else "",
                "newer": f"{here}#versions" if before else "",
            }

        async def recent() -> Any:
            found = await reads.rows(
                "console_requests",
                status=None,
                task_type=row["type"],
                client=None,
                code=None,
                before=None,
                limit=10,
            )
            return [with_words(r, request[PRINCIPAL].role) for r in found]

        page = Page(
            "agent.html",
            row["name"],
            "agents",
            {
                "limits": lambda: self._limits(row["id"], limits),
                "versions": versions,
                "recent": recent,
            },
            {
                "agent": row,
                "fields": self.fields(row, typed, wrong or {}),
                "wrong": wrong or {},
                "conflict": conflict,
                "typed": typed or {},
                "limits_wrong": limits_wrong,
                "inputs": self.inputs(row) if row["draft"] else [],
            },
            status,
        )
        return await self._console.respond(request, page)

    async def _limits(self, agent_id: int, typed: Mapping[str, Any] | None) -> Any:
        row = await self._console.reads.row("console_agent", agent_id=agent_id)
        return None if row is None else {**row, "fields": limit_fields(row, typed or {})}

    def fields(
        self, row: Mapping[str, Any], typed: Mapping[str, Any] | None, wrong: Mapping[str, str]
    ) -> list[Field]:
        """The configuration as a form, with what was typed where it could not be saved."""
        made = [
            replace(field, error=wrong.get(field.name, ""))
            for field in settings_of(self.model(row), row["config"])
        ]
        if typed is None:
            return made
        return [replace(field, value=typed.get(field.name, field.value)) for field in made]

    def model(self, row: Mapping[str, Any]) -> type[AgentConfig]:
        """The class of the agent's configuration: of its code, or of prompt agents."""
        if row["config"].get("kind") == KIND:
            return PromptConfig
        agent = self._console.registry.agent(row["type"])
        return agent.Config if agent is not None else AgentConfig

    def inputs(self, row: Mapping[str, Any]) -> list[Field]:
        """The fields of the agent's input; [] where its configuration cannot be used."""
        usable = self._console.registry.usable(row["type"], row["config"])
        return [] if isinstance(usable, str) else fields_of(usable[0].Input)


def limit_fields(row: Mapping[str, Any], typed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The limits as a form: each with what it was, so that only what was touched is set. typed: a
    form that could not be; what nobody touched in it shows what holds by now."""
    per_key = row["per_key"] if row["per_key"] != NO_LIMIT_PER_KEY else None
    held = {
        "concurrency": 20 if row["concurrency"] is None else row["concurrency"],
        "per_key": per_key,
        "starts_per_minute": row["starts_per_minute"],
        "daily_budget_usd": row["daily_budget_usd"],
    }
    found = []
    for name, label in LIMIT_LABELS.items():
        was = "" if held[name] is None else str(held[name])
        touched = name in typed and typed[name] != typed.get(f"was_{name}")
        value = str(typed[name]) if touched else was
        found.append({"name": name, "label": label, "was": was, "value": value})
    return found


def next_slots(rows: Iterable[Mapping[str, Any]], now: dt.datetime) -> dict[str, dt.datetime]:
    """When each agent runs next by itself. rows: task_type, trigger and time_zone."""
    found: dict[str, dt.datetime] = {}
    for row in rows:
        try:
            slot = Trigger(row["trigger"], row["time_zone"]).next(now)
        except ValueError:
            continue  # the page of schedules says what is wrong with it
        if slot is not None:
            found[row["task_type"]] = min(slot, found.get(row["task_type"], slot))
    return found


def settings_of(model: type[AgentConfig], values: Mapping[str, Any]) -> list[Field]:
    """The fields of a configuration in a person's words. Prompt agents have no answer without the
    model, so that they are offered none."""
    prompt = issubclass(model, PromptConfig)
    fields = fields_of(model, values, leave_out=(*OF_THE_CODE, *(MODELLESS if prompt else ())))
    return [
        replace(
            field,
            label=LABELS.get(field.name, field.label),
            hint=HINTS.get(field.name, field.hint),
            options=[o for o in field.options if not prompt or o[0] != "degrade"],
        )
        for field in fields
    ]


def described(version: Mapping[str, Any]) -> list[Any]:
    """What a version changed: settings by name, the switch and the name too."""
    if version["before"] is None:
        return []
    old = {
        **_settings(version["before"]),
        "(switched on)": version["was_enabled"],
        "(name)": version["was_name"],
    }
    new = {
        **_settings(version["config"]),
        "(switched on)": version["enabled"],
        "(name)": version["name"],
    }
    return changes(old, new)


def _settings(config: Any) -> Mapping[str, Any]:
    """A configuration as the database gave it; {} for one nested too deeply to be shown."""
    return config if isinstance(config, dict) else {}
