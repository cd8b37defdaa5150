"""Moments and days that PostgreSQL keeps and Python has not: ``infinity``, years before 1 and
after 9999.

Somebody who edits a row by hand may mean "for ever", or mistype a year. Whoever reads the table
must not end over it: such a moment is read as the first or last that we reckon with.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from psycopg import DataError, adapters
from psycopg.abc import AdaptContext, Buffer
from psycopg.abc import Loader as AbstractLoader
from psycopg.adapt import Loader
from psycopg.pq import Format

FIRST, LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
"""Stand for moments before and behind every calendar, as in ``ai_guard_v1``: a day and more from
its ends, so that one may go on reckoning with them."""


def _within(usual: type[AbstractLoader], first: date, last: date) -> type[AbstractLoader]:
    """A loader that bears what ``usual`` refuses. Moments with an offset are given in UTC: on the
    last day of the calendar one of elsewhere could not be shown there."""
    in_utc = isinstance(first, datetime) and first.tzinfo is not None

    class Within(Loader):
        def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
            super().__init__(oid, context)
            self._usual = usual(oid, context)

        def load(self, data: Buffer) -> Any:
            try:
                found = self._usual.load(data)
                return found.astimezone(UTC) if in_utc else found
            except (DataError, OverflowError):
                text = bytes(data)
                early = text.startswith((b"-", b"0001-")) or text.endswith(b"BC")
                return first if early else last

    return Within


def bear_every_moment() -> None:
    """For every connection of this process that is opened from now on."""
    for name, first, last in (
        ("timestamptz", FIRST, LAST),
        ("timestamp", FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None)),
        ("date", FIRST.date(), LAST.date()),
    ):
        usual = adapters.get_loader(adapters.types[name].oid, Format.TEXT)
        assert usual is not None, name
        adapters.register_loader(name, _within(usual, first, last))
