"""Results as people like to look at them: a plan as days, a forecast as sentences and a picture,
times as a week.

Results are JSON of agents, of older versions of agents too, so nothing is taken for granted: what
has the wanted shape is shown nicely, everything else as its fields. Nothing here is markup.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from daemon.web.gui.words import cut, title

Json = Any

WEEKDAYS = ("", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
KEPT_QUIET = {
    "source",
    "provenance",
    "chart_svg",
    "ics",
    "template_rows",
    "exercise_facts",
    "data_warnings",
}
"""Fields that nobody reads; all of them are in the raw result."""
SEVERITIES = ("critical", "high", "medium", "low")
MOST = 60
MOST_NUMBER = 1e300


@dataclass(frozen=True)
class Part:
    """A piece of a result. kind: the template's way to show it. data: what that way needs."""

    kind: str
    heading: str = ""
    data: Mapping[str, Json] = field(default_factory=dict)


def parts(result: Json, suggestions: Mapping[str, int] | None = None) -> list[Part]:
    """The pieces of a result, best first; [] for what is no object. suggestions: of findings in
    code, fingerprint to the suggestion on which people decide."""
    if not isinstance(result, Mapping):
        return []
    found: list[Part] = []
    if isinstance(result.get("workout"), Mapping) or isinstance(result.get("progress"), Mapping):
        found += _review(result)
    elif result.get("kind") in ("plan", "recommendations") or (
        "weeks" in result and "recommendations" in result
    ):
        found += _workout(result)
    elif "interval_pct" in result or ("goals" in result and "prediction" in result):
        found += _progress(result)
    elif isinstance(result.get("suggestions"), list) and (
        all(isinstance(slot, Mapping) and "start" in slot for slot in result["suggestions"])
        if result["suggestions"]
        else "attendance_summary" in result
    ):
        found += _schedule(result)
    elif "analysis_result" in result and isinstance(result.get("findings"), list):
        found += _code(result, suggestions or {})
    else:
        found += _plain(result)
    notes = [cut(text(note), 300) for note in items(result.get("data_warnings"))[:12]]
    if notes:
        found.append(Part("notes", "Noted about the data", {"lines": notes}))
    return found


def _review(result: Mapping[str, Json]) -> list[Part]:
    found = [Part("quote", "", {"text": text(result.get("summary"))})]
    changes = [
        text(change.get("why") or change.get("what") or change)
        if isinstance(change, Mapping)
        else text(change)
        for change in items(result.get("adaptations"))
    ]
    if changes:
        found.append(Part("lines", "What was adapted", {"lines": changes}))
    inner = (
        ("progress", "Progress", _progress),
        ("workout", "Workout", _workout),
        ("schedule", "Times", _schedule),
    )
    for key, heading, shape in inner:
        part = result.get(key)
        if isinstance(part, Mapping):
            found.append(Part("heading", heading))
            found += _without_answer(part)
            whole = text(result.get("summary"))
            found += [p for p in shape(part) if p.kind != "quote" or p.data["text"] not in whole]
    return found


def _without_answer(part: Mapping[str, Json]) -> list[Part]:
    """Why a part of a review has no answer; [] for one that has."""
    if part.get("status") == "failed" and (error := mapping(part.get("error"))):
        why = ". ".join(text(error[key]) for key in ("message", "hint") if error.get(key))
        return [Part("alarm", "", {"text": why or text(error.get("code"))})]
    if part.get("status") == "skipped" and part.get("why"):
        return [Part("lines", "", {"lines": [f"Not asked: {text(part['why'])}."]})]
    return []


