"""Reads moments that a request gives, for every agent in the same way."""

from __future__ import annotations

import datetime as dt
from typing import Any

from agents.given import shown

FIRST_YEAR, LAST_YEAR = 1970, 2200


def moment(value: Any) -> dt.datetime | None:
    """An ISO moment; a date alone means its end, so that the rows of that day exist.

    None, an empty text, list or object is None. Raises ValueError, in words that follow the
    field's name, for what is no moment, and for years that overflow the arithmetic of dates and
    zones, which nobody means.
    """
    if value is None or value in ("", [], {}, ()):
        return None
    if isinstance(value, dt.datetime):
        return _plausible(value, value)
    said = value.strip() if isinstance(value, str) else ""
    try:
        found = dt.datetime.fromisoformat(said)
    except ValueError:
        raise ValueError(
            f"{shown(value)} given; expected an ISO date or time such as 2026-03-01T18:00:00"
        ) from None
    if len(said) <= len("2026-03-01"):
        found = dt.datetime.combine(found, dt.time(23, 59, 59))
    return _plausible(found, value)


def _plausible(found: dt.datetime, value: Any) -> dt.datetime:
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError(f"{shown(value)} given; expected a year from {FIRST_YEAR} to {LAST_YEAR}")
    return found
