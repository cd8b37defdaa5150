"""What a role may not see: e-mail addresses, telephone numbers, what people say of their health.

By the names of fields, since input and results are JSON that agents and clients make: viewers see
``hidden`` in their place, and so does everybody until somebody with the right to asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HIDDEN = "hidden"
MARKS = (
    "email",
    "e_mail",
    "phone",
    "medical",
    "condition",
    "injur",
    "pregnan",
    "medication",
    "clearance",
    "screening",
    "notes",
    "blood_pressure",
    "heart_rate",
    "password",
    "secret",
    "token",
)


def is_private(name: str) -> bool:
    lowered = name.lower()
    return any(mark in lowered for mark in MARKS) and not lowered.endswith("_tokens")


def redact(value: Any, role: str) -> Any:
    """The value as a role may see it. A copy; operators and admins see input as it is."""
    return value if role != "viewer" else hide(value)


def hide(value: Any) -> Any:
    """The value with every private field's content hidden, at any depth."""
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if is_private(str(key)) and item not in (None, "", [], {}) else hide(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [hide(item) for item in value]
    return value
