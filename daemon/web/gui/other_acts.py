"""What people decide: answers, suggestions, alerts, healing, schedules, budgets, drains."""

from __future__ import annotations

from typing import Any, Literal

from aiohttp import web

from daemon.web.access import PRINCIPAL
from daemon.web.gui.console import FORM, Console
from daemon.web.gui.differences import changes
from daemon.web.gui.forms import loads
from daemon.web.gui.money import Budgets, named
from daemon.web.gui.render import Undo
from daemon.web.gui.schedules import EDITED, Schedules, seen, seen_of
from daemon.web.gui.words import usd
from daemon.web.refused import Refused

SILENCE_SECONDS = 3600.0


class OtherActs:
    def __init__(self, console: Console) -> None:
        self._console = console

    # --- decisions ------------------------------------------------------------------------------

    async def approve(self, request: web.Request) -> web.Response:
        return await self._answer(request, "approve", "Approved; the request goes on.")

    async def reject(self, request: web.Request) -> web.Response:
        """No, with a reason."""
        return await self._answer(request, "reject", "Rejected; the request ends.")

    async def _answer(
        self, request: web.Request, decision: Literal["approve", "reject"], said: str
    ) -> web.Response:
        """The first answer counts; whoever comes second sees whose that was."""
        form, request_id = request[FORM], int(request.match_info["id"])
        try:
            await self._console.actions.answer(
                request[PRINCIPAL],
                request_id,
                str(form.get("key", "")),
                decision,
                reason=str(form.get("reason", "")),
            )
        except Refused as refused:
            if refused.status != 409:
                raise
            return self._console.done(form, f"{refused.message}.", tone="bad")
        link = (f"/gui/requests/{request_id}", f"Request {request_id}")
        return self._console.done(form, said, link=link)

    async def suggestion(self, request: web.Request) -> web.Response:
        form, suggestion_id = request[FORM], int(request.match_info["id"])
        status = str(form.get("status", ""))
        actions, who = self._console.actions, request[PRINCIPAL]
        reason = str(form.get("reason", "")).strip() or None
        try:
            before = await actions.decide_suggestion(who, suggestion_id, status, reason)
        except Refused as refused:
            if status != "pending" or refused.details.get("status") != "accepted":
                raise
            # An accepted one becomes pending again by way of rejected.
            await actions.decide_suggestion(who, suggestion_id, "rejected", "taken back")
            before = await actions.decide_suggestion(who, suggestion_id, "pending", reason)
        undo = Undo(f"/gui/suggestions/{suggestion_id}", {"status": "pending"})
        takes_back = before == "pending" and status in {"accepted", "rejected"}
        return self._console.done(
            form, f"Suggestion {suggestion_id} is {status}.", undo=undo if takes_back else None
        )

    # --- health ---------------------------------------------------------------------------------

    async def check(self, request: web.Request) -> web.Response:
        request_id, _ = await self._console.actions.submit(request[PRINCIPAL], "health_check", {})
        return self._console.done(
            request[FORM],
            "The checks are under way; this page shows what they find.",
            link=(f"/gui/requests/{request_id}", f"Request {request_id}"),
        )

    async def alert(self, request: web.Request) -> web.Response:
        form, alert_id = request[FORM], int(request.match_info["id"])
        if form.get("do") == "silence":
            await self._console.actions.silence(request[PRINCIPAL], alert_id, SILENCE_SECONDS)
            return self._console.done(form, "No messages about it for an hour.")
        await self._console.actions.acknowledge(request[PRINCIPAL], alert_id)
        return self._console.done(form, "You take care of it: no repeats, no escalation.")

    async def healing(self, request: web.Request) -> web.Response:
        form, action_id = request[FORM], int(request.match_info["id"])
        approve = form.get("do") == "approve"
        await self._console.actions.answer_healing(request[PRINCIPAL], action_id, approve=approve)
        said = "Approved; it is done within a minute." if approve else "Declined."
        return self._console.done(form, said)

    async def drain(self, request: web.Request) -> web.Response:
        form = request[FORM]
        worker_id = str(form.get("worker_id", ""))
        await self._console.actions.drain(request[PRINCIPAL], worker_id)
        return self._console.done(form, f"{worker_id} finishes its requests and stops.")

    # --- schedules ------------------------------------------------------------------------------

    async def save_schedule(self, request: web.Request) -> web.Response:
        """A new schedule or a changed one; 409 with both sides where somebody was faster."""
        form = request[FORM]
        name, new = str(form.get("name", "")).strip(), bool(form.get("new"))
        values: dict[str, Any] = {
            field: str(form.get(field, "")).strip()
            for field in ("task_type", "trigger", "time_zone", "misfire")
        }
        values["for_each"] = "active_clients" if form.get("for_each") else None
        typed = {**values, "name": name, "input_data": str(form.get("input_data", ""))}
        typed |= {"new": True} if new else {"seen": str(form.get("seen", ""))}
        based_on = None if new else seen(typed["seen"])
        conflict: dict[str, Any] | None = None
        try:
            values["input_data"] = loads(typed["input_data"] or "{}")
            await self._console.actions.set_schedule(
                request[PRINCIPAL], name, values, new=new, based_on=based_on
            )
        except Refused as refused:
            said = refused.message
            now = refused.details.get("schedule")
            if based_on is not None and isinstance(now, dict):
                conflict = {
                    "theirs": changes(based_on, {key: now[key] for key in EDITED}),
                    "yours": changes(based_on, values),
                }
                typed |= {key: now[key] for key in EDITED if values[key] == based_on[key]}
                typed["seen"] = seen_of(now)
        except ValueError:
            said = 'the input is not JSON; for example {"client_id": 1}'
        else:
            return self._console.done(form, f"{name} is saved.", to="/gui/schedules")
        return await Schedules(self._console).show(
            request,
            typed=typed,
            wrong=f"{name or 'The schedule'} was not saved: {said}",
            conflict=conflict,
            status=409 if conflict else 422,
        )

    async def schedule_on(self, request: web.Request) -> web.Response:
        return await self._switch(request, on=True)

    async def schedule_off(self, request: web.Request) -> web.Response:
        return await self._switch(request, on=False)

    async def _switch(self, request: web.Request, *, on: bool) -> web.Response:
        form, name = request[FORM], str(request[FORM].get("name", ""))
        await self._console.actions.set_schedule(request[PRINCIPAL], name, {"enabled": on})
        undo = Undo(f"/gui/schedules/{'off' if on else 'on'}", {"name": name})
        return self._console.done(form, f"{name} is {'on' if on else 'off'}.", undo=undo)

    async def run_schedule(self, request: web.Request) -> web.Response:
        """Ask what the schedule asks, now; its slot still comes."""
        form, name = request[FORM], str(request[FORM].get("name", ""))
        request_id = await self._console.actions.run_schedule(request[PRINCIPAL], name)
        return self._console.done(
            form,
            f"{name} runs once, as request {request_id}; its next slot stays.",
            link=(f"/gui/requests/{request_id}", f"Request {request_id}"),
        )

    # --- money ----------------------------------------------------------------------------------

    async def budget(self, request: web.Request) -> web.Response:
        form = request[FORM]
        text = str(form.get("limit_usd", "")).strip()
        scope, period = str(form.get("scope", "")), str(form.get("period", ""))
        lapses = form.get("holds") == "today"
        try:
            await self._console.actions.set_budget(
                request[PRINCIPAL],
                scope,
                period,
                text or None,
                str(form.get("reason", "")),
                lapses=lapses,
            )
        except Refused as refused:
            said = refused.message.replace("limit_usd:", "Limit:", 1)
            wrong = f"{said}; {refused.hint}" if refused.hint else said
            return await Budgets(self._console).show(
                request, typed=form, wrong=wrong, status=refused.status
            )
        has = "have" if scope == "global" else "has"
        said = f"may cost {usd(text)} a {period}" if text else f"{has} no limit a {period}"
        if lapses:
            said += " until midnight UTC"
        name = named(scope) if scope.startswith("key:") else scope.partition(":")[2]
        name = name or "All agents together"
        return self._console.done(form, f"{name} {said}.")
