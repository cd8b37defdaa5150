"""How earlier proposals were received, as a lean towards or away from a time like them.

What was found helpful speaks for times of the same weekday and part of the day, what was not
helpful against them. Older words count less, and the sum is shrunk towards nothing, so that one
thumb moves a slot by little and many by no more than a wish that is typed. The lean takes part in
the ranking alone: the chance that is shown stays what attendance says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from agents.scheduling.attendance import part_of

HALF_LIFE_DAYS = 120.0
SHRINK = 2.0
_WORTH = {"helpful": 1.0, "not_helpful": -1.0, "incorrect": -1.0}
_SAME_PART, _SAME_WEEKDAY = 0.6, 0.4


@dataclass(frozen=True, slots=True)
class Echo:
    """One person's word on a proposed time. start: of the proposal, wall time. age_days >= 0."""

    verdict: str
    start: datetime
    age_days: float


def lean(echoes: Iterable[Echo], start: datetime) -> float:
    """-1 to 1, both excluded: how the client receives times like `start`; 0 without a word."""
    total: float = sum(
        _WORTH.get(echo.verdict, 0.0)
        * 0.5 ** (echo.age_days / HALF_LIFE_DAYS)
        * _likeness(echo.start, start)
        for echo in echoes
    )
    return round(total / (abs(total) + SHRINK), 4)


def _likeness(one: datetime, other: datetime) -> float:
    same_part = part_of(one.hour) == part_of(other.hour)
    same_weekday = one.isoweekday() == other.isoweekday()
    return _SAME_PART * same_part + _SAME_WEEKDAY * same_weekday
