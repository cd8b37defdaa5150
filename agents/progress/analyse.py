"""The whole computation, from readings and goals to an analysis; pure, and the same every time.

clean -> match goals -> forecast -> events. Each is a function of its own so that the graph can
show its steps; :func:`analyse` runs them in a row, which is what the evaluation measures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from agents.progress import events, goals, health
from agents.progress.forecast import Forecast, Trend, forecast
from agents.progress.goals import GoalGiven, GoalRead
from agents.progress.series import METRICS, STALE_DAYS, Reading, Series, clean

Status = Literal[
    "ok",
    "insufficient_data",
    "goal_reached",
    "goal_unreachable",
    "contradictory_goals",
    "no_goal",
]
Code = Literal["plateau", "too_fast", "regain", "stale_data", "milestone"]
MOST_GOALS = 8
_MILESTONE_DAYS = 60


@dataclass(frozen=True, slots=True)
class Given:
    """All that goes in. today: days since 1970. hint: see `series.clean`. seed: of the data.
    age: in years, None where nobody knows."""

    readings: Sequence[Reading]
    goals: Sequence[GoalGiven]
    today: int
    seed: int
    hint: str | None = None
    age: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """since: days since 1970. numbers: what its sentence is made of."""

    code: Code
    metric: str
    since: int | None
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What came out. forecasts: the primary goal first. concerns: what a professional should hear
    of. past_from_start: the first goal is reached because it was so before it began. turned: the
    metrics that for two weeks have gone against the trend believed so far."""

    status: Status
    series: Mapping[str, Series]
    forecasts: Sequence[Forecast]
    events: Sequence[Event]
    warnings: Sequence[str]
    concerns: Sequence[health.Concern] = ()
    past_from_start: bool = False
    turned: frozenset[str] = frozenset()


def analyse(given: Given) -> Analysis:
    """Everything in a row."""
    series, warnings = clean_all(given)
    matched, more = match_goals(given, series)
    forecasts = forecast_all(matched, series, given)
    return conclude(given, series, forecasts, (*warnings, *more))


def clean_all(given: Given) -> tuple[dict[str, Series], tuple[str, ...]]:
    """(clean series by metric, in the order of METRICS; warnings)."""
    by_metric: dict[str, list[Reading]] = {}
    for reading in given.readings:
        by_metric.setdefault(reading.metric, []).append(reading)
    hint = given.hint
    if hint is None and goals.says_pounds(given.goals):
        hint = "lbs?"
    found, warnings = {}, []
    for name, metric in METRICS.items():
        if name not in by_metric:
            continue
        evidence = goals.evidence(given.goals) if name == "weight" else ()
        series = clean(metric, by_metric[name], evidence, hint)
        if series.implausible:
            warnings.append(
                f"implausible_value: {name} {series.implausible} outside "
                f"{metric.low:g} to {metric.high:g} {metric.unit}"
            )
        if series.repairs:
            warnings.append(f"unit_repaired: {name} {len(series.repairs)}")
        if series.outliers:
            warnings.append(f"outliers_left_out: {name} {len(series.outliers)}")
        if series.unit_uncertain:
            warnings.append(f"unit_uncertain: {name}")
        if len(series.days) or series.implausible:
            found[name] = series
    return found, tuple(warnings)


def match_goals(
    given: Given, series: Mapping[str, Series]
) -> tuple[list[GoalRead], tuple[str, ...]]:
    """(open goals understood, the asked and important ones first; warnings).

    A goal that the app closed stays closed unless it is a falling one that the readings deny.
    """
    warnings: list[str] = []
    opened, closed = [], []
    for goal in given.goals:
        read = goals.read(goal, series)
        if read.unit_guessed:
            warnings.append(f"goal_unit_guessed: goal {goal.goal_id}")
        denied = goal.completed and _denied(read, series)
        if denied:
            warnings.append(f"goal_status_wrong: goal {goal.goal_id} is completed in the main app")
        if denied or goal.asked or not goal.completed:
            opened.append(read)
        else:
            closed.append(read)
    if not opened:
        opened = [goal for goal in closed if (goal.metric or "") in series][:1]
    opened.sort(key=lambda goal: (not goal.given.asked, goal.given.priority))
    if len(opened) > MOST_GOALS:
        warnings.append(f"goals_cut: {len(opened) - MOST_GOALS} of {len(opened)} left out")
    return opened[:MOST_GOALS], tuple(warnings)


def _denied(goal: GoalRead, series: Mapping[str, Series]) -> bool:
    """Whether fewer than two readings since the goal began are past its falling target."""
    if goal.toward >= 0 or goal.target is None or goal.metric is None:
        return False
    if goal.metric not in series:
        return False
    measured = series[goal.metric]
    since = measured.days >= (goal.given.start_day or 0)
    return int((measured.values[since] <= goal.target).sum()) < 2


def forecast_all(
    matched: Sequence[GoalRead], series: Mapping[str, Series], given: Given
) -> list[Forecast]:
    """A forecast per goal, the primary one first.

    Primary is the first that can be forecast and is not reached yet, else the first reached, else
    the first there is.
    """
    found = [
        forecast(goal, series.get(goal.metric or ""), given.today, _seed(given, goal.metric))
        for goal in matched
    ]
    rank = {"reached": 1, "insufficient_data": 2, "unsupported_metric": 3}
    order = sorted(
        range(len(found)),
        key=lambda index: (not matched[index].given.asked, rank.get(found[index].status, 0)),
    )
    if order and found[order[0]].status in ("insufficient_data", "unsupported_metric"):
        order.sort(key=lambda index: rank.get(found[index].status, 0))
    return [found[index] for index in order]


