"""What a progress request may say, and what an operator may set.

The main app sends ``current_metrics`` (mostly empty) and ``goal_metrics`` as
``{category: target}`` without a unit. "Not given" (null, an empty text, list or object) is folded
to None and means: read the tables.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from agents import moments
from agents.base import AgentConfig, AgentInput
from agents.given import kind, shown

MOST_POINTS, MOST_METRICS, LONGEST_NAME = 2000, 40, 60
_NOTHING: tuple[Any, ...] = (None, "", [], {})


def _id(required: bool) -> Callable[[Any], Any]:
    def check(value: Any) -> int | None:
        number = value
        if isinstance(value, str) and re.fullmatch(r"\s*\d{1,20}\s*", value):
            number = int(value)
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        if not required and value in _NOTHING:
            return None
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number < 2**63:
            raise ValueError(
                f"{shown(value)} given; expected an id, a whole number from 1 up to {2**63 - 1}"
            )
        return number

    return check


def _number(value: Any) -> float | None:
    """A finite number, also as text; None if it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value.strip().replace(",", "."))
        except ValueError:
            return None
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _day(value: Any) -> dt.date | None:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    if isinstance(value, str):
        try:
            return dt.datetime.fromisoformat(value.strip()).date()
        except ValueError:
            return None
    return None


class Amount(BaseModel):
    """A number and, where it was said, its unit and the day it is wanted for."""

    model_config = ConfigDict(extra="ignore")

    value: float
    unit: str | None = None
    target_date: dt.date | None = None


class Point(BaseModel):
    """One reading in a request. reps: makes a load a one-repetition maximum."""

    model_config = ConfigDict(extra="ignore")

    date: dt.date
    metric: str
    value: float
    unit: str | None = None
    reps: int | None = None


def _amounts(value: Any) -> dict[str, Amount] | None:
    if value in _NOTHING:
        return None
    if not isinstance(value, Mapping):
        raise ValueError(f'{kind(value)} given; expected an object such as {{"weight": 82.5}}')
    if len(value) > MOST_METRICS:
        raise ValueError(f"{len(value)} metrics given; expected at most {MOST_METRICS}")
    found: dict[str, Amount] = {}
    for name, item in value.items():
        if item in _NOTHING:
            continue
        given = item if isinstance(item, Mapping) else {"value": item}
        size = next((given[k] for k in ("value", "target", "target_value") if k in given), None)
        number = _number(size)
        if number is None:
            raise ValueError(
                f"{_name(name)} is {kind(size)} that cannot be read as a size; expected a number "
                'or {"value": 82.5, "unit": "kg"}'
            )
        when = given.get("target_date", given.get("date"))
        found[_name(name)] = Amount(
            value=number, unit=_unit_text(given.get("unit")), target_date=_day(when)
        )
    return found or None


def _name(value: Any) -> str:
    return str(value).strip()[:LONGEST_NAME]


def _unit_text(value: Any) -> str | None:
    return value.strip()[:20] if isinstance(value, str) and value.strip() else None


def _points(value: Any) -> tuple[Point, ...] | None:
    if value in _NOTHING:
        return None
    if not isinstance(value, list | tuple):
        raise ValueError(
            f"{kind(value)} given; expected a list of "
            '{"date": "2026-03-01", "metric": "weight", "value": 82.5, "unit": "kg"}'
        )
    if len(value) > MOST_POINTS:
        raise ValueError(f"{len(value)} points given; expected at most {MOST_POINTS}")
    return tuple(_point(index, item) for index, item in enumerate(value)) or None


