"""The hours that a trainer really works, from a year of sessions, where nobody said them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from agents.scheduling.slots import Window

ENOUGH_SESSIONS = 20
ENOUGH_FOR_WEEKDAYS = 40
_LOW, _HIGH = 0.05, 0.95
_SLACK_MINUTES = 60


def narrowed(
    windows: tuple[Window, ...], worked: Sequence[tuple[datetime, datetime]]
) -> tuple[Window, ...]:
    """`windows` cut to the usual hours of `worked`, (start, end) pairs, an hour of slack around.

    From 20 sessions on the hours are cut, from 40 on also the weekdays never worked. Nothing is
    cut if nothing would be left.
    """
    if len(worked) < ENOUGH_SESSIONS:
        return windows
    starts = sorted(start.hour * 60 for start, _ in worked)
    ends = sorted(_full_hour(start, end) for start, end in worked)
    first = starts[int(_LOW * (len(starts) - 1))] - _SLACK_MINUTES
    last = ends[-1 - int((1 - _HIGH) * (len(ends) - 1))] + _SLACK_MINUTES
    weekdays = Counter(start.isoweekday() for start, _ in worked)
    kept = tuple(
        Window(max(w.start, first), min(w.end, last), w.weekday, w.on)
        for w in windows
        if max(w.start, first) < min(w.end, last)
        and (len(worked) < ENOUGH_FOR_WEEKDAYS or w.weekday is None or weekdays[w.weekday])
    )
    return kept or windows


def _full_hour(start: datetime, end: datetime) -> int:
    """Minutes after the start's midnight at which the session has ended, a full hour."""
    minutes = start.hour * 60 + start.minute + (end - start).total_seconds() / 60
    return int(-(-minutes // 60) * 60)
