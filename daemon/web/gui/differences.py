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
NONE = "not set"


@dataclass(frozen=True, slots=True)
class Change:
    """One field. before, after: None where that side says nothing of it. lines: a unified
    difference, where both are long."""

    key: str
    before: str | None
    after: str | None
    lines: Lines


def changes(before: Mapping[str, Json], after: Mapping[str, Json]) -> list[Change]:
    """Fields that differ, by name; [] for equal configurations."""
    found = []
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        texts = (text(old, NONE), text(new, NONE))
        long = max(map(len, texts)) > LONG or "\n" in texts[0] + texts[1]
        lines = unified(texts[0], texts[1]) if long else []
        found.append(Change(key, *texts, lines))
    return found


def told(before: Mapping[str, Json], after: Mapping[str, Json]) -> list[Change]:
    """What a line of the audit log tells: a field that one side leaves out was not cleared, that
    side only says nothing of it; nor does an empty one say anything by itself."""
    both = before.keys() & after.keys()
    found = changes({key: before[key] for key in both}, {key: after[key] for key in both})
    left = [(key, value) for key, value in before.items() if key not in both]
    came = [(key, value) for key, value in after.items() if key not in both]
    found += [Change(key, text(value), None, []) for key, value in left if value is not None]
    found += [Change(key, None, text(value), []) for key, value in came if value is not None]
    return sorted(found, key=lambda change: change.key)


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
