"""Answers in a form that people like to read, on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

Json = Any

WEEKDAYS = ("", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MODES = {
    "full": "[green]full[/]: words by the model, numbers by the planner",
    "degraded": "[yellow]degraded[/]: the model was wanted and not to be had",
    "deterministic": "[cyan]deterministic[/]: numbers and words without a model",
}


def answer(result: Mapping[str, Json]) -> RenderableType:
    """A result as tables; an unknown kind of result as its own words."""
    if "findings" in result:
        return review_of_code(result)
    if "checks" in result:
        return health(result)
    if "progress" in result and "workout" in result:
        return review_of_client(result)
    if "weeks" in result and "recommendations" in result:
        return workout(result)
    if "interval_pct" in result:
        return progress(result)
    if "suggestions" in result:
        return slots(result)
    return Text(str(result.get("summary") or result.get("status") or result))


def workout(result: Mapping[str, Json]) -> RenderableType:
    """A workout answer: what was taken into account, then exercises or the first and last week."""
    parts: list[RenderableType] = [Text(str(result.get("summary") or "").strip())]
    parts += [Text.from_markup(line) for line in _circumstances(result)]
    if result["kind"] == "plan":
        parts.append(_week(result["weeks"][0]))
        if len(result["weeks"]) > 1:
            parts.append(_progression(result["weeks"]))
    else:
        parts.append(_recommendations(result["recommendations"]))
    return Padding(Group(*parts), (0, 0, 1, 4))


def _circumstances(result: Mapping[str, Json]) -> Iterable[str]:
    screening = result.get("screening") or {}
    if screening.get("conditions"):
        excluded = screening.get("excluded_count", 0)
        conditions = ", ".join(screening["conditions"])
        yield f"[bold]conditions[/] {escape(conditions)}: {excluded} exercises left out"
    clearance = screening.get("clearance") or {}
    if clearance.get("required"):
        yield f"[red bold]clearance first[/] {escape(', '.join(clearance.get('reasons', [])))}"
    constraints = result.get("constraints") or {}
    for relaxed in constraints.get("relaxed", []):
        target = f" ({relaxed['target']})" if relaxed.get("target") else ""
        yield (
            f"[yellow]not fully met[/] {escape(relaxed['id'])}{escape(target)}: "
            f"wanted {relaxed['wanted']}, got {relaxed['got']}. {escape(relaxed['why'])}"
        )
    for conflict in constraints.get("conflict", []):
        ids = ", ".join(conflict["ids"])
        yield f"[red]impossible together[/] {escape(ids)}: {escape(conflict['suggestion'])}"
    passed = len(constraints.get("passed", []))
    if passed:
        yield f"[green]{passed} safety and training rules checked[/], none broken"
    for warning in list(result.get("data_warnings", []))[:4]:
        yield f"[dim]note: {escape(warning)}[/]"


def _recommendations(items: Iterable[Mapping[str, Json]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("exercise", "sets × reps", "rest", "effort", "why"):
        table.add_column(heading, overflow="fold")
    for item in items:
        table.add_row(
            escape(item["exercise"]),
            escape(item["display"].partition(",")[0].replace(" x ", " × ")),
            f"{item.get('rest_seconds') or '-'} s",
            f"RPE {item['rpe']:g}" if item.get("rpe") else "-",
            escape(item["reason"]),
        )
    return table


def _dose(row: Mapping[str, Json]) -> str:
    """``3 × 10``, or ``3 × 30 s`` for what is held; minutes from two of them on."""
    seconds = row.get("duration_seconds")
    if not seconds:
        return f"{row['sets']} × {row['reps']}"
    amount = f"{seconds} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    return f"{row['sets']} × {amount}" if row["sets"] > 1 else amount


def _week(week: Mapping[str, Json]) -> Table:
    table = Table(
        box=None,
        pad_edge=False,
        header_style="dim",
        title=f"Week {week['week']}",
        title_justify="left",
        title_style="bold",
    )
    for heading in ("day", "exercise", "sets × reps", "rest", "effort"):
        table.add_column(heading)
    for session in week["workouts"]:
        label = f"{WEEKDAYS[session['weekday']]} {session['estimated_minutes']} min"
        for row in session["exercises"]:
            table.add_row(
                label,
                escape(row["exercise"]),
                _dose(row),
                f"{row['rest_seconds']} s" if row["rest_seconds"] else "-",
                f"RPE {row['rpe']:g}" if row.get("rpe") else "-",
            )
            label = ""
        if session.get("cardio"):
            cardio = session["cardio"]
            table.add_row(label, f"{escape(cardio['type'])}", f"{cardio['minutes']} min", "", "")
    return table


def _progression(weeks: Iterable[Mapping[str, Json]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("week", "phase", "sets", "reps", "effort", ""):
        table.add_column(heading, justify="right" if heading in {"sets", "reps"} else "left")
    for week in weeks:
        rows = [row for day in week["workouts"] for row in day["exercises"]]
        sets = sum(row["sets"] for row in rows)
        reps = sum(row["sets"] * row["reps"] for row in rows if not row.get("duration_seconds"))
        efforts = [row["rpe"] for row in rows if row.get("rpe")]
        effort = f"RPE {sum(efforts) / len(efforts):.1f}" if efforts else "-"
        colour = "yellow" if week["phase"] == "deload" else "green"
        bar = f"[{colour}]{'▆' * round(reps / 20)}[/]"
        table.add_row(str(week["week"]), week["phase"], str(sets), str(reps), effort, bar)
    return table


def progress(result: Mapping[str, Json]) -> RenderableType:
    """A forecast: its sentence, a row per goal with the interval, what needs attention."""
    parts: list[RenderableType] = [Text(str(result["prediction"]))]
    if result["goals"]:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("goal", "now", "target", "per week", "earliest", "likely", "latest"):
            table.add_column(heading)
        for goal in result["goals"]:
            trend, dates = goal.get("trend") or {}, goal.get("goal_date") or {}
            unit = goal.get("unit") or ""
            table.add_row(
                escape(str(goal.get("metric") or goal.get("category"))),
                _amount(goal.get("current"), unit),
                _amount(goal.get("target"), unit),
                _amount(trend.get("per_week"), unit, "+.2f"),
                *(str(dates.get(bound) or "not within a year") for bound in ("p10", "p50", "p90")),
            )
        parts.append(table)
    for metric, quality in (result.get("series_quality") or {}).items():
        repaired = len(quality.get("unit_repairs", []))
        if repaired:
            parts.append(
                Text.from_markup(
                    f"[yellow]{repaired} {escape(metric)} readings[/] were stored in the wrong"
                    " unit and have been repaired"
                )
            )
    # Two goals of one metric share sentences.
    insights = list(dict.fromkeys(result.get("insights", [])))
    parts += [Text(f"· {line}") for line in insights[:3]]
    return Padding(Group(*parts), (0, 0, 1, 4))


def slots(result: Mapping[str, Json]) -> RenderableType:
    """Ranked times with the chance that the client comes."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("", "time", "chance", "8 of 10 cases", "why"):
        table.add_column(heading, overflow="fold")
    for slot in result["suggestions"]:
        table.add_row(
            str(slot["priority"]),
            slot["start"].replace("T", " ")[:16],
            f"{slot['p_attend']:.0%}",
            f"{slot['p_lo']:.0%} to {slot['p_hi']:.0%}",
            escape(slot["suggestion"]),
        )
    return Padding(table, (0, 0, 1, 4))


