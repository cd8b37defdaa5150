"""``/gui/requests/new``: ask an agent by hand, with a form made from its input, or with JSON."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from daemon.web.gui.console import Console
from daemon.web.gui.forms import Field, fields_of, loads, with_typed
from daemon.web.gui.render import Page

COMMON = (
    "client_id",
    "trainer_id",
    "goals",
    "fitness_level",
    "duration_weeks",
    "focus_areas",
    "equipment",
    "sessions_per_week",
    "time_per_session",
    "preferred_times",
)
"""Fields that many requests need; optional others are behind "More"."""


class Compose:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(
        self,
        request: web.Request,
        *,
        task_type: str = "",
        typed: Mapping[str, Any] | None = None,
        wrong: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> web.Response:
        """typed, wrong: a form that could not be sent, and why."""
        registry = self._console.registry
        types = registry.known_types()
        chosen = task_type or request.query.get("task_type", "")
        chosen = chosen if chosen in types else (types[0] if types else "")
        agent = registry.agent(chosen)
        fields = self.fields(chosen, _again(request.query.get("input")))
        if typed is not None:
            fields = with_typed(fields, typed, wrong or {})

        async def usual() -> Any:
            return await self._console.reads.row("console_usual_cost", task_type=chosen)

        page = Page(
            "compose.html",
            "New request",
            "requests",
            {"usual": usual},
            {
                "types": types,
                "chosen": chosen,
                "fields": [f for f in fields if _is_common(f, fields)],
                "rare": [f for f in fields if not _is_common(f, fields)],
                "description": agent.description if agent is not None else "",
                "most_usd": agent.llm.max_usd if agent is not None else None,
                "raw": (typed or {}).get("raw", ""),
                "wrong": wrong or {},
                "once": secrets.token_urlsafe(9),
            },
            status,
        )
        return await self._console.respond(request, page)

    def fields(self, task_type: str, values: Mapping[str, Any] | None = None) -> list[Field]:
        """The fields of an agent's input; [] where this process has no code for it.

        A workflow hands fields on without knowing them: their kind is told by the agent inside.
        """
        registry = self._console.registry
        agent = registry.agent(task_type)
        if agent is None:
            return []
        inner = {
            field.name: field
            for name in agent.runs
            if (part := registry.agent(name)) is not None
            for field in fields_of(part.Input, values)
        }
        return [
            inner.get(field.name, field) if field.form == "any" else field
            for field in fields_of(agent.Input, values)
        ]


def _is_common(field: Field, fields: Sequence[Field]) -> bool:
    return field.required or field.name in COMMON or len(fields) <= 6


def _again(text: str | None) -> dict[str, Any]:
    """The input of a link, to begin with; {} for anything unreadable."""
    try:
        found = loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
