"""How text from the database comes to a terminal: clients, agents and models wrote it."""

from __future__ import annotations

import argparse
import json
import math
import re
from typing import Any

_STEERING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
"""What moves the cursor, sets colours, or makes text look like other text."""


def plain(text: object) -> str:
    """``text`` in one line; what would steer the terminal is shown as JSON would escape it."""
    return _STEERING.sub(lambda found: json.dumps(found[0])[1:-1], str(text))


def plain_json(value: Any, *, indent: int | None = None) -> str:
    """``value`` as JSON for people and programs, with nothing in it that steers a terminal."""
    lines = json.dumps(value, ensure_ascii=False, indent=indent).split("\n")
    return "\n".join(map(plain, lines))


def seconds_from(text: str) -> float:
    """A time to wait, for argparse: a number from 0 on."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 on")
    return value