def _workout(result: Mapping[str, Json]) -> list[Part]:
    found = [Part("quote", "", {"text": text(result.get("summary"))})]
    screening, constraints = mapping(result.get("screening")), mapping(result.get("constraints"))
    facts: list[tuple[str, str]] = []
    if conditions := items(screening.get("conditions")):
        left_out = screening.get("excluded_count")
        facts.append(
            (
                "conditions",
                ", ".join(map(text, conditions))
                + (f": {left_out} exercises left out" if left_out else ""),
            )
        )
    clearance = mapping(screening.get("clearance"))
    if clearance.get("required"):
        reasons = ", ".join(map(text, items(clearance.get("reasons"))))
        found.append(Part("alarm", "Clearance first", {"text": reasons or "see the screening"}))
    facts += [
        (
            "not fully met",
            _relaxed(mapping(r)),
        )
        for r in items(constraints.get("relaxed"))[:8]
    ]
    if passed := items(constraints.get("passed")):
        facts.append(("checked", f"{len(passed)} safety and training rules, none broken"))
    if facts:
        found.append(Part("facts", "", {"rows": facts}))
    recommendations = items(result.get("recommendations"))
    if result.get("kind") == "recommendations" and recommendations:
        found.append(
            Part(
                "exercises",
                "Exercises",
                {"rows": [_exercise(mapping(e)) for e in recommendations]},
            )
        )
        return found
    weeks = [_week(mapping(week)) for week in items(result.get("weeks"))[:26]]
    if weeks:
        found.append(Part("plan", "Plan", {"weeks": weeks}))
    return found


def _relaxed(row: Mapping[str, Json]) -> str:
    wanted, got = text(row.get("wanted")), text(row.get("got"))
    return f"{text(row.get('id'))}: wanted {wanted}, got {got}. {text(row.get('why'))}"


def _week(week: Mapping[str, Json]) -> dict[str, Json]:
    days: list[dict[str, Json]] = []
    for day in map(mapping, items(week.get("workouts"))[:14]):
        weekday = day.get("weekday")
        named = WEEKDAYS[weekday] if isinstance(weekday, int) and 0 < weekday < 8 else ""
        cardio = mapping(day.get("cardio"))
        days.append(
            {
                "name": named or f"Day {text(day.get('day'))}",
                "title": text(day.get("title")),
                "minutes": day.get("estimated_minutes"),
                "warmup": ", ".join(
                    text(mapping(w).get("name")) for w in items(day.get("warmup"))
                ),
                "exercises": [_exercise(mapping(e)) for e in items(day.get("exercises"))[:MOST]],
                "cardio": f"{text(cardio.get('type'))}, {text(cardio.get('minutes'))} min"
                if cardio
                else "",
                "cooldown": ", ".join(
                    text(mapping(c).get("name")) for c in items(day.get("cooldown"))
                ),
            }
        )
    sets = sum(e["sets"] for day in days for e in day["exercises"] if isinstance(e["sets"], int))
    return {
        "number": text(week.get("week")),
        "phase": text(week.get("phase")),
        "days": days,
        "sets": sets,
    }


HELD = re.compile(r"\d+ x (\d+ s)\b")


def _exercise(row: Mapping[str, Json]) -> dict[str, Json]:
    seconds = row.get("duration_seconds")
    amount = f"{seconds} s" if seconds else text(row.get("reps_range") or row.get("reps"))
    if not seconds and (held := HELD.match(text(row.get("display")))):
        amount = held[1]  # a recommendation says only there that it is held, not counted
    extra = []
    if row.get("rest_seconds"):
        extra.append(f"rest {row['rest_seconds']} s")
    if countable(row.get("rpe")):
        extra.append(f"effort {row['rpe']:g} of 10")
    return {
        "name": text(row.get("exercise")),
        "sets": row.get("sets"),
        "dose": f"{text(row.get('sets'))} × {amount}",
        "extra": " · ".join(extra),
        "why": text(row.get("reason")),
    }


def _cases(dates: Mapping[str, Json]) -> str:
    """How sure a goal's date is. One that lies beyond a year is no date; '' where none is left."""
    first, last = text(dates.get("p10")), text(dates.get("p90"))
    if first and last:
        return f"8 of 10 cases: {first} to {last}"
    return f"9 of 10 cases: {first} or later" if first else ""


def _goal(goal: Mapping[str, Json]) -> dict[str, str]:
    """A goal's row, in the unit that its sentences are told in."""
    own = mapping(goal.get("own_unit"))
    rate = own.get("per_week") if own else mapping(goal.get("trend")).get("per_week")
    told = own or goal
    unit = told.get("unit")
    dates = mapping(goal.get("goal_date"))
    return {
        "name": title(text(goal.get("metric") or goal.get("category") or "goal")),
        "status": text(goal.get("status")),
        "now": amount(told.get("current"), unit),
        "target": amount(told.get("target"), unit),
        "rate": amount(rate, unit, "+.2f"),
        "reached": text(dates.get("p50")) or "not within a year",
        "cases": _cases(dates),
    }


