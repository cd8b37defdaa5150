"""Takes e-mail addresses and telephone numbers out of what is about to be sent to a provider.

Agents send ids, numbers and words of closed lists. Where one has to send a text that a person
typed, nobody needs to know how to reach somebody: these go, whatever the agent thought of. Keys,
ids, dates and rows of weights stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Json = Any
EMAIL, PHONE = "[e-mail]", "[phone]"

_EMAIL = re.compile(r"[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
# Either as it is written for dialling, or nine digits and more in one go, or 555-123-4567.
_PHONE = re.compile(
    r"""(?<![\w.,])(?:
        (?:\+|00|\(0?|0)\d(?:[\s()./-]{0,3}\d){6,14}
      | \d{9,15}
      | \(?\d{3}\)?[\s.-]\d{3}[.-]\d{4}
      | \d{3}-\d{4}
    )(?![\w-])""",
    re.VERBOSE,
)
_DATE = re.compile(r"\d{2}[./-]\d{2}[./-]\d{2,4}")


def redact(data: Json) -> Json:
    """``data`` without anybody's address or number; a copy where something was found."""
    match data:
        case str():
            return _text(data)
        case Mapping():
            return {key: redact(value) for key, value in data.items()}
        case list() | tuple():
            return [redact(value) for value in data]
        case _:
            return data


def _text(text: str) -> str:
    if "@" in text:
        text = _EMAIL.sub(EMAIL, text)
    if text.isdigit():  # an id, unless it begins as a number does that is dialled abroad
        return PHONE if text.startswith("00") and len(text) > 9 else text
    return _PHONE.sub(_number, text)


def _number(found: re.Match[str]) -> str:
    return found[0] if _DATE.fullmatch(found[0]) else PHONE
