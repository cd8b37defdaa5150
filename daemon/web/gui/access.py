"""``/gui/access``: keys, and who is signed in. A new key is shown once, where it was made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from daemon.web.access import PRINCIPAL
from daemon.web.actions.keys import ROLES, KeyRole
from daemon.web.gui.console import FORM, Console
from daemon.web.gui.render import Page, today
from daemon.web.refused import Refused

DAYS = (("", "never"), ("30", "in 30 days"), ("90", "in 90 days"), ("365", "in a year"))
MEANINGS = {
    "viewer": "reads; health and contact details are hidden",
    "operator": "also retries, cancels, asks, answers, pauses and decides",
    "admin": "also configures, limits, budgets, schedules and gives keys",
}


class AccessPage:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(
        self,
        request: web.Request,
        *,
        new_key: tuple[str, str] | None = None,
        typed: Mapping[str, Any] | None = None,
        wrong: str = "",
        status: int = 200,
    ) -> web.Response:
        """new_key: (name, the key itself), to be copied now. typed, wrong: one that could not be
        made, and why."""
        actions = self._console.actions
        page = Page(
            "access.html",
            "Access",
            "access",
            {"keys_given": actions.list_keys, "sessions": actions.list_sessions},
            {
                "new_key": new_key,
                "typed": typed or {},
                "wrong": wrong,
                "roles": ROLES,
                "days": DAYS,
                "meanings": MEANINGS,
                "mine": request[PRINCIPAL].session_id,
                "my_key": request[PRINCIPAL].key_id,
            },
            status,
        )
        return await self._console.respond(request, page)

    async def add(self, request: web.Request) -> web.Response:
        form = request[FORM]
        name, role, days = (str(form.get(x, "")).strip() for x in ("name", "role", "days"))
        expires: Any = today() + dt.timedelta(days=int(days)) if days.isdecimal() else None
        try:
            chosen: KeyRole = role  # type: ignore[assignment]  # what it cannot be is refused
            _, key = await self._console.actions.add_key(request[PRINCIPAL], name, chosen, expires)
        except Refused as refused:
            return await self.show(
                request, typed=form, wrong=refused.message, status=refused.status
            )
        return await self.show(request, new_key=(name, key))

    async def revoke(self, request: web.Request) -> web.Response:
        name = await self._console.actions.revoke_key(
            request[PRINCIPAL], int(request.match_info["id"])
        )
        return self._console.done(request[FORM], f"The key of {name} opens nothing any more.")

    async def end_session(self, request: web.Request) -> web.Response:
        name = await self._console.actions.revoke_session(
            request[PRINCIPAL], int(request.match_info["id"])
        )
        return self._console.done(request[FORM], f"{name} is signed out there.")
