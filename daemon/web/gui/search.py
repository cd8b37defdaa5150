"""What a person types into the search field: ``1234``, or ``task:scheduling client:17``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

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
        """The filter as a person would type it. Without the status, which has its tabs; but where
        something was not understood, all of it stays to be mended."""
        parts = {"task": self.task_type, "client": self.client, "error": self.code}
        if self.unknown:
            parts = {"status": self.status, **parts}
        typed = [f"{name}:{value}" for name, value in parts.items() if value]
        return " ".join([*typed, *self.unknown])

    @property
    def parameters(self) -> dict[str, str]:
        """The filter as parameters of a link; what was not understood goes along, unread."""
        named = {
            "status": self.status,
            "task_type": self.task_type,
            "client": self.client,
            "code": self.code,
            "q": " ".join(self.unknown),
        }
        return {name: value for name, value in named.items() if value}


def parse(text: str, given: Mapping[str, str] | None = None) -> Filter:
    """Read the search field. A bare number is a request's id, unless something else is given: then
    it came along as a word that was not understood.

    given: parts of a filter that a link names. Whatever narrows nothing beside them is told as
    unknown, so that nobody takes the list for a narrower one.
    """
    text = text.strip()
    if not given and len(text) <= LONGEST and text.lstrip("#").isdecimal():
        return Filter(request_id=min(int(text.lstrip("#")), 2**63 - 1))
    words = text.split() if len(text) <= LONGEST else [*text[:LONGEST].split()[:-1], "…"]
    found = dict(given or {})
    unknown: list[str] = []
    if found.get("status") not in {None, *STATUSES}:
        unknown.append(f"status:{found.pop('status')}")
    for word in words:
        match = _WORD.fullmatch(word)
        name = _NAMES.get(match[1].lower()) if match is not None else None
        value = match[2] if match is not None else ""
        if word.lower() in STATUSES:
            name, value = "status", word.lower()
        if name is None or (name == "status" and value not in STATUSES):
            unknown.append(word)
        elif found.setdefault(name, value) != value:
            unknown.append(word)  # two of a kind: only one can be looked for
    return Filter(**found, unknown=tuple(unknown))  # type: ignore[arg-type]


def from_query(query: Mapping[str, str]) -> Filter:
    """The filter of a link: its single parameters, and what stands in ``q``."""
    given = {
        name: value[:LONGEST].replace("\0", "")
        for name in ("status", "task_type", "client", "code")
        if (value := query.get(name, "").strip())
    }
    return parse(query.get("q", ""), given)