def _point(index: int, item: Any) -> Point:
    if isinstance(item, Point):
        return item
    if not isinstance(item, Mapping):
        raise ValueError(f"point {index} is {kind(item)}; expected an object")
    day, number = _day(item.get("date")), _number(item.get("value"))
    if day is None:
        raise ValueError(f"point {index}: date is no ISO date such as 2026-03-01")
    if number is None:
        raise ValueError(f"point {index}: value is no number")
    metric = item.get("metric")
    if not isinstance(metric, str) or not metric.strip():
        raise ValueError(f"point {index}: metric is missing; expected a name such as weight")
    reps = _number(item.get("reps"))
    return Point(
        date=day,
        metric=_name(metric),
        value=number,
        unit=_unit_text(item.get("unit")),
        reps=None if reps is None else int(reps),
    )


def _units(value: Any) -> dict[str, str] | None:
    """By metric; one word for all stands under "*"."""
    if value in _NOTHING:
        return None
    if isinstance(value, str):
        return {"*": value.strip()[:20]}
    if not isinstance(value, Mapping):
        raise ValueError(f'{kind(value)} given; expected "lbs" or {{"weight": "lbs"}}')
    return {_name(k): v.strip()[:20] for k, v in value.items() if isinstance(v, str)} or None


def _period(value: Any) -> str | int | None:
    if value in _NOTHING:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f'{kind(value)} given; expected days or a text like "3 months"')
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number beyond all bounds given; expected days")
    return int(value) if isinstance(value, int | float) else value.strip()[:40]


def _zone(value: Any) -> str | None:
    if value in _NOTHING:
        return None
    if not isinstance(value, str) or value.strip() not in available_timezones():
        raise ValueError(f"{shown(value)} given; expected an IANA name such as Europe/Berlin")
    return value.strip()


def _narrative(value: Any) -> Any:
    if value in _NOTHING:
        return None
    return value.strip().lower() if isinstance(value, str) else value


Amounts = Annotated[
    dict[str, Amount] | None,
    BeforeValidator(_amounts, json_schema_input_type=dict[str, float | Amount] | None),
]


class ProgressRequest(AgentInput):
    """What a caller may say; null everywhere means: not given, look at the tables.

    current_metrics: today's readings by metric. goal_metrics: targets by metric or by the main
    app's category. historical_data: replaces the tables for each metric in it. units: for numbers
    of this request that name none. time_period: how far back to look.
    """

    client_id: Annotated[int, BeforeValidator(_id(required=True))]
    current_metrics: Amounts = None
    goal_metrics: Amounts = None
    historical_data: Annotated[tuple[Point, ...] | None, BeforeValidator(_points)] = Field(
        default=None, validation_alias=AliasChoices("historical_data", "history")
    )
    units: Annotated[
        dict[str, str] | None,
        BeforeValidator(_units, json_schema_input_type=dict[str, str] | str | None),
    ] = None
    time_period: Annotated[str | int | None, BeforeValidator(_period)] = None
    trainer_id: Annotated[int | None, BeforeValidator(_id(required=False))] = None
    as_of: Annotated[dt.datetime | None, BeforeValidator(moments.moment)] = None
    timezone: Annotated[str | None, BeforeValidator(_zone)] = None
    narrative: Annotated[Literal["auto", "off"] | None, BeforeValidator(_narrative)] = None

    def moment(self, now: dt.datetime, zone: str) -> dt.datetime:
        """The instant at which the tables are read; later rows do not exist."""
        if self.as_of is None:
            return now
        if self.as_of.tzinfo is not None:
            return self.as_of
        return self.as_of.replace(tzinfo=self.zone(zone))

    def zone(self, default: str) -> ZoneInfo:
        """The zone whose calendar decides dates."""
        return ZoneInfo(self.timezone or default)


class ProgressConfig(AgentConfig):
    """Lasting settings in ``ai_agents.config``; the console's form shows the descriptions."""

    words: bool = Field(True, description="Ask the model to word the insights.")
    max_output_tokens: int = Field(
        default=800, ge=200, le=4000, description="Most that the model may write in one answer."
    )
    client_portal_unit: Literal["kg", "lbs"] | None = Field(
        None,
        description="The unit that the client's own page shows, beside which the main app writes"
        " kg. Empty follows CLIENT_PORTAL_UNIT.",
    )
