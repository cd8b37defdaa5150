"""How good the progress monitor's forecasts are, on simulated clients, against their targets.

    python -m tests.eval.progress [--clients 600] [--seed 1] [--json]

Every client goes through the agent's own computation from stored readings to a forecast. Beside it
stand TrendWeight's method on the same cleaned rows, and the main app's random six to twelve weeks.
Errors are counted over clients who do reach their goal and have readings enough to be told a date
(the share of those is a line of the table); "not within a year" counts as day 365. Exits non-zero
when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from agents.progress.analyse import Given, analyse
from agents.progress.goals import GoalGiven
from agents.progress.series import Reading
from tests.eval.simulate_weight import DAILY_CHANCES, HORIZON_DAYS, Client, clients

Floats = NDArray[np.float64]

FIRST_DAY = 20_000
"""Of every history, in days since 1970."""

SMOOTHING, SLOPE_POINTS = 0.1, 14
SHORT_DAYS = 56


@dataclass(frozen=True, slots=True)
class Answered:
    """One client's forecast. Days; 365 stands for "not within 365"."""

    client: Client
    p10: int
    p50: int
    p90: int
    p_reach: float
    status: str
    forecast: bool
    trend_weight: float
    random_weeks: float
    repaired: frozenset[int]
    cpu_seconds: float

    @property
    def truth(self) -> int:
        """The first noiseless crossing."""
        days = self.client.truth_days
        return HORIZON_DAYS if days is None else days

    @property
    def reaches(self) -> bool:
        """Whether the goal is reached within 365 days."""
        return self.client.truth_days is not None

    @property
    def covered(self) -> bool:
        """Whether the 80 % interval holds the truth."""
        return self.p10 <= self.truth <= self.p90


def given(client: Client) -> Given:
    """The client as the agent would read it from the main app's tables."""
    return Given(
        readings=[
            Reading("weight", FIRST_DAY + r.day, r.stored, r.stored, "portal", number)
            for number, r in enumerate(client.readings)
        ],
        goals=[
            GoalGiven(
                goal_id=1,
                category="weight_loss" if client.falling else "muscle_gain",
                title="My goal",
                target=client.target_kg,
                unit="kg",
            )
        ],
        today=FIRST_DAY + client.today,
        seed=client.seed,
    )


def answer(client: Client) -> Answered:
    """Ask the agent's computation, and the two others."""
    asked = given(client)
    began = time.thread_time()
    analysis = analyse(asked)
    spent = time.thread_time() - began
    item, series = analysis.forecasts[0], analysis.series["weight"]
    p10, p50, p90 = (HORIZON_DAYS if day is None else day for day in item.days)
    if item.p_reach is None:
        p10, p50, p90 = 0, HORIZON_DAYS, HORIZON_DAYS
    return Answered(
        client=client,
        p10=p10,
        p50=p50,
        p90=p90,
        p_reach=0.5 if item.p_reach is None else item.p_reach,
        status=item.status,
        forecast=item.p_reach is not None,
        trend_weight=trend_weight(series.days, series.values, asked.today, client),
        random_weeks=7.0 * Random(client.seed).randint(6, 12),
        repaired=frozenset(r.row_id for r in series.repairs if r.row_id is not None),
        cpu_seconds=spent,
    )


def trend_weight(days: Floats, values: Floats, today: int, client: Client) -> float:
    """The day of the goal as TrendWeight tells it.

    Days between are interpolated, smoothed with .1, and the slope through the last 14 smoothed
    days is followed for ever.
    """
    grid = np.arange(days[0], days[-1] + 1)
    daily = np.interp(grid, days, values)
    smooth = np.empty(len(daily))
    smooth[0] = daily[0]
    for index in range(1, len(daily)):
        smooth[index] = smooth[index - 1] + SMOOTHING * (daily[index] - smooth[index - 1])
    away = client.target_kg - smooth[-1]
    if (away >= 0) if client.falling else (away <= 0):
        return 0.0
    if len(smooth) < 2:
        return float(HORIZON_DAYS)
    slope = float(np.polyfit(grid[-SLOPE_POINTS:], smooth[-SLOPE_POINTS:], 1)[0])
    if slope * away <= 0:
        return float(HORIZON_DAYS)
    return float(np.clip(away / slope - (today - grid[-1]), 0, HORIZON_DAYS))


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of the table. low, high: the target; None leaves that side open."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None

    @property
    def met(self) -> bool:
        """Whether the value is inside its target."""
        above = self.low is None or self.value >= self.low
        return above and (self.high is None or self.value <= self.high)

    @property
    def target(self) -> str:
        """The target in words."""
        if self.low is None and self.high is None:
            return "-"
        if self.low is None:
            return f"<= {self.high:g}"
        return f">= {self.low:g}" if self.high is None else f"{self.low:g} to {self.high:g}"


