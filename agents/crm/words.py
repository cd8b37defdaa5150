"""From what the main app stores to what an agent can rely on: words, numbers, texts.

The app checks nothing: statuses come in several spellings, defaults live in its ORM (so rows made
by others hold NULL), and a number column can hold NaN.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from functools import lru_cache
from types import NoneType
from typing import Any

from agents.crm.tables import Kind

_FOLDED = str.maketrans("", "", "-_ \t\n\r\u00a0")

_SPELLINGS: dict[str, str] = {
    "noshow": "no_show",
    "onhold": "on_hold",
    "canceled": "cancelled",
    "complete": "completed",
    "done": "completed",
}


@lru_cache(maxsize=128)
def fold(word: str | None, default: str) -> str:
    """A status word without case, spaces, hyphens and underscores: ``No Show`` -> ``no_show``.

    default: what the app's ORM would have stored; stands for NULL and for blank. A word nobody
    knows stays as it is, folded.
    """
    folded = (word or "").translate(_FOLDED).casefold()
    return _SPELLINGS.get(folded, folded) if folded else default


def coerce(kind: Kind, value: Any, text_limit: int) -> tuple[Any, str | None]:
    """The value as `kind` promises it, and the code of a warning if something was lost.

    Numbers that are NaN or infinite, and integers with a fraction, become None (`not_a_number`);
    texts are cut to `text_limit` (`text_cut`); unreadable json becomes None (`not_json`).
    """
    if value is None:
        return None, None
    match kind:
        case "i":
            number = float(value)
            return (int(number), None) if number.is_integer() else (None, "not_a_number")
        case "f":
            number = float(value)
            return (number, None) if math.isfinite(number) else (None, "not_a_number")
        case "t":
            return (value[:text_limit], "text_cut") if len(value) > text_limit else (value, None)
        case "j":
            return _loaded(value)
        case "ts":
            return _naive(value), None
        case "d":
            return (value.date() if isinstance(value, datetime) else value), None
        case "b":
            return bool(value), None


def coerced(
    kind: Kind, values: Sequence[Any], text_limit: int
) -> tuple[Sequence[Any], tuple[str, ...]]:
    """`coerce` for a column: the values, and the codes of what was lost, each once."""
    if _as_promised(kind, values, text_limit):
        return values, ()
    pairs = [coerce(kind, value, text_limit) for value in values]
    lost = dict.fromkeys(code for _, code in pairs if code is not None)
    return [value for value, _ in pairs], tuple(lost)


def _as_promised(kind: Kind, values: Sequence[Any], text_limit: int) -> bool:
    """Whether `coerce` would change nothing, for kinds of which very many rows are read."""
    types = set(map(type, values)) - {NoneType}
    match kind:
        case "i":
            return types <= {int}
        case "t":
            return types <= {str} and all(len(text) <= text_limit for text in values if text)
        case "ts":
            return types <= {datetime} and all(at.tzinfo is None for at in values if at)
        case _:
            return not types


def _loaded(text: str) -> tuple[Any, str | None]:
    try:
        return json.loads(text), None
    except (ValueError, RecursionError):  # the latter: brackets in brackets, a thousand deep
        return None, "not_json"


def _naive(value: date | datetime) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time.min)
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