def review_of_client(result: Mapping[str, Json]) -> RenderableType:
    """A client's review: a line for each part, and what the progress changed in the plan."""
    parts: list[RenderableType] = [Text(str(result.get("summary") or "").strip())]
    table = Table(box=None, pad_edge=False, show_header=False)
    for name in ("progress", "workout", "schedule"):
        part = result[name]
        words = part.get("prediction") or part.get("summary") or part.get("why") or ""
        if part.get("suggestions"):
            words = str(part["suggestions"][0]["suggestion"])
        table.add_row(name, escape(str(part.get("status"))), escape(str(words).strip()))
    parts.append(table)
    for change in result.get("adaptations", []):
        before = "" if change["from"] is None else f"{change['from']} → "
        text = f"{change['code']}: {before}{change['to']} {change['unit']}. {change['why']}"
        parts.append(Text.from_markup(f"[yellow]adapted[/] {escape(text)}"))
    return Padding(Group(*parts), (0, 0, 1, 4))


SEVERITIES = {"critical": "red bold", "high": "red", "medium": "yellow", "low": "dim"}


def review_of_code(result: Mapping[str, Json]) -> RenderableType:
    """Findings, worst first; below them the first repair that passed the gate, as a diff."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("severity", "where", "rule", "what"):
        table.add_column(heading, overflow="fold")
    for found in result["findings"][:5]:
        severity = found["severity"]
        table.add_row(
            f"[{SEVERITIES[severity]}]{severity}[/]",
            f"{escape(found['file'])}:{found['line']}",
            escape(found["rule"]),
            escape(found["message"]),
        )
    parts: list[RenderableType] = [table]
    repairs = [found for found in result["findings"] if found.get("diff")]
    if repairs:
        many = "1 repair" if len(repairs) == 1 else f"{len(repairs)} repairs, the first"
        parts.append(Text.from_markup(f"[green]proposed[/] {many}:"))
        parts.append(Syntax(repairs[0]["diff"].strip(), "diff", background_color="default"))
    return Padding(Group(*parts), (0, 0, 1, 4))


STATES = {
    "healthy": "green",
    "warning": "yellow",
    "critical": "red bold",
    "notice": "cyan",
    "unknown": "dim",
}


def health(result: Mapping[str, Json]) -> RenderableType:
    """A line for each component, then what is not well and what to do about it."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for component in result["health_checks"]:
        status = component["status"]
        table.add_row(
            f"[{STATES[status]}]{status}[/]",
            escape(component["component"]),
            escape(component["message"]),
        )
    parts: list[RenderableType] = [table]
    bad = [check for check in result["checks"] if check["status"] in {"warning", "critical"}]
    for check in bad[:3]:
        text = f"{check['check']}: {check['message']} {check['remedy']}"
        parts.append(Text.from_markup(f"[yellow]to do[/] {escape(text)}"))
    return Padding(Group(*parts), (0, 0, 1, 4))


def _amount(value: float | None, unit: str, form: str = ".1f") -> str:
    return "-" if value is None else f"{value:{form}} {unit}".strip()


def failure(error: Mapping[str, Json]) -> RenderableType:
    """A failed request's own words."""
    lines = [f"[red]{escape(error['code'])}[/] {escape(error['message'])}"]
    if error.get("hint"):
        lines.append(f"[dim]hint: {escape(error['hint'])}[/]")
    return Padding(Text.from_markup("\n".join(lines)), (0, 0, 1, 4))


def heading(console: Console, text: str) -> None:
    console.print(f"\n[bold]{escape(text)}[/]")
