"""Reads single values of a request: what is wrong with one is said with the value and the cure.

Each function folds "not given" (null, an empty text, list or object) to None and raises ValueError
with a sentence for people, which the request's error then repeats behind the field's name.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import BeforeValidator, Field

from agents.given import shown
from agents.moments import moment

MAX_TEXT = 4000
LARGEST_ID = 2**63 - 1
DAY_MINUTES = 24 * 60

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = re.compile(r"([0-9]{1,2})(?::([0-9]{2})(?::00)?)?")


def missing(value: Any) -> bool:
    """Whether nothing was said."""
    return value is None or (isinstance(value, str | list | tuple | dict) and not value)


def whole(low: int, high: int) -> Callable[[Any], int | None]:
    """A whole number; digits as text are fine."""

    def check(value: Any) -> int | None:
        if missing(value):
            return None
        number = value
        if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,20}\s*", value):
            number = int(value)
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        fits = isinstance(number, int) and not isinstance(number, bool) and low <= number <= high
        if not fits:
            wanted = f"from {low} up" if high == LARGEST_ID else f"from {low} to {high}"
            raise ValueError(f"{shown(value)} given; expected a whole number {wanted}")
        return int(number)

    return check


def ranged(low: int, high: int) -> BeforeValidator:
    """:func:`whole`, with its bounds in the schema."""
    bounds = Annotated[int | None, Field(ge=low, le=high)]
    return BeforeValidator(whole(low, high), json_schema_input_type=bounds)


def word(*allowed: str) -> Callable[[Any], str | None]:
    """One of a few words."""

    def check(value: Any) -> str | None:
        if missing(value):
            return None
        folded = value.strip().lower() if isinstance(value, str) else None
        if folded not in allowed:
            raise ValueError(f"{shown(value)} given; expected one of {', '.join(allowed)}")
        return folded

    return check


def text(value: Any) -> str | None:
    """A text of at most 4,000 characters."""
    if missing(value):
        return None
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} given; expected a text")
    if len(value) > MAX_TEXT:
        raise ValueError(f"a text of {len(value)} characters given; expected at most {MAX_TEXT}")
    return value.strip() or None


def texts(value: Any) -> tuple[str, ...] | None:
    """A text or a list of texts; empty entries go."""
    if missing(value):
        return None
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(found for item in items if (found := text(item)) is not None) or None


def start(value: Any) -> dt.datetime | None:
    """An ISO date with a time."""
    found = moment(value)
    if isinstance(value, str) and len(value.strip()) <= len("2026-03-01"):
        raise ValueError(f"{shown(value)} given; expected a time such as 2026-03-01T18:00:00")
    return found


def day(value: Any) -> dt.date | None:
    """An ISO date; of a moment, its day."""
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time())
    found = moment(value)
    return found.date() if found else None


def days(value: Any) -> tuple[dt.date, ...] | None:
    """A list of ISO dates, or one."""
    if missing(value):
        return None
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(sorted({found for item in items if (found := day(item)) is not None})) or None


def zone(value: Any) -> str | None:
    """An IANA name of a time zone."""
    if missing(value):
        return None
    if not isinstance(value, str) or value.strip() not in available_timezones():
        raise ValueError(f"{shown(value)} given; expected an IANA name such as Europe/Berlin")
    return value.strip()


def weekday(value: Any) -> int | None:
    """1 (Monday) to 7, or an English name. 0 is refused: callers disagree on what it means."""
    if missing(value):
        return None
    name = value.strip().lower()[:3] if isinstance(value, str) else ""
    if name in _WEEKDAYS:
        return _WEEKDAYS.index(name) + 1
    try:
        return whole(1, 7)(value)
    except ValueError:
        raise ValueError(
            f"{shown(value)} given; expected 1 (Monday) to 7 (Sunday) or a name such as Mon"
        ) from None


def minute_of_day(value: Any) -> int | None:
    """Minutes after midnight from ``18:00`` or ``18``; ``24:00`` is the day's end."""
    if missing(value) or value is False:
        return None
    if isinstance(value, dt.time):
        return value.hour * 60 + value.minute
    match = _TIME.fullmatch(str(value).strip()) if not isinstance(value, bool | float) else None
    minutes = int(match[1]) * 60 + int(match[2] or 0) if match else -1
    if match is None or int(match[2] or 0) > 59 or not 0 <= minutes <= DAY_MINUTES:
        raise ValueError(f"{shown(value)} given; expected a time of day such as 18:00")
    return minutes
