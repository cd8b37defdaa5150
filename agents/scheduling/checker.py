"""Checks a finished scheduling answer against every hard rule; shares no code with what made it.

It reads plain JSON: the answer, and a picture of the facts (bookings, hours, distances). It does
its own arithmetic with the zone database, so that a mistake in the agent's clock, slots or solver
is not repeated here. Rules: `shape`, `clock`, `trainer_busy`, `client_busy`, `travel`,
`availability`, `notice`, `gap`, `blackout`, `week`, `demand`, `move`, `grounded`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Json = Mapping[str, Any]
_REMOTE = ("online", "virtual", "remote", "zoom", "video")
_CLOSED = ("completed", "no_show")


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken rule. where: path of the item, e.g. ``suggestions[0]`` or ``week.moves[1]``."""

    rule: str
    where: str
    why: str


@dataclass(frozen=True, slots=True)
class Event:
    """A proposed session: begin and end in UTC, begin also on the wall."""

    where: str
    wall: datetime
    begin: datetime
    end: datetime
    client_id: int | None
    place: str | None


def check(answer: Json, facts: Json) -> list[Violation]:
    """Everything that is wrong with the answer; empty if nothing is.

    facts: timezone, as_of (ISO), client_id, trainer_id, bookings [{id, trainer_id, client_id,
    start, minutes, status, location, online}], hours [{weekday | date, start, end}] in minutes
    after midnight, notice_hours, gap_hours, buffer_minutes, blackout [dates], location, online,
    together; for a week also week_start, demand {client_id: sessions}, pinned [ids], max_moves.
    """
    found = list(_shape(answer, facts))
    if answer.get("week") is None:
        events = _suggested(answer, facts, found)
        for event in events:
            found += _rules(event, facts, facts["bookings"])
        found += _set(events[: facts.get("together", 1)], facts)
    else:
        found += _week(answer, facts, found)
    return found


def _shape(answer: Json, facts: Json) -> Iterator[Violation]:
    if "scheduling" in answer:
        yield Violation("shape", "", "a key scheduling would be read instead of suggestions")
    if answer["status"] == "infeasible" and not answer["constraints"]["conflict"]:
        yield Violation("shape", "constraints", "infeasible without naming a rule")
    suggestions = answer["suggestions"]
    if len(suggestions) > 5 or len({s["id"] for s in suggestions}) < len(suggestions):
        yield Violation("shape", "suggestions", "more than five, or an id twice")
    for index, item in enumerate(suggestions):
        where = f"suggestions[{index}]"
        if item["priority"] != index + 1:
            yield Violation("shape", where, "priority does not follow the order")
        if not 0 <= item["p_lo"] <= item["p_attend"] <= item["p_hi"] <= 1:
            yield Violation("shape", where, "p_lo <= p_attend <= p_hi does not hold")
        if item["timezone"] != facts["timezone"]:
            yield Violation("clock", where, "another zone than the gym's")
        if (loose := _ungrounded(item)) is not None:
            yield Violation("grounded", where, f"{loose} is no number of this slot")


def _ungrounded(item: Json) -> str | None:
    """A numeral in the sentence that the slot does not have."""
    start = datetime.fromisoformat(item["start"])
    known = {str(start.day), str(start.hour), start.strftime("%H:%M"), f"{start:%Y}"}
    known |= {f"{start.hour}:{start:%M}", f"{start:%d}", f"{start:%H}", f"{start:%m}"}
    known |= {str(item["duration_minutes"]), str(item["p_attend"])}
    known.add(str(item.get("basis_sessions")))
    for reason in item["reasons"]:
        known |= set(re.findall(r"\d+(?:[:.]\d+)*", str(reason["value"])))
    said = re.findall(r"\d+(?:[:.]\d+)*", item["suggestion"])
    return next((number for number in said if number not in known), None)


def _suggested(answer: Json, facts: Json, found: list[Violation]) -> list[Event]:
    events = []
    for index, item in enumerate(answer["suggestions"]):
        where = f"suggestions[{index}]"
        event = _event(where, item["start"], item["duration_minutes"], facts, found)
        if event is not None:
            found += _agrees(where, item["start_utc"], event)
            events.append(event)
    return events


