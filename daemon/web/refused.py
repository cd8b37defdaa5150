"""Why something is not done, as every caller is told: status, code, what is wrong, what helps."""

from __future__ import annotations

from collections.abc import Mapping


class Refused(Exception):
    """Turned into ``{"error", "code", "hint"}`` with ``status`` by the API, into a page by the
    console.

    message: names the field and the value where they are known, never a secret. details: further
    members of the answer, such as both versions of a conflict.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        hint: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.headers = dict(headers or {})
        self.details = dict(details or {})


def not_found(what: str, hint: str = "") -> Refused:
    """There is no such thing: 404."""
    return Refused(404, "not_found", f"there is no {what}", hint)


def invalid(field: str, message: str, hint: str = "") -> Refused:
    """A field's value cannot be used: 400."""
    return Refused(400, "invalid_value", f"{field}: {message}", hint)


def conflict(message: str, hint: str = "", **details: object) -> Refused:
    """Somebody else was faster, or the thing is in no state for this: 409."""
    return Refused(409, "conflict", message, hint, details=details)
