"""What the database holds as pages and answers can carry it, whatever somebody put into it.

``jsonb`` keeps numbers of 100,000 digits and thousands of levels of brackets; a moment may be
``infinity``, as in the run_after of what is held back for good. Neither may cost more than its own
place: a list of fifty requests is shown although one of them is like that.
"""

from __future__ import annotations

import json
import math
from typing import Any

from psycopg import AsyncCursor
from psycopg.types.json import set_json_loads

from daemon.store.safe_json import is_shallow

Json = Any
MOST_DIGITS = 4300
"""Python makes no longer int of a text."""
TOO_DEEP = "(nested too deeply to be shown)"


def loads(text: str | bytes) -> Json:
    """The value; ``TOO_DEEP`` for one of too many levels, words for a number beyond all bounds."""
    try:
        value = json.loads(text, parse_int=_int, parse_float=_float)
    except RecursionError:
        return TOO_DEEP
    return value if is_shallow(value) else TOO_DEEP


def reading(cursor: AsyncCursor[Any]) -> None:
    """Have a cursor read JSON like that; moments are borne by each (``daemon.store.moments``)."""
    set_json_loads(loads, cursor)


def _int(digits: str) -> int | str:
    if len(digits) > MOST_DIGITS:
        return f"(a number of {len(digits.lstrip('-')):,} digits)"
    return int(digits)


def _float(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else f"(a number of {len(digits.lstrip('-')):,} digits)"