def _seed(given: Given, metric: str | None) -> int:
    return (given.seed + sum(map(ord, metric or ""))) % 2**63


def conclude(
    given: Given,
    series: Mapping[str, Series],
    forecasts: Sequence[Forecast],
    warnings: Sequence[str],
) -> Analysis:
    """Events and the status of the whole."""
    first = forecasts[0] if forecasts else None
    slip = (
        first is not None
        and first.status == "reached"
        and goals.past_from_start(first.goal, series.get(first.goal.metric or ""))
    )
    turned = frozenset(
        item.goal.metric
        for item in forecasts
        if item.goal.metric is not None and _turned(given, series.get(item.goal.metric), item)
    )
    return Analysis(
        status=_status(series, forecasts),
        series=series,
        forecasts=forecasts,
        events=_events(given, series, forecasts, turned),
        warnings=tuple(warnings),
        concerns=tuple(
            health.concerns(given.readings, given.goals, series, forecasts, given.today, given.age)
        ),
        past_from_start=slip,
        turned=turned,
    )


def _turned(given: Given, measured: Series | None, item: Forecast) -> bool:
    if item.trend is None or measured is None:
        return False
    rate, noise, prior = (
        item.trend.posterior.rate()[0],
        _line_noise(measured),
        _line_prior(measured),
    )
    return events.turned(measured.days, measured.values, given.today, noise, prior, rate)


def _status(series: Mapping[str, Series], forecasts: Sequence[Forecast]) -> Status:
    if not any(len(measured.days) for measured in series.values()):
        return "insufficient_data"
    measurable = [item for item in forecasts if item.status != "unsupported_metric"]
    if not measurable:
        return "no_goal"
    if goals.contradictory([item.goal for item in measurable]):
        return "contradictory_goals"
    first = measurable[0].status
    if first == "reached":
        return "goal_reached"
    if first == "unreachable":
        return "goal_unreachable"
    return "insufficient_data" if first == "insufficient_data" else "ok"


def _events(
    given: Given,
    series: Mapping[str, Series],
    forecasts: Sequence[Forecast],
    turned: frozenset[str],
) -> list[Event]:
    found: dict[tuple[Code, str, int | None], Event] = {}

    def add(event: Event | None) -> None:
        if event is not None:
            found.setdefault((event.code, event.metric, event.since), event)

    for name, measured in series.items():
        if (
            len(measured.days)
            and given.today - measured.days[-1] > STALE_DAYS
            and (name == "weight" or any(item.goal.metric == name for item in forecasts))
        ):
            age = int(given.today - measured.days[-1])
            add(Event("stale_data", name, int(measured.days[-1]), {"age_days": age}))
    for item in forecasts:
        if item.trend is None or item.goal.metric is None:
            continue
        measured = series[item.goal.metric]
        # Who has turned to the goal moves neither away from it nor not at all, and who moves away
        # does not stand still.
        back = item.goal.metric in turned and item.trend.posterior.rate()[0] * item.goal.toward < 0
        if not back:
            regained = _regain(given, measured, item.trend, item.goal.toward, item.goal.metric)
            add(regained)
            if regained is None and item.status != "reached":
                add(_plateau(given, measured, item))
        for milestone in item.goal.milestones:
            add(_milestone(given, measured, item, milestone))
    weight = series.get("weight")
    if weight is not None and weight.enough:
        line = events.too_fast(
            weight.days, weight.values, given.today, _line_noise(weight), _line_prior(weight)
        )
        if line is not None:
            percent = 100 * 7 * line.mean / weight.usual
            add(Event("too_fast", "weight", int(line.since), {"percent": percent}))
    return list(found.values())


def _line_noise(series: Series) -> float:
    return series.jitter() * 0.7


def _line_prior(series: Series) -> float:
    return series.jitter() / (0.0085 * 80) * 0.05


def _plateau(given: Given, measured: Series, item: Forecast) -> Event | None:
    line = events.plateau(
        measured.days,
        measured.values,
        given.today,
        _line_noise(measured),
        _line_prior(measured),
        item.goal.toward,
    )
    if line is None:
        return None
    weeks = max(1, int((given.today - line.since) // 7))
    return Event("plateau", measured.metric.name, int(line.since), {"weeks": weeks})


def _regain(given: Given, measured: Series, found: Trend, toward: int, name: str) -> Event | None:
    line = events.recent_slope(
        measured.days,
        measured.values,
        given.today,
        events.PLATEAU_DAYS[0],
        _line_noise(measured),
        _line_prior(measured),
    )
    if line is None:
        return None
    # The first days' belief still leans on the very first readings.
    settled = replace(found.smoothed, levels=found.smoothed.levels[2:])
    turned = events.regain(
        line,
        settled.levels,
        measured.days[2:],
        found.posterior.level,
        toward,
        measured.jitter(),
    )
    if turned is None:
        return None
    return Event("regain", name, int(turned.best_day), {"best": turned.best, "back": turned.back})


def _milestone(given: Given, measured: Series, item: Forecast, target: float) -> Event | None:
    """A milestone that the believed level passed within the last weeks and still is past."""
    assert item.trend is not None
    toward = item.goal.toward
    levels: NDArray[np.float64] = (item.trend.smoothed.levels - target) * toward
    if levels[-1] < 0 or (item.trend.posterior.level - target) * toward < 0:
        return None
    behind = np.flatnonzero(levels < 0)
    if not len(behind):
        return None
    since = int(measured.days[int(behind[-1]) + 1])
    if given.today - since > _MILESTONE_DAYS:
        return None
    return Event("milestone", measured.metric.name, since, {"target": target})
