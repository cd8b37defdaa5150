"""What people do to agents: configure, roll back, limit, pause; and make agents of a prompt.

A prompt agent begins as a draft: a row whose type begins with ``draft:``, so that it can be tried
under its own versions and limits while nobody who asks for the final type gets it. Activating
gives it that type.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from agents.prompt import DRAFT, KIND, PromptConfig
from daemon.web.access import PRINCIPAL
from daemon.web.actions.agents import NO_LIMIT_PER_KEY
from daemon.web.gui.agents import LIMIT_LABELS, OF_THE_CODE, AgentPage, settings_of
from daemon.web.gui.console import FORM, Console
from daemon.web.gui.differences import changes
from daemon.web.gui.forms import Field, Unreadable, fields_of, read
from daemon.web.gui.render import Page, Undo, today
from daemon.web.gui.requests import moment
from daemon.web.gui.words import until
from daemon.web.refused import Refused

SLUG = re.compile(r"[a-z][a-z0-9_]{1,38}")
EXAMPLE_INPUT = '{"properties": {"topic": {"type": "string"}}, "required": ["topic"]}'
EXAMPLE_OUTPUT = '{"properties": {"text": {"type": "string"}}, "required": ["text"]}'
PAUSE_HOURS = ("1", "8", "24")
LIMITS: dict[str, type[int | str]] = {
    "concurrency": int,
    "per_key": int,
    "starts_per_minute": int,
    "daily_budget_usd": str,
}
ALWAYS = ("concurrency",)
"""Limits that are always there: an empty field leaves them."""
NO_LIMIT = {"per_key": NO_LIMIT_PER_KEY}
"""What stands for an empty field where the column is never NULL."""


class AgentActs:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._page = AgentPage(console)

    async def pause(self, request: web.Request) -> web.Response:
        """For as many hours as were chosen, or until somebody resumes it."""
        row, form = await self._page.load(request), request[FORM]
        hours, resume_at = str(form.get("hours", "")), moment(str(form.get("until", "")))
        if hours in PAUSE_HOURS:
            resume_at = today() + dt.timedelta(hours=int(hours))
        await self._console.actions.pause(request[PRINCIPAL], row["type"], resume_at)
        undo = Undo(f"/gui/agents/{row['id']}/resume")
        end = f" until {until(resume_at)}" if resume_at else ""
        return self._console.done(
            form, f"{row['name']} is paused{end}; its requests wait.", undo=undo
        )

    async def resume(self, request: web.Request) -> web.Response:
        row = await self._page.load(request)
        await self._console.actions.resume(request[PRINCIPAL], row["type"])
        end = {"until": row["resume_at"].isoformat()} if row["resume_at"] else {}
        undo = Undo(f"/gui/agents/{row['id']}/pause", end)
        return self._console.done(request[FORM], f"{row['name']} goes on.", undo=undo)

    async def control(self, request: web.Request) -> web.Response:
        """Live limits; an empty field is no limit. What nobody touched in the form stays as it is:
        somebody else may have set it meanwhile."""
        row, form = await self._page.load(request), request[FORM]
        changes_of: dict[str, Any] = {}
        try:
            for name, kind in LIMITS.items():
                text = str(form.get(name, "")).strip()
                if text == form.get(f"was_{name}"):
                    continue
                value = _limit(name, kind, text)
                if value is not None or name not in ALWAYS:
                    changes_of[name] = value
            await self._console.actions.set_limits(request[PRINCIPAL], row["type"], changes_of)
        except Refused as refused:
            if refused.status != 400:
                raise
            wrong = "; ".join(part for part in (refused.message, refused.hint) if part)
            for name in LIMITS:
                wrong = wrong.replace(f"{name}:", f"{LIMIT_LABELS[name]}:", 1)
            return await self._page.show(request, limits=form, limits_wrong=wrong, status=400)
        said = f"The limits of {row['name']} are in force."
        return self._console.done(form, said if changes_of else "Nothing was changed.")

    async def configure(self, request: web.Request) -> web.Response:
        """A new version from the form; 409 with both sides where somebody was faster."""
        row, form = await self._page.load(request), request[FORM]
        try:
            given = read(self._page.fields(row, None, {}), form)
        except Unreadable as wrong:
            return await self._page.show(request, typed=form, wrong=wrong.fields, status=422)
        kept = {key: row["config"][key] for key in OF_THE_CODE if key in row["config"]}
        based_on = _version(form, "version")
        if based_on != row["version"]:
            return await self._conflict(request, row, based_on, {**kept, **given})
        wrong_config = self._problem(row, {**kept, **given})
        if wrong_config:
            return await self._page.show(request, typed=form, wrong=wrong_config, status=422)
        try:
            version, changed = await self._console.actions.set_agent(
                request[PRINCIPAL],
                row["id"],
                config={**kept, **given},
                based_on=based_on,
                note=str(form.get("note", "")).strip(),
            )
        except Refused as refused:
            if refused.status == 409:
                fresh = await self._page.load(request)
                return await self._conflict(request, fresh, based_on, {**kept, **given})
            return await self._page.show(
                request, typed=form, wrong={"": refused.message}, status=refused.status
            )
        said = (
            f"Version {version} of {row['name']} is in use." if changed else "Nothing was changed."
        )
        undo = Undo(
            f"/gui/agents/{row['id']}/rollback",
            {"to": str(row["version"]), "version": str(version)},
        )
        return self._console.done(
            form,
            said,
            to=f"/gui/agents/{row['id']}",
            undo=undo if changed else None,
        )

    def _problem(self, row: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, str]:
        """Field to what is wrong with it; {} for a configuration the agent can use."""
        try:
            self._page.model(row).model_validate(config)
        except ValidationError as error:
            return {
                str(e["loc"][0])
                if e["loc"]
                else "": f"{'.'.join(map(str, e['loc'])) or 'configuration'}: "
                + e["msg"]
                .removeprefix("Value error, ")
                .replace("Input should be ", "expected ", 1)
                for e in error.errors(include_url=False, include_input=False)
            }
        return {}

    async def _conflict(
        self, request: web.Request, row: Mapping[str, Any], based_on: int, yours: Mapping[str, Any]
    ) -> web.Response:
        versions = await self._console.reads.rows(
            "console_versions", agent_id=row["id"], before=None
        )
        base: Mapping[str, Any] = next(
            (v["config"] for v in versions if v["version"] == based_on), {}
        )
        # What nobody changed here must not undo what the other one saved.
        kept = {key for key in base.keys() & yours.keys() if base[key] == yours[key]}
        kept |= self._page.model(row).model_fields.keys() - base.keys() - yours.keys()
        typed = {key: text for key, text in request[FORM].items() if key not in kept}
        conflict = {
            "by": row["updated_by"] or "Somebody",
            "version": row["version"],
            "theirs": changes(base, row["config"]),
            "yours": changes(base, yours),
        }
        return await self._page.show(request, typed=typed, conflict=conflict, status=409)

    async def roll_back(self, request: web.Request) -> web.Response:
        """An earlier version's settings as a new version."""
        row, form = await self._page.load(request), request[FORM]
        to, based_on = _version(form, "to"), _version(form, "version")
        version = await self._console.actions.roll_back(
            request[PRINCIPAL], row["id"], to, based_on=based_on
        )
        undo = Undo(
            f"/gui/agents/{row['id']}/rollback",
            {"to": str(row["version"]), "version": str(version)},
        )
        return self._console.done(
            form,
            f"Version {version} of {row['name']} holds what version {to} held.",
            to=f"/gui/agents/{row['id']}",
            undo=undo,
        )

    async def enable(self, request: web.Request) -> web.Response:
        row, form = await self._page.load(request), request[FORM]
        on = bool(form.get("enabled"))
        await self._console.actions.set_agent(request[PRINCIPAL], row["id"], enabled=on)
        undo = Undo(f"/gui/agents/{row['id']}/enable", {"enabled": "" if on else "yes"})
        said = "is on." if on else "is off; its requests fail at once."
        return self._console.done(form, f"{row['name']} {said}", undo=undo)

    async def delete(self, request: web.Request) -> web.Response:
        """Archive it: its history stays."""
        row, form = await self._page.load(request), request[FORM]
        await self._console.actions.archive_agent(request[PRINCIPAL], row["id"])
        return self._console.done(form, f"{row['name']} is deleted.", to="/gui/agents")

    # --- prompt agents --------------------------------------------------------------------------

    async def form(
        self,
        request: web.Request,
        *,
        typed: Mapping[str, Any] | None = None,
        wrong: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> web.Response:
        made = [
            Field("name", "Name", "text", required=True),
            Field(
                "task_type",
                "Task type",
                "text",
                required=True,
                placeholder="class_summary",
                hint="What requests name: small letters, digits, underscores.",
            ),
            Field("description", "Description", "text"),
            *(replace(f, **_shape(f)) for f in settings_of(PromptConfig, {"max_usd": "0.05"})),
        ]
        fields = [
            replace(
                f,
                value=f.value if typed is None else typed.get(f.name, ""),
                error=(wrong or {}).get(f.name, ""),
            )
            for f in made
        ]
        page = Page(
            "new_agent.html",
            "New prompt agent",
            "agents",
            values={"fields": fields, "wrong": wrong or {}},
            status=status,
        )
        return await self._console.respond(request, page)

    async def create(self, request: web.Request) -> web.Response:
        """A draft from the form."""
        form = request[FORM]
        task_type = str(form.get("task_type", "")).strip()
        name = str(form.get("name", "")).strip()[:100]
        wrong: dict[str, str] = {}
        if not name:
            wrong["name"] = "Name: a name is needed"
        if not SLUG.fullmatch(task_type):
            wrong["task_type"] = "Task type: small letters, digits and underscores, up to 39"
        elif task_type in self._console.registry.known_types():
            wrong["task_type"] = f"Task type: {task_type} is taken"
        try:
            config = read(fields_of(PromptConfig), form) | {"kind": KIND}
        except Unreadable as error:
            return await self.form(request, typed=form, wrong=wrong | error.fields, status=422)
        wrong |= self._problem({"config": {"kind": KIND}}, config)
        if wrong:
            return await self.form(request, typed=form, wrong=wrong, status=422)
        try:
            agent_id = await self._console.actions.create_agent(
                request[PRINCIPAL],
                name=name,
                task_type=DRAFT + task_type,
                description=str(form.get("description", "")).strip(),
                config=config,
            )
        except Refused as refused:
            field = "name" if "name" in refused.message else ""
            said = f"{refused.message}; {refused.hint}" if refused.hint else refused.message
            return await self.form(request, typed=form, wrong={field: said}, status=refused.status)
        return self._console.done(
            form, "The draft is saved. Try it, then activate it.", to=f"/gui/agents/{agent_id}"
        )

    async def attempt(self, request: web.Request) -> web.Response:
        """One request pinned to the draft, held to its own highest cost."""
        row, form = await self._page.load(request), request[FORM]
        try:
            data = read(self._page.inputs(row), form)
        except Unreadable as wrong:
            raise Refused(422, "invalid_input", str(wrong)) from None
        request_id, _ = await self._console.actions.submit(
            request[PRINCIPAL],
            row["type"],
            data,
            max_usd=Decimal(str(row["config"].get("max_usd") or "0.05")),
        )
        return self._console.done(
            form,
            f"The draft answers request {request_id}.",
            to=f"/gui/requests/{request_id}",
            link=(f"/gui/agents/{row['id']}", f"Back to {row['name']}"),
        )

    async def activate(self, request: web.Request) -> web.Response:
        """The draft gets its final type."""
        row, form = await self._page.load(request), request[FORM]
        if not row["draft"]:
            raise Refused(409, "conflict", f"{row['name']} is active already")
        task_type = row["type"].removeprefix(DRAFT)
        await self._console.actions.set_agent(
            request[PRINCIPAL], row["id"], task_type=task_type, note="activated"
        )
        return self._console.done(
            form, f"{row['name']} answers {task_type} from now on.", to=f"/gui/agents/{row['id']}"
        )


def _shape(field: Field) -> dict[str, Any]:
    """How the prompt's own fields look in the form."""
    if field.name == "system":
        return {"rows": 10}
    if field.name == "input_schema":
        return {"value": EXAMPLE_INPUT, "rows": 4}
    if field.name == "output_schema":
        return {"value": EXAMPLE_OUTPUT, "rows": 4}
    return {}


def _limit(name: str, kind: type[int | str], text: str) -> Any:
    try:
        return kind(text) if text else NO_LIMIT.get(name)
    except ValueError:
        raise Refused(400, "invalid_value", f"{name}: expected a whole number") from None


def _version(form: Mapping[str, Any], name: str) -> int:
    """A version that a form names; 0, which no agent has, for what is none."""
    text = str(form.get(name, ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
