"""Two configurations side by side: by field, and line by line where a field is a long text."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Any
Lines = list[tuple[str, str]]
"""Class of the stylesheet (add, del, hunk or '') and text of each line."""
LONG = 80


@dataclass(frozen=True, slots=True)
class Change:
    """One field. lines: a unified difference, where before and after are long."""

    key: str
    before: str
    after: str
    lines: Lines


def changes(before: Mapping[str, Json], after: Mapping[str, Json]) -> list[Change]:
    """Fields that differ, by name; [] for equal configurations."""
    found = []
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        texts = (text(old, "not set"), text(new, "not set"))
        long = max(map(len, texts)) > LONG or "\n" in texts[0] + texts[1]
        lines = unified(texts[0], texts[1]) if long else []
        found.append(Change(key, *texts, lines))
    return found


def unified(before: str, after: str) -> Lines:
    """A unified difference of two texts, without its file names."""
    made = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    return [(tone(line), line) for line in list(made)[2:]]


def marked(diff: str) -> Lines:
    """The lines of a unified difference that somebody else made."""
    return [(tone(line), line) for line in diff.splitlines()[:2000]]


def tone(line: str) -> str:
    if line.startswith(("@@", "+++", "---")):
        return "hunk"
    return {"+": "add", "-": "del"}.get(line[:1], "")


def text(value: Json, missing: str = "") -> str:
    if value is None:
        return missing
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
