"""Many checks in one statement: each minute one round trip instead of one for each check.

Each check's statement becomes a row of the answer: its name, and its own rows as JSON. What one of
them may not see or waits for in vain fails them all, so whoever asks must then ask them one by
one; those that failed by themselves stay out of the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from daemon.health.catalogue import SqlCheck

Rows = Sequence[Mapping[str, Any]]
PART = "SELECT '{name}' AS name, jsonb_agg(to_jsonb(q)) AS rows FROM (\n{statement}\n) q"
ALONE = ("clock",)
"""Shapes whose round trip is part of what is measured."""


class Together:
    """Remembers which checks failed when they were last asked alone."""

    def __init__(self) -> None:
        self._failing: set[str] = set()

    def sociable(self, checks: Sequence[SqlCheck]) -> list[SqlCheck]:
        """Those to be asked in one statement; none where that would be a single one."""
        found = [one for one in checks if one.shape not in ALONE and one.name not in self._failing]
        return found if len(found) > 1 else []

    def failed(self, one: SqlCheck) -> None:
        """It could not be asked alone."""
        self._failing.add(one.name)

    def worked(self, one: SqlCheck) -> None:
        """It was asked alone."""
        self._failing.discard(one.name)


def statement(checks: Sequence[SqlCheck]) -> LiteralString:
    """One statement that answers them all: rows of name and rows."""
    # Names and texts are files of this repository, never built from data.
    return "\nUNION ALL\n".join(
        PART.format(name=one.name, statement=one.statement) for one in checks
    )


def by_name(answer: Rows) -> dict[str, Rows]:
    """Each check's rows as it would have answered by itself; JSON makes a whole float an int."""
    return {row["name"]: [_as_alone(one) for one in row["rows"] or ()] for row in answer}


def _as_alone(row: Mapping[str, Any]) -> Mapping[str, Any]:
    value = row.get("value")
    return row if value is None else {**row, "value": float(value)}
