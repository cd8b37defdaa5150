"""The half-built gym that the generators share: rows so far, the truth so far, dice and clocks."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from daemon.demo.gym.truth import GymTruth

SECRET = "gym-secret-that-no-reader-may-fetch"  # noqa: S105 - a marker, no password
"""Stands in every column that must never be read, so that a test can look for it."""


@dataclass(frozen=True, slots=True)
class Options:
    """How large the gym is and how nasty.

    days: length of the history. stock_exercises_only: the library is the app's 20 rows.
    hostile: three more clients whose texts and names hold instructions, markup and 10,000 letters,
    with NaN and infinity in numbers and dates. older_ai: the older AI service's five tables, with
    odd rows.
    """

    days: int = 365
    time_zone: str = "Europe/Berlin"
    stock_exercises_only: bool = False
    hostile: bool = False
    older_ai: bool = False


@dataclass(slots=True)
class Building:
    """Rows by table and the truth about them; all generators add to it."""

    truth: GymTruth
    options: Options
    tables: defaultdict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    taken: set[tuple[int, datetime]] = field(default_factory=set)
    """(trainer, wall time) of hours already booked."""
    complaints: dict[int, str] = field(default_factory=dict)
    """By client id, what is to be said in the note of the last session."""

    def add(self, table: str, **row: Any) -> int:
        """Append a row; returns its id, counted from 1 in each table."""
        rows = self.tables[table]
        rows.append({"id": len(rows) + 1, **row})
        return len(rows)

    def dice(self, *what: object) -> random.Random:
        """A generator for one purpose, so that an option changes only what it is about."""
        return random.Random(f"{self.truth.seed}:{':'.join(map(str, what))}")

    @property
    def utc_now(self) -> datetime:
        """`as_of` as the app's server stamps it: UTC, without a zone."""
        return self.truth.as_of.astimezone(UTC).replace(tzinfo=None)

    @property
    def wall_now(self) -> datetime:
        """`as_of` on the gym's clock, without a zone."""
        return self.truth.as_of.astimezone(self.zone).replace(tzinfo=None)

    @property
    def zone(self) -> ZoneInfo:
        """The gym's time zone."""
        return ZoneInfo(self.options.time_zone)

    @property
    def today(self) -> date:
        """The gym's date."""
        return self.wall_now.date()

    @property
    def first_day(self) -> date:
        """The first day of the history."""
        return self.today - timedelta(days=self.options.days)

    def to_utc(self, wall: datetime) -> datetime:
        """Wall time as the admin calendar would store it: UTC, without a zone."""
        return wall.replace(tzinfo=self.zone).astimezone(UTC).replace(tzinfo=None)
