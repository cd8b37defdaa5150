"""The checks of ``sql/health/*.sql``: a file each, whose header says all that is not SQL.

::

    -- Check:    queue.depth          its id; the part before the dot is the component
    -- Shape:    value                see below; left out: value
    -- Unit:     count
    -- Worse:    low                  left out: high
    -- Warning:  500                  or never
    -- Critical: 5000
    -- Notice:   yes                  advice, no alarm; left out: no
    -- Every:    60 seconds
    -- Needs:    SELECT on ai_requests, or nothing
    -- Servers:  13 and newer         or "13 only"
    -- Requires: pg_stat_statements   an extension; left out: none
    -- Target:   task_type            the name in detail of what it is about; left out: the whole
    -- Says:     {value} requests wait
    -- Remedy:   what to do

A statement of shape ``value`` has one row: value, hidden (objects that it may not see), detail.
Where it names a target there may be more rows, each with a target of its own, the worst first. Of
``rate`` one row, where value is a counter; of ``clock`` one, where value is the server's clock; of
``seen`` any number: key and detail, and what counts is for how long a key is seen. No row, or
value NULL with nothing hidden: there is nothing to judge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, LiteralString, cast, get_args

from agents.health.checks import COMPONENTS, Check
from daemon.statements import FOLDER, load

Shape = Literal["value", "seen", "rate", "clock"]
HEALTH = FOLDER / "health"
_HEAD = re.compile(r"(?:--[^\n]*\n)+")
_KEY = re.compile(r"^-- (\w+): +(.+)$")
_MORE = re.compile(r"^--           +(\S.*)$")


@dataclass(frozen=True, slots=True)
class SqlCheck:
    """A check that one statement answers. name: of its file. servers: first and last major."""

    name: str
    check: Check
    shape: Shape
    servers: tuple[int, int]
    requires: str
    statement: LiteralString


def sql_checks(folder: Path = HEALTH) -> list[SqlCheck]:
    """Every check of the folder, by file name. Raises ValueError for a header without a line."""
    statements = load(folder)
    return [
        _read(path.stem, path.read_text(encoding="utf-8"), statements[path.stem])
        for path in sorted(folder.glob("*.sql"))
    ]


def applicable(
    checks: Sequence[SqlCheck], server_version: int, extensions: frozenset[str]
) -> list[SqlCheck]:
    """Those that this server can answer. server_version: as libpq says it, 160014."""
    major = server_version // 10000
    return [
        one
        for one in checks
        if one.servers[0] <= major <= one.servers[1]
        and (not one.requires or one.requires in extensions)
    ]


def header(text: str) -> dict[str, str]:
    """The named lines of a header, each with the lines that go on with it."""
    head = _HEAD.match(text)
    found: dict[str, str] = {}
    last = ""
    for line in head[0].splitlines() if head else ():
        if key := _KEY.match(line):
            last = key[1].lower()
            found[last] = key[2].strip()
        elif (more := _MORE.match(line)) and last:
            found[last] += " " + more[1].strip()
        else:
            last = ""
    return found


def _read(name: str, text: str, statement: LiteralString) -> SqlCheck:
    said = header(text)
    try:
        check = Check(
            id=said["check"],
            unit=said["unit"],
            warning=_limit(said["warning"]),
            critical=_limit(said["critical"]),
            every_seconds=float(said["every"].removesuffix(" seconds")),
            says=said["says"],
            remedy=said["remedy"],
            needs="" if said["needs"] == "nothing" else said["needs"],
            worse="low" if said.get("worse") == "low" else "high",
            notice=said.get("notice") == "yes",
            target=said.get("target", ""),
        )
        shape = said.get("shape", "value")
        if shape not in get_args(Shape) or check.component not in COMPONENTS:
            raise ValueError(f"shape {shape!r}, component {check.component!r}")
        servers = _servers(said["servers"])
    except (KeyError, ValueError) as error:
        raise ValueError(f"sql/health/{name}.sql: its header cannot be used: {error}") from None
    return SqlCheck(
        name, check, cast("Shape", shape), servers, said.get("requires", ""), statement
    )


def _limit(text: str) -> float | None:
    return None if text == "never" else float(text)


def _servers(text: str) -> tuple[int, int]:
    first, _, rest = text.partition(" ")
    return (int(first), int(first)) if rest == "only" else (int(first), 999)


def by_id(checks: Sequence[SqlCheck]) -> Mapping[str, SqlCheck]:
    """The checks by id; of several for different servers the newest server's."""
    return {one.check.id: one for one in sorted(checks, key=lambda one: one.servers)}
