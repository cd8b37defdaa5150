"""Puts the finished answer together, and its typed rows.

Numbers are rounded once, here, before any sentence is made of them. The same parts give the same
JSON but for `provenance`.
"""

from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents.answer import LlmUsed, Provenance
from agents.progress import chart, grounded, insights, series, words
from agents.progress.analyse import Analysis, Event
from agents.progress.forecast import Forecast, Trend
from agents.progress.insights import Told
from agents.progress.model import ProgressRequest
from agents.progress.report import (
    Adherence,
    Advice,
    DateRange,
    DayRange,
    EventOut,
    GoalOut,
    Outlier,
    OwnUnit,
    ProgressReport,
    Quality,
    TrendOut,
    UnitRepair,
)
from agents.progress.series import METRICS, Series
from agents.progress.tables import ADHERENCE_DAYS, Attendance, Facts, date_of, number

ALGORITHM = "unit repair, Hampel filter, damped trend with drift, first passage"
VERSION = "1"
_MOST_LISTED = 50


@dataclass(frozen=True, slots=True)
class ModelPart:
    """What the model had to do with the answer."""

    used: bool = False
    model: str | None = None
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """All that an answer is made of. started: monotonic seconds. words: None without a model's."""

    request: ProgressRequest
    facts: Facts
    analysis: Analysis
    words: words.ProgressWords | None
    llm: ModelPart
    started: float


def told(facts: Facts, analysis: Analysis) -> Told:
    """The structured part, rounded: what sentences are made of."""
    goals = [_goal(item, facts, analysis) for item in analysis.forecasts]
    first = analysis.forecasts[0] if analysis.forecasts else None
    known = analysis.status in ("ok", "goal_reached", "goal_unreachable", "contradictory_goals")
    return Told(
        status=analysis.status,
        goals=goals,
        quality={name: _quality(found, facts.today) for name, found in analysis.series.items()},
        events=[_event(event) for event in analysis.events],
        adherence=adherence(facts.attendance),
        confidence=_share(first.confidence) if known and first is not None else 0.0,
        concerns=frozenset(analysis.concerns),
        past_from_start=analysis.past_from_start,
        turned=analysis.turned,
    )


def compose(parts: Parts) -> ProgressReport:
    """The whole answer."""
    shown = told(parts.facts, parts.analysis)
    findings, advice = insights.insights(shown), insights.recommendations(shown)
    texts, advice = words.apply(parts.words, findings, advice)
    request, facts = parts.request, parts.facts
    return ProgressReport(
        status=parts.analysis.status,
        client_id=request.client_id,
        as_of=facts.today.isoformat(),
        prediction=insights.prediction(shown),
        estimated_weeks=_weeks(shown),
        confidence=shown.confidence,
        goals=list(shown.goals),
        series_quality=shown.quality,
        events=list(shown.events),
        adherence=shown.adherence,
        insights=texts,
        recommendations=advice,
        chart_svg=_chart(parts.analysis, facts),
        data_warnings=list(dict.fromkeys((*facts.warnings, *parts.analysis.warnings))),
        provenance=Provenance(
            algorithm=ALGORITHM,
            version=VERSION,
            input_sha256=facts.input_sha256,
            llm=LlmUsed(
                used=parts.words is not None,
                model=parts.llm.model,
                dropped=list(parts.llm.dropped),
            ),
            elapsed_ms=round(1000 * (time.monotonic() - parts.started)),
            generated_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        ),
    )


def problems(report: ProgressReport) -> list[str]:
    """What must never leave: numerals that were not computed, dates out of order."""
    plain = report.model_dump(mode="json")
    known = grounded.numbers(plain)
    texts = [
        report.prediction,
        *report.insights,
        *(item.text for item in report.recommendations),
        *(event.detail for event in report.events),
    ]
    found = [f"ungrounded: {n}" for text in texts for n in grounded.ungrounded(text, known)]
    for goal in report.goals:
        days = [
            math.inf if day is None else day
            for day in (goal.days.p10, goal.days.p50, goal.days.p90)
        ]
        if days != sorted(days):
            found.append("days out of order")
    return found


