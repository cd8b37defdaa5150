"""The answer's JSON, as strict models: every key of a progress result, its type and its unit.

The main app reads `prediction`, `estimated_weeks`, `confidence` and `source` at the top level. A
key `progress_analysis` or `progress_monitoring` must never appear: it would read that one alone.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from agents.answer import Part, Provenance
from agents.progress.analyse import Code, Status
from agents.progress.forecast import Status as GoalStatus

Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Days = Annotated[int, Field(ge=0, le=365)]


class DayRange(Part):
    """Days from `as_of`; null: not within 365."""

    p10: Days | None
    p50: Days | None
    p90: Days | None


class DateRange(Part):
    """ISO dates; null: not within 365 days."""

    p10: str | None
    p50: str | None
    p90: str | None


class TrendOut(Part):
    """Change per week in the goal's unit; lo and hi enclose 80 %. pct_bw_per_week: of a weight."""

    per_week: Number
    lo: Number
    hi: Number
    pct_bw_per_week: Number | None


class OwnUnit(Part):
    """The same numbers in the unit that the client's readings or goal were entered in."""

    unit: Literal["lbs", "in"]
    current: Number | None
    target: Number | None
    per_week: Number | None
    needed_rate_per_week: Number | None


class GoalOut(Part):
    """One goal. current: the believed level, or the last reading where no trend can be told.
    own_unit: None where that is `unit`; else sentences are told in it."""

    goal_id: int | None
    category: str
    metric: str | None
    unit: str | None
    current: Number | None
    target: Number | None
    direction: Literal["decrease", "increase"] | None
    status: GoalStatus
    days: DayRange
    goal_date: DateRange
    p_reach_365: Share | None
    p_reach_by_target_date: Share | None
    target_date: str | None
    needed_rate_per_week: Number | None
    trend: TrendOut | None
    own_unit: OwnUnit | None = None


class UnitRepair(Part):
    """A stored value and what it must have been. measurement_id: null for a request's reading."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    measurement_id: int | None
    from_: Number = Field(alias="from")
    to: Number


class Outlier(Part):
    """A value left out. measurement_id: null for a request's reading."""

    measurement_id: int | None
    date: str
    value: Number


class Quality(Part):
    """What one series rests on. n: days with a value after cleaning."""

    n: int = Field(ge=0)
    span_days: int = Field(ge=0)
    last_age_days: int | None
    outliers: list[Outlier]
    unit_repairs: list[UnitRepair]
    unit_uncertain: bool


class EventOut(Part):
    """Something that needs attention. since: ISO date."""

    code: Code
    since: str | None
    detail: str


class Adherence(Part):
    """The last eight weeks. rate: completed of those that ended either way; null without any.
    mean_difficulty: 1 to 10, as rated."""

    completed: int = Field(ge=0)
    no_show: int = Field(ge=0)
    cancelled: int = Field(ge=0)
    rate: Share | None
    logs_per_week: Number
    mean_difficulty: Number | None


class Advice(Part):
    """What to do next; `code` stays the same whoever words `text`."""

    code: str
    text: str = Field(min_length=1, max_length=300)


class ProgressReport(Part):
    """When goals are reached. prediction, estimated_weeks, confidence: of the first goal;
    estimated_weeks is null where a year will not do or nothing can be told, confidence 0 to 1.
    interval_pct: how many cases of a hundred lie between p10 and p90. chart_svg: a drawing.
    """

    status: Status
    source: Literal["ai_orchestrator"] = "ai_orchestrator"
    client_id: int
    as_of: str
    prediction: str = Field(min_length=1, max_length=400)
    estimated_weeks: int | None = Field(ge=0, le=53)
    confidence: Share
    interval_pct: Literal[80] = 80
    goals: list[GoalOut]
    series_quality: dict[str, Quality]
    events: list[EventOut]
    adherence: Adherence
    insights: list[str]
    recommendations: list[Advice]
    chart_svg: str | None
    data_warnings: list[str]
    provenance: Provenance
