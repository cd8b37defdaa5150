"""``/gui/schedules``: requests that make themselves, when they will, and when they did."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from aiohttp import web

from daemon.store.safe_json import dumps
from daemon.trigger import EVERY, Trigger
from daemon.web.gui.console import Console
from daemon.web.gui.forms import loads
from daemon.web.gui.render import Page, today
from daemon.web.gui.words import summary

EDITED = ("task_type", "trigger", "time_zone", "input_data", "misfire", "for_each")
"""Columns of ai_schedules that the form shows."""
SLOTS = 5
ROWS = 30
DAY_NAMES = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}
MONTHS = (
    "",
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


class Schedules:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(
        self,
        request: web.Request,
        *,
        typed: Mapping[str, Any] | None = None,
        wrong: str = "",
        conflict: Mapping[str, Any] | None = None,
        status: int = 200,
    ) -> web.Response:
        """typed, wrong: a form that could not be saved, and why; typed has ``new`` where it was
        not to change a schedule that is there. conflict: what each side changed."""
        after = request.query.get("after", "").replace("\0", "") or None

        async def schedules() -> Any:
            now = today()
            found = await self._console.reads.rows("console_schedules", after=after)
            return {
                "rows": [shaped(row, now) for row in found[:ROWS]],
                "older": more(found[ROWS - 1]["name"]) if len(found) > ROWS else "",
                "older_text": "More",
                "newer": "/gui/schedules" if after else "",
            }

        page = Page(
            "schedules.html",
            "Schedules",
            "schedules",
            {"schedules": schedules},
            {
                "types": self._console.registry.known_types(),
                "zone": self._console.settings.gym_time_zone,
                "typed": typed or {},
                "wrong": wrong,
                "conflict": conflict,
                "edit": request.query.get("edit", ""),
                "edit_url": "/gui/schedules?"
                + (urlencode({"after": after}) + "&" if after else ""),
            },
            status,
        )
        return await self._console.respond(request, page)


def more(name: str) -> str:
    return f"/gui/schedules?{urlencode({'after': name})}"


def seen_of(row: Mapping[str, Any]) -> str:
    """What a form that edits this schedule was made from; see :func:`seen`."""
    return dumps({key: row[key] for key in EDITED})


def seen(text: str) -> dict[str, Any]:
    """The columns that a form was made from. Where it does not tell, as a page of an older
    release, each of them counts as changed since."""
    try:
        found = loads(text)
    except ValueError:
        found = None
    return {key: found.get(key) if isinstance(found, dict) else None for key in EDITED}


def shaped(row: dict[str, Any], now: dt.datetime) -> dict[str, Any]:
    """A schedule with its trigger in words and its next slots, changes of the clock marked."""
    row["line"] = summary(row["input_data"])
    row["seen"] = seen_of(row)
    row["words"] = in_words(row["trigger"])
    row["slots"] = []
    try:
        trigger = Trigger(row["trigger"], row["time_zone"])
    except ValueError as error:
        row["problem"] = row["problem"] or str(error)
        return row
    zone, after = ZoneInfo(row["time_zone"]), now
    offset = now.astimezone(zone).utcoffset()
    for _ in range(SLOTS):
        slot = trigger.next(after)
        if slot is None:
            break
        local = slot.astimezone(zone)
        changed = local.utcoffset() != offset
        offset = local.utcoffset()
        year = f" {local.year}" if local.year != now.astimezone(zone).year else ""
        shown = f"{local:%a %d %b}{year} {local:%H:%M}"
        row["slots"].append({"at": slot, "local": shown, "changed": changed})
        after = slot
    return row


def in_words(trigger: str) -> str:
    """A trigger as people say it: ``every Monday at 06:30``; an intricate one as it stands."""
    every = EVERY.fullmatch(trigger.strip())
    if every:
        number = int(every[1] or 1)
        return (
            f"every {every[2].lower()}" if number == 1 else f"every {number} {every[2].lower()}s"
        )
    fields = trigger.split()
    if len(fields) != 5:
        return trigger
    minute, hour, day, month, weekday = fields
    if not (minute.isdecimal() and hour.isdecimal()):
        if minute.isdecimal() and (hour, day, month, weekday) == ("*", "*", "*", "*"):
            return f"every hour at {int(minute):02d} past"
        return trigger
    at = f"at {int(hour):02d}:{int(minute):02d}"
    if (day, month, weekday) == ("*", "*", "*"):
        return f"every day {at}"
    if (day, month) == ("*", "*") and "/" not in weekday:
        return f"{_days(weekday)} {at}"
    if day.isdecimal() and weekday == "*":
        if month == "*":
            return f"on day {int(day)} of each month {at}"
        if month.isdecimal() and 1 <= int(month) <= 12:
            return f"each {int(day)} {MONTHS[int(month)]} {at}"
    return trigger


def _days(weekday: str) -> str:
    numbers = dict(zip("01234567", ("sun", *list(DAY_NAMES)), strict=True))
    names = re.sub(r"[0-7]", lambda m: numbers[m[0]], weekday.lower())
    if names == "mon-fri":
        return "every weekday"
    spoken = [DAY_NAMES.get(part, part) for part in names.split(",")]
    spoken = [" to ".join(DAY_NAMES.get(end, end) for end in part.split("-")) for part in spoken]
    return "every " + ", ".join(spoken)