def measure(answered: Sequence[Answered]) -> list[Metric]:
    """Every metric of the progress monitor with its target."""
    told = [item for item in answered if item.forecast]
    reachers = [item for item in told if item.reaches]
    mae = _error(reachers, lambda item: item.p50)
    baseline = _error(reachers, lambda item: item.trend_weight)
    short = [item for item in reachers if item.truth <= SHORT_DAYS]
    return [
        Metric("MAE of goal date, days", mae, high=90),
        Metric("MAE / TrendWeight's, same rows", mae / baseline, high=0.80),
        Metric("TrendWeight's MAE, days", baseline),
        Metric("random 6-12 weeks' MAE, days", _error(reachers, lambda i: i.random_weeks)),
        Metric("80 % coverage, all", _mean(item.covered for item in told), 0.77, 0.92),
        *(
            Metric(
                f"80 % coverage, {chance:g} a day",
                _mean(i.covered for i in told if i.client.daily_chance == chance),
                0.70,
                0.95,
            )
            for chance in DAILY_CHANCES
        ),
        Metric("MAE of goals <= 8 weeks, days", _error(short, lambda item: item.p50), high=35),
        Metric("Brier score of reaching", _brier(told), high=0.20),
        Metric("false `reached`", _false_reached(answered), high=0),
        Metric("answered with a forecast", _mean(item.forecast for item in answered)),
        *_repairs(answered),
        Metric(
            "CPU p95, ms",
            1000 * float(np.quantile([i.cpu_seconds for i in answered], 0.95)),
            high=25,
        ),
    ]


def _mean(values: object) -> float:
    listed = [float(value) for value in values]  # type: ignore[attr-defined]
    return sum(listed) / len(listed) if listed else float("nan")


def _error(answered: Sequence[Answered], told: Callable[[Answered], float]) -> float:
    return _mean(abs(told(item) - item.truth) for item in answered)


def _brier(answered: Sequence[Answered]) -> float:
    return _mean((item.p_reach - item.reaches) ** 2 for item in answered)


def _false_reached(answered: Sequence[Answered]) -> int:
    return sum(item.status == "reached" and item.truth > 0 for item in answered)


def _repairs(answered: Sequence[Answered]) -> list[Metric]:
    right = wrong = missed = 0
    for item in answered:
        pounds = {number for number, r in enumerate(item.client.readings) if r.pounds}
        right += len(pounds & item.repaired)
        wrong += len(item.repaired - pounds)
        missed += len(pounds - item.repaired)
    precision = right / (right + wrong) if right + wrong else 1.0
    recall = right / (right + missed) if right + missed else 1.0
    return [
        Metric("unit repair precision", precision, low=0.99),
        Metric("unit repair recall", recall, low=0.98),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.eval.progress", description=__doc__)
    parser.add_argument("--clients", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    people = clients(options.clients, options.seed)
    answer(people[0])  # numpy's first calls load code; that is nobody's CPU
    metrics = measure([answer(client) for client in people])
    if options.json:
        rows = [
            {"metric": m.name, "value": m.value, "target": m.target, "met": m.met} for m in metrics
        ]
        print(json.dumps(rows, indent=2))  # noqa: T201
    else:
        for m in metrics:
            mark = "" if m.target == "-" else ("ok" if m.met else "MISSED")
            print(f"{m.name:34} {m.value:8.3f}   {m.target:14} {mark}")  # noqa: T201
    return 0 if all(m.met for m in metrics) else 1


if __name__ == "__main__":
    sys.exit(main())