def _progress(result: Mapping[str, Json]) -> list[Part]:
    found = [Part("quote", "", {"text": text(result.get("prediction"))})]
    if text(result.get("chart_svg")).startswith("<svg"):
        found.append(Part("picture", "", {"alt": text(result.get("prediction"))}))
    goals = [_goal(mapping(goal)) for goal in items(result.get("goals"))[:20]]
    if goals:
        found.append(Part("goals", "Goals", {"rows": goals}))
    insights = list(dict.fromkeys(text(line) for line in items(result.get("insights"))[:12]))
    if insights:
        found.append(Part("lines", "What stands out", {"lines": insights}))
    advice = [
        text(mapping(r).get("text") or mapping(r).get("recommendation") or r)
        if isinstance(r, Mapping)
        else text(r)
        for r in items(result.get("recommendations"))[:8]
    ]
    if advice:
        found.append(Part("lines", "Advice", {"lines": advice}))
    return found


def _schedule(result: Mapping[str, Json]) -> list[Part]:
    slots = sorted(
        (_slot(mapping(slot)) for slot in items(result.get("suggestions"))[:MOST]),
        key=lambda slot: str(slot["at"]),
    )
    days: dict[str, list[dict[str, Json]]] = {}
    for slot in slots:
        days.setdefault(slot["day"], []).append(slot)
    found = []
    if days:
        zone = text(mapping(next(iter(items(result.get("suggestions"))), {})).get("timezone"))
        found.append(Part("slots", "Proposed times", {"days": days, "zone": zone}))
    found += _planned(mapping(result.get("week")))
    conflicts = [
        ". ".join(text(mapping(c)[key]) for key in ("why", "suggestion") if mapping(c).get(key))
        or text(c)
        for c in items(mapping(result.get("constraints")).get("conflict"))
    ]
    if conflicts:
        found.append(Part("lines", "What could not be met", {"lines": conflicts}))
    return found


def _planned(week: Mapping[str, Json]) -> list[Part]:
    """A trainer's week: new sessions, moves that are worth it, sessions without a time."""
    rows = {
        name: list(map(mapping, items(week.get(name))[:MOST]))
        for name in ("placements", "moves", "unplaced")
    }
    lines = {
        "New sessions": [
            f"client {text(row.get('client_id'))}: {_clock(row.get('start'))}"
            for row in rows["placements"]
        ],
        "Better at another time": [
            f"session {text(row.get('session_id'))}: {_clock(row.get('from'))}"
            f" to {_clock(row.get('to'))}"
            for row in rows["moves"]
        ],
        "Without a time": [
            f"client {text(row.get('client_id'))}: {text(row.get('missing'))} without a time"
            f" ({text(row.get('why'))})"
            for row in rows["unplaced"]
        ],
    }
    return [Part("lines", name, {"lines": told}) for name, told in lines.items() if told]


def _clock(value: Json) -> str:
    """A wall time as ``Tue 1 Dec 18:00``."""
    try:
        at = dt.datetime.fromisoformat(text(value))
    except ValueError:
        return text(value)
    return f"{at:%a} {at.day} {at:%b %H:%M}"


def _slot(slot: Mapping[str, Json]) -> dict[str, Json]:
    try:
        at = dt.datetime.fromisoformat(text(slot.get("start")))
        day, hour = f"{at:%A} {at.day} {at:%B}", f"{at:%H:%M}"
    except ValueError:
        at, day, hour = None, text(slot.get("start")), ""
    shares = {
        name: float(slot[name]) if countable(slot.get(name)) else None
        for name in ("p_attend", "p_lo", "p_hi")
    }
    return {
        "at": at or "",
        "day": day,
        "hour": hour,
        "minutes": slot.get("duration_minutes"),
        "chance": shares["p_attend"],
        "low": shares["p_lo"],
        "high": shares["p_hi"],
        "rank": text(slot.get("priority")),
        "why": text(slot.get("suggestion")),
    }