def _event(
    where: str,
    start: str,
    minutes: int,
    facts: Json,
    found: list[Violation],
    client_id: int | None = None,
    booking: Json | None = None,
) -> Event | None:
    wall = datetime.fromisoformat(start)
    if wall.tzinfo is not None:
        found.append(Violation("clock", where, "start has a zone"))
        return None
    begin = wall.replace(tzinfo=ZoneInfo(facts["timezone"]), fold=0).astimezone(UTC)
    back = begin.astimezone(ZoneInfo(facts["timezone"])).replace(tzinfo=None)
    if back != wall:
        found.append(Violation("clock", where, "the clocks skip this time"))
    seat = booking or facts
    client = client_id if client_id is not None else facts.get("client_id")
    end = begin + timedelta(minutes=minutes)
    return Event(where, wall, begin, end, client, _where(seat))


def _agrees(where: str, start_utc: str, event: Event) -> Iterator[Violation]:
    told = datetime.fromisoformat(start_utc)
    if not start_utc.endswith("Z") or told != event.begin:
        yield Violation("clock", where, "start and start_utc do not agree")


def _where(item: Json) -> str | None:
    name = " ".join(str(item.get("location") or "").lower().split())
    remote = bool(item.get("online")) or any(word in name for word in _REMOTE)
    return None if remote or not name else name