def rows(report: ProgressReport, parts: Parts) -> list[dict[str, Any]]:
    """A row of ai_progress_reports per goal."""
    return [
        _row(report, goal, item, parts)
        for goal, item in zip(report.goals, parts.analysis.forecasts, strict=True)
    ]


def _row(report: ProgressReport, goal: GoalOut, item: Forecast, parts: Parts) -> dict[str, Any]:
    codes = [
        event.code for event in parts.analysis.events if event.metric == (goal.metric or "weight")
    ]
    quality = report.series_quality.get(goal.metric or "")
    flags = sorted({*codes, *(["unit_uncertain"] if quality and quality.unit_uncertain else [])})
    return {
        "client_id": report.client_id,
        "trainer_id": parts.facts.trainer_id,
        "status": goal.status,
        "llm_used": report.provenance.llm.used,
        "goal_id": goal.goal_id,
        "category": goal.category,
        "metric": goal.metric,
        "unit": goal.unit,
        "as_of": report.as_of,
        "current": goal.current,
        "target": goal.target,
        "direction": goal.direction,
        "rate_per_week": goal.trend.per_week if goal.trend else None,
        "p10_date": goal.goal_date.p10,
        "p50_date": goal.goal_date.p50,
        "p90_date": goal.goal_date.p90,
        "p_reach_365": goal.p_reach_365,
        "p_reach_by_target": goal.p_reach_by_target_date,
        "confidence": _share(item.confidence),
        "plateau": "plateau" in codes,
        "flags": flags,
        "n_points": quality.n if quality else 0,
        "unit_repairs": len(quality.unit_repairs) if quality else 0,
    }


def adherence(kept: Attendance) -> Adherence:
    """Rates of the last eight weeks."""
    ended = kept.completed + kept.no_show + kept.cancelled
    ratings = kept.ratings
    return Adherence(
        completed=kept.completed,
        no_show=kept.no_show,
        cancelled=kept.cancelled,
        rate=_share(kept.completed / ended) if ended else None,
        logs_per_week=round(kept.logs / (ADHERENCE_DAYS / 7), 2),
        mean_difficulty=round(sum(ratings) / len(ratings), 1) if ratings else None,
    )


def _share(value: float) -> float:
    return round(min(max(value, 0.0), 1.0), 2)


def _weeks(shown: Told) -> int | None:
    """ceil(p50 / 7) of the primary goal; None where none is known or goals contradict."""
    if shown.status not in ("ok", "goal_reached") or not shown.goals:
        return None
    days = shown.goals[0].days.p50
    return None if days is None else math.ceil(days / 7)


def _own_unit(item: Forecast, facts: Facts, analysis: Analysis) -> OwnUnit | None:
    metric = METRICS.get(item.goal.metric or "")
    if metric is None:
        return None
    readings = [row for row in facts.given.readings if row.metric == metric.name]
    unit = series.own_unit(
        metric, item.goal.given.unit, readings, analysis.series.get(metric.name)
    )
    if unit is None:
        return None

    def turned(value: float | None, decimals: int) -> float | None:
        return (
            None if value is None else round(series.in_unit(metric, value, unit), decimals) + 0.0
        )

    return OwnUnit.model_validate(
        {
            "unit": unit,
            "current": turned(item.current, metric.decimals),
            "target": turned(item.goal.target, metric.decimals),
            "per_week": turned(item.trend.per_week if item.trend else None, 2),
            "needed_rate_per_week": turned(item.needed_per_week, 2),
        }
    )


