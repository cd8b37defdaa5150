"""JSON that PostgreSQL stores and Python reads, whatever an agent, a model or a client put in it.

``jsonb`` refuses NUL characters, lone surrogates, NaN and infinities; a result that holds one must
be stored clean rather than fail. The other way round ``jsonb`` keeps numbers of 100,000 digits,
where Python refuses to make an int of more than 4,300, and thousands of levels of brackets, where
Python gives up below a thousand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from daemon.model import Json

MOST_DEEP = 100
"""Levels of brackets that an input may have: whatever walks through it stays far from its end."""
TOO_DEEP: Json = object()
"""Stands for an input of more levels, see :func:`loads_input`."""


def dumps(value: Json) -> str:
    """``value`` as JSON text that jsonb takes.

    NUL and lone surrogates are removed, NaN and infinities become null, and what is no JSON at all
    (a date, a Decimal) becomes its text.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
        text.encode("utf-8")
    except ValueError:  # NaN, an infinity, or a lone surrogate
        return _dump_clean(value)
    # An escaped backslash before u0000 is harmless, but rare enough to take the slow way too.
    return _dump_clean(value) if "\\u0000" in text else text


def loads(text: str) -> Json:
    """JSON text as Python; an integer too long for ``int`` becomes a float, at worst infinite."""
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(text, parse_int=_int_or_float)


def loads_input(text: str) -> Json:
    """Like :func:`loads`, but ``TOO_DEEP`` for more levels than anything here walks through."""
    try:
        value = loads(text)
    except RecursionError:
        return TOO_DEEP
    # Far quicker than to walk, and nearly always enough.
    if text.count("[") + text.count("{") <= MOST_DEEP:
        return value
    return value if is_shallow(value) else TOO_DEEP


def loads_stored(text: str | bytes) -> Json:
    """Like :func:`loads`, for any column: words instead of what Python cannot walk through."""
    try:
        return loads(text if isinstance(text, str) else text.decode())
    except RecursionError:
        return "(nested too deeply to be read)"


def is_shallow(value: Json, most: int = MOST_DEEP) -> bool:
    """Whether a value has at most so many levels of objects and arrays."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(most):
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return True
    return not level


def _dump_clean(value: Json) -> str:
    return json.dumps(_clean(value), ensure_ascii=False, allow_nan=False, default=_clean_str)


def _clean(value: Any) -> Any:
    match value:
        case str():
            return _clean_str(value)
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {_clean_str(key): _clean(item) for key, item in value.items()}
        case list() | tuple():
            return [_clean(item) for item in value]
        case _:
            return value


def _clean_str(value: Any) -> str:
    return str(value).replace("\0", "").encode("utf-8", "ignore").decode("utf-8")


def _int_or_float(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        return float(digits)