def _busy(booking: Json, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Begin and end in UTC, the longest reading of a time that happens twice."""
    wall = datetime.fromisoformat(booking["start"])
    both = [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    skipped = both[0].astimezone(zone).replace(tzinfo=None) != wall
    last = both[0] if skipped else max(both)
    return both[0], last + timedelta(minutes=booking["minutes"])


def _rules(event: Event, facts: Json, bookings: Sequence[Json]) -> Iterator[Violation]:
    """The rules that one proposed session must keep by itself."""
    zone = ZoneInfo(facts["timezone"])
    asked = datetime.fromisoformat(facts["as_of"])
    notice = timedelta(hours=facts["notice_hours"])
    if event.begin < asked + notice:
        yield Violation("notice", event.where, "too soon")
    ends = (event.end - timedelta(minutes=1)).astimezone(zone).date()
    if {event.wall.date().isoformat(), ends.isoformat()} & set(facts["blackout"]):
        yield Violation("blackout", event.where, "on a day that is closed")
    if not _open(event, facts, zone):
        yield Violation("availability", event.where, "outside the hours")
    buffer = timedelta(minutes=facts["buffer_minutes"])
    gap = timedelta(hours=facts["gap_hours"])
    for booking in bookings:
        if booking["status"] == "cancelled":
            continue
        begin, end = _busy(booking, zone)
        trainer = booking["trainer_id"] is None or booking["trainer_id"] == facts["trainer_id"]
        client = booking["client_id"] is not None and booking["client_id"] == event.client_id
        margin = buffer if trainer else timedelta(0)
        if trainer and event.begin < end + margin and begin < event.end + margin:
            yield Violation("trainer_busy", event.where, f"session {booking['id']} is there")
        if client and event.begin < end and begin < event.end:
            yield Violation("client_busy", event.where, f"session {booking['id']} is there")
        if client and gap:
            wall = abs(datetime.fromisoformat(booking["start"]) - event.wall)
            if min(abs(begin - event.begin), wall) < gap:
                yield Violation("gap", event.where, f"too near to session {booking['id']}")
        if (trainer or client) and _no_time_to_travel(event, begin, end, _where(booking)):
            yield Violation("travel", event.where, f"from or to session {booking['id']}")


def _no_time_to_travel(event: Event, begin: datetime, end: datetime, place: str | None) -> bool:
    if event.place is None or place is None or event.place == place:
        return False
    return max(begin - event.end, event.begin - end) < timedelta(minutes=30)


def _open(event: Event, facts: Json, zone: ZoneInfo) -> bool:
    """Whether the session lies in the hours of its day and the next, touching spans as one."""
    spans = sorted(
        (_edge(day, span["start"], zone), _edge(day, span["end"], zone))
        for day in (event.wall.date(), event.wall.date() + timedelta(days=1))
        for span in facts["hours"]
        if (span.get("date") == day.isoformat())
        or (span.get("date") is None and span.get("weekday") == day.isoweekday())
    )
    merged: list[tuple[datetime, datetime]] = []
    for opens, closes in spans:
        if merged and opens <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(closes, merged[-1][1]))
        else:
            merged.append((opens, closes))
    return any(opens <= event.begin and event.end <= closes for opens, closes in merged)


def _edge(day: date, minute: int, zone: ZoneInfo) -> datetime:
    wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001 - wall
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _set(events: Sequence[Event], facts: Json) -> Iterator[Violation]:
    """Sessions that are to be booked together: the trainer's time, and each client's distance."""
    buffer = timedelta(minutes=facts["buffer_minutes"])
    gap = timedelta(hours=facts["gap_hours"])
    for index, event in enumerate(events):
        for other in events[:index]:
            if event.begin < other.end + buffer and other.begin < event.end + buffer:
                yield Violation("trainer_busy", event.where, f"at the time of {other.where}")
            if event.client_id == other.client_id and abs(event.begin - other.begin) < gap:
                yield Violation("gap", event.where, f"too near to {other.where}")
            if _no_time_to_travel(event, other.begin, other.end, other.place):
                yield Violation("travel", event.where, f"from or to {other.where}")


def _week(answer: Json, facts: Json, found: list[Violation]) -> list[Violation]:
    events: list[Event] = []
    for index, item in enumerate(answer["week"]["placements"]):
        where = f"week.placements[{index}]"
        event = _event(
            where, item["start"], item["duration_minutes"], facts, found, item["client_id"]
        )
        if event is not None:
            found += _agrees(where, item["start_utc"], event)
            found += _rules(event, facts, facts["bookings"])
            events.append(event)
    wrong: list[Violation] = list(_demand(answer, facts))
    wrong += _moves(answer, facts, events)
    wrong += _set(events, facts)
    first = datetime.fromisoformat(facts["week_start"])
    for event in events:
        if not first <= event.wall < first + timedelta(days=7):
            wrong.append(Violation("week", event.where, "not in the week"))
    proposed = {(event.wall.isoformat(), event.client_id) for event in events}
    for index, item in enumerate(answer["suggestions"]):
        whose = next((r["value"] for r in item["reasons"] if r["code"] == "client_id"), None)
        if (item["start"], whose) not in proposed:
            wrong.append(
                Violation("shape", f"suggestions[{index}]", "neither a placement nor a move")
            )
    return wrong


def _demand(answer: Json, facts: Json) -> Iterator[Violation]:
    wanted = {int(client): number for client, number in facts["demand"].items()}
    placed = Counter(item["client_id"] for item in answer["week"]["placements"])
    missing = {item["client_id"]: item["missing"] for item in answer["week"]["unplaced"]}
    for client in sorted(wanted.keys() | placed.keys() | missing.keys()):
        if placed[client] + missing.get(client, 0) != wanted.get(client, 0):
            yield Violation("demand", "week", f"client {client} does not add up")


def _moves(answer: Json, facts: Json, events: list[Event]) -> list[Violation]:
    found: list[Violation] = []
    moves = answer["week"]["moves"]
    if len(moves) > facts["max_moves"]:
        found.append(Violation("move", "week.moves", "more moves than allowed"))
    zone = ZoneInfo(facts["timezone"])
    frozen = datetime.fromisoformat(facts["as_of"]) + timedelta(hours=24)
    seen: set[tuple[Any, str]] = set()
    for index, move in enumerate(moves):
        where = f"week.moves[{index}]"
        booked = [
            b
            for b in facts["bookings"]
            if b["id"] == move["session_id"] and b["start"] == move["from"]
        ]
        if not booked or (move["session_id"], move["from"]) in seen:
            found.append(Violation("move", where, "no such session, or moved twice"))
            continue
        seen.add((move["session_id"], move["from"]))
        session = booked[0]
        if (
            session["status"] in _CLOSED
            or session["id"] in facts["pinned"]
            or session["trainer_id"] != facts["trainer_id"]
            or _busy(session, zone)[0] < frozen
        ):
            found.append(Violation("move", where, "a session that must stay"))
        if move["gain"] < 0.05:
            found.append(Violation("move", where, "gains too little"))
        event = _event(
            where, move["to"], session["minutes"], facts, found, session["client_id"], session
        )
        if event is not None:
            found += _rules(event, facts, [b for b in facts["bookings"] if b is not session])
            events.append(event)
    return found