def _goal(item: Forecast, facts: Facts, analysis: Analysis) -> GoalOut:
    today = facts.today
    given, metric = item.goal.given, item.goal.metric
    target_day = given.target_day
    return GoalOut(
        goal_id=given.goal_id,
        category=given.category[:50],
        metric=metric,
        unit=METRICS[metric].unit if metric else None,
        current=_rounded(item.current, metric),
        target=_rounded(item.goal.target, metric),
        direction=("decrease" if item.goal.toward < 0 else "increase") if metric else None,
        status=item.status,
        days=DayRange(p10=item.days[0], p50=item.days[1], p90=item.days[2]),
        goal_date=DateRange(
            p10=_date(today, item.days[0]),
            p50=_date(today, item.days[1]),
            p90=_date(today, item.days[2]),
        ),
        p_reach_365=None if item.p_reach is None else _share(item.p_reach),
        p_reach_by_target_date=None if item.p_by_target is None else _share(item.p_by_target),
        target_date=date_of(target_day).isoformat() if target_day is not None else None,
        needed_rate_per_week=_two(item.needed_per_week),
        trend=_trend(item.trend, metric),
        own_unit=_own_unit(item, facts, analysis),
    )


def _trend(found: Trend | None, metric: str | None) -> TrendOut | None:
    if found is None:
        return None
    share = None
    if metric == "weight" and found.posterior.level > 0:
        share = _two(100 * found.per_week / found.posterior.level)
    return TrendOut(
        per_week=_two(found.per_week) or 0.0,
        lo=_two(found.lo) or 0.0,
        hi=_two(found.hi) or 0.0,
        pct_bw_per_week=share,
    )


def _two(value: float | None) -> float | None:
    """Two decimals, and no minus zero."""
    return None if value is None else round(value, 2) + 0.0


def _rounded(value: float | None, metric: str | None) -> float | None:
    if value is None or metric is None:
        return None
    return round(value, METRICS[metric].decimals) + 0.0


def _date(today: dt.date, days: int | None) -> str | None:
    return None if days is None else (today + dt.timedelta(days=days)).isoformat()


def _quality(found: Series, today: dt.date) -> Quality:
    return Quality(
        n=len(found.days),
        span_days=found.span_days,
        last_age_days=number(today) - int(found.days[-1]) if len(found.days) else None,
        outliers=[
            Outlier(measurement_id=row, date=date_of(day).isoformat(), value=round(value, 2))
            for day, value, row in found.outliers[:_MOST_LISTED]
        ],
        unit_repairs=[
            UnitRepair(measurement_id=repair.row_id, from_=repair.from_value, to=repair.to_value)
            for repair in found.repairs
        ],
        unit_uncertain=found.unit_uncertain,
    )


def _event(event: Event) -> EventOut:
    since = date_of(event.since).isoformat() if event.since is not None else None
    return EventOut(code=event.code, since=since, detail=_detail(event, since))


def _detail(event: Event, since: str | None) -> str:
    """One sentence; its numerals stand in `since`, or are worded."""
    name = insights.title(event.metric)
    when = insights.day(since) if since else "some time"
    return {
        "plateau": f"The {name} has made no clear progress since about {when}.",
        "too_fast": f"Since {when} the {name} falls faster than a body should lose: more than one "
        "percent a week.",
        "regain": f"The {name} is moving away from the goal again; its best was around {when}.",
        "stale_data": f"The last measurement of {name} is from {when}.",
        "milestone": f"A milestone was passed around {when}: the {name} is beyond it.",
    }[event.code]


def _chart(analysis: Analysis, facts: Facts) -> str | None:
    """Of the primary goal's metric, else of the weight, else of whatever there is."""
    item = next((f for f in analysis.forecasts if f.goal.metric in analysis.series), None)
    names: Sequence[str | None] = (
        item.goal.metric if item is not None else None,
        "weight",
        *analysis.series,
    )
    for name in names:
        found = analysis.series.get(name or "")
        if found is not None and len(found.days):
            same = item if item is not None and item.goal.metric == name else None
            own = _own_unit(same, facts, analysis) if same is not None else None
            return chart.draw(found, same, number(facts.today), own.unit if own else None)
    return None


__all__ = ["Advice", "ModelPart", "Parts", "compose", "problems", "rows", "told"]
