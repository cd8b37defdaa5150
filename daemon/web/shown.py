"""What the database holds as pages and answers can carry it, whatever somebody put into it.

``jsonb`` keeps numbers of 100,000 digits and thousands of levels of brackets; a moment may be
``infinity``, as in the run_after of what is held back for good. Neither may cost more than its own
place: a list of fifty requests is shown although one of them is like that.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncCursor, DataError
from psycopg.abc import Buffer
from psycopg.types.datetime import TimestamptzLoader
from psycopg.types.json import set_json_loads

from daemon.store.safe_json import is_shallow

Json = Any
MOST_DIGITS = 4300
"""Python makes no longer int of a text."""
TOO_DEEP = "(nested too deeply to be shown)"
FIRST, LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
"""Stand for moments before and behind every calendar, as in ``ai_guard_v1``."""


def loads(text: str | bytes) -> Json:
    """The value; ``TOO_DEEP`` for one of too many levels, words for a number beyond all bounds."""
    try:
        value = json.loads(text, parse_int=_int, parse_float=_float)
    except RecursionError:
        return TOO_DEEP
    return value if is_shallow(value) else TOO_DEEP


def reading(cursor: AsyncCursor[Any]) -> None:
    """Have a cursor read JSON and moments like that."""
    set_json_loads(loads, cursor)
    cursor.adapters.register_loader("timestamptz", Moments)


class Moments(TimestamptzLoader):
    """Moments that Python has, on the server's clock and in UTC; FIRST or LAST for others."""

    def load(self, data: Buffer) -> datetime:
        try:
            return super().load(data).astimezone(UTC)
        except (DataError, OverflowError):
            text = bytes(data)
            early = text.startswith((b"-", b"0001-")) or text.endswith(b"BC")
            return FIRST if early else LAST


def _int(digits: str) -> int | str:
    if len(digits) > MOST_DIGITS:
        return f"(a number of {len(digits.lstrip('-')):,} digits)"
    return int(digits)


def _float(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else f"(a number of {len(digits.lstrip('-')):,} digits)"
