"""What a person types into the search field: ``1234``, or ``task:scheduling client:17``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

STATUSES = ("pending", "running", "waiting", "completed", "failed", "cancelled", "expired")
ENDED = ("completed", "failed", "cancelled", "expired")
LONGEST = 200

_WORD = re.compile(r"(\w+):(\S+)")
_NAMES = {
    "task": "task_type",
    "task_type": "task_type",
    "agent": "task_type",
    "status": "status",
    "client": "client",
    "client_id": "client",
    "error": "code",
    "code": "code",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of requests is narrowed to; None: not at all. unknown: words not understood."""

    status: str | None = None
    task_type: str | None = None
    client: str | None = None
    code: str | None = None
    request_id: int | None = None
    unknown: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The filter as a person would type it, without the status, which has its tabs."""
        parts = {"task": self.task_type, "client": self.client, "error": self.code}
        return " ".join(f"{name}:{value}" for name, value in parts.items() if value)

    @property
    def parameters(self) -> dict[str, str]:
        """The filter as parameters of a link."""
        named = {
            "status": self.status,
            "task_type": self.task_type,
            "client": self.client,
            "code": self.code,
        }
        return {name: value for name, value in named.items() if value}


def parse(text: str) -> Filter:
    """Read the search field. A bare number is a request's id."""
    text = text.strip()[:LONGEST]
    if text.lstrip("#").isdecimal():
        return Filter(request_id=min(int(text.lstrip("#")), 2**63 - 1))
    found: dict[str, str] = {}
    unknown: list[str] = []
    for word in text.split():
        match = _WORD.fullmatch(word)
        if match is not None and match[1].lower() in _NAMES:
            found[_NAMES[match[1].lower()]] = match[2]
        elif word.lower() in STATUSES:
            found["status"] = word.lower()
        else:
            unknown.append(word)
    if found.get("status") not in {None, *STATUSES}:
        unknown.append(f"status:{found.pop('status')}")
    return Filter(**found, unknown=tuple(unknown))  # type: ignore[arg-type]


def from_query(query: Mapping[str, str]) -> Filter:
    """The filter of a link; what stands in ``q`` goes before the single parameters."""
    typed = parse(query.get("q", ""))
    plain = {
        name: value[:LONGEST].replace("\0", "")
        for name in ("status", "task_type", "client", "code")
        if (value := query.get(name, "").strip())
    }
    if plain.get("status") not in {None, *STATUSES}:
        plain.pop("status")
    return replace(
        typed,
        status=typed.status or plain.get("status"),
        task_type=typed.task_type or plain.get("task_type"),
        client=typed.client or plain.get("client"),
        code=typed.code or plain.get("code"),
    )
