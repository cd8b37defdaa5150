"""What a caller gave, for error messages: in JSON's words, since few callers speak Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

LONGEST_SHOWN = 60


def shown(value: Any) -> str:
    """The value, cut short: a text in quotes, anything else as JSON."""
    text = (
        repr(value)
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, default=str)
    )
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def kind(value: Any) -> str:
    """JSON's name for what sort of value it is, with its article."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case Mapping():
            return "an object"
    return "an array"