def _code(result: Mapping[str, Json], suggestions: Mapping[str, int]) -> list[Part]:
    """An analysis of code: the error that was asked about, then the findings, worst first."""
    found = []
    if said := text(result.get("error_analysis")):
        fingerprint = f"error:{text(result.get('error_fingerprint'))}"
        known = mapping(result.get("known_error"))
        facts = [
            ("root cause", text(result.get("root_cause"))),
            ("place", _place(mapping(result.get("culprit")))),
            ("known as", text(known.get("cause"))),
            ("cure", text(known.get("cure"))),
        ]
        found += [
            Part("quote", "The error", {"text": said}),
            Part(
                "facts",
                "",
                {
                    "rows": [fact for fact in facts if fact[1]],
                    "suggestion": suggestions.get(fingerprint),
                },
            ),
        ]
    rows = [
        {
            "severity": text(row.get("severity")),
            "rule": text(row.get("rule")),
            "place": _place(row),
            "message": text(row.get("message")),
            "repaired": bool(row.get("diff")),
            "suggestion": suggestions.get(text(row.get("fingerprint"))),
        }
        for row in map(mapping, items(result.get("findings"))[:MOST])
    ]
    words = text(result.get("analysis_result"))
    if rows:
        found.append(Part("findings", "Findings", {"rows": rows}))
        found.append(Part("lines", "In words", {"lines": [words]}))
    else:
        found.append(Part("quote", "", {"text": words}))
    counts = mapping(result.get("counts"))
    total, severities = counts.get("total"), mapping(counts.get("severity"))
    known_counts = [f"{severities[name]} {name}" for name in SEVERITIES if severities.get(name)]
    facts = [
        (
            "findings",
            f"{text(total)} ({', '.join(known_counts)})" if known_counts else text(total),
        ),
        (
            "shown here",
            f"the first {len(rows)}" if isinstance(total, int) and total > len(rows) else "",
        ),
        ("rejected before", text(result.get("silenced") or "")),
        ("no longer found", text(result.get("suggestions_gone") or "")),
        ("repository", text(result.get("repository"))),
        ("commit", text(result.get("commit"))),
    ]
    found.append(Part("facts", "", {"rows": [fact for fact in facts if fact[1]]}))
    skipped = [
        f"{text(row.get('file'))}: {text(row.get('detail') or row.get('reason'))}"
        for row in map(mapping, items(result.get("skipped"))[:MOST])
    ]
    if skipped:
        found.append(Part("lines", "Not analysed, or not in full", {"lines": skipped}))
    notes = [text(note) for note in items(result.get("notes"))[:MOST]]
    if notes:
        found.append(Part("notes", "Notes", {"lines": notes}))
    return found


def _place(row: Mapping[str, Json]) -> str:
    file, line = text(row.get("file")), text(row.get("line"))
    return f"{file}:{line}" if file and line else file


def _plain(result: Mapping[str, Json]) -> list[Part]:
    """Fields of an unknown kind of result: sentences as sentences, lists as lists."""
    found: list[Part] = []
    if said := text(result.get("summary") or result.get("message")):
        found.append(Part("quote", "", {"text": said}))
    rows: list[tuple[str, str]] = []
    for key, value in result.items():
        if key in KEPT_QUIET | {"summary", "message"} or value in (None, "", [], {}):
            continue
        if isinstance(value, list) and all(not isinstance(v, Mapping | list) for v in value):
            found.append(Part("lines", title(key), {"lines": [text(v) for v in value[:MOST]]}))
        elif not isinstance(value, Mapping | list):
            rows.append((title(key), text(value)))
    if rows:
        found.insert(min(1, len(found)), Part("facts", "", {"rows": rows}))
    return found


def amount(value: Json, unit: Json, form: str = ".1f") -> str:
    return f"{value:{form}} {text(unit)}".strip() if countable(value) else "–"


def countable(value: Json) -> bool:
    """Whether it is a number that can be shown as one: not every whole number fits a float."""
    return isinstance(value, int | float) and abs(value) < MOST_NUMBER


def text(value: Json) -> str:
    return "" if value is None else cut(str(value), 2000)


def mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def items(value: Json) -> list[Json]:
    if isinstance(value, list | tuple):
        return list(value)
    return [] if value is None or isinstance(value, Mapping | str) else list(_once(value))


def _once(value: Json) -> Iterable[Json]:
    yield value
