"""The checks that one statement makes say what each says alone, and none pays for another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg.rows import DictRow

from daemon import statements
from daemon.health.catalogue import applicable, sql_checks
from daemon.health.checker import Checker, Wishes, parameters
from daemon.health.session import Session
from daemon.health.together import Together, by_name, statement
from tests.gui.fill import fill

ROWS = 300


class Counted(Session):
    """A session that keeps what it was asked."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "w1")
        self.asked: list[str] = []

    async def rows(
        self, statement: LiteralString, values: Mapping[str, Any] | None = None
    ) -> Sequence[DictRow]:
        self.asked.append(statement)
        return await super().rows(statement, values)

    async def begin(self) -> None:
        """From now on it is one moment: rows, clock and statistics stand still."""
        connection = await self._open()
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")


async def test_the_same_answers(database: str) -> None:
    """Together, every check has the columns, the values and their kinds that it has alone, on a
    database where there is much to tell."""
    fill(database, ROWS)
    session = Counted(database)
    try:
        recent = (await session.rows(statements.load()["health_recent"]))[0]["recent"]
        values = parameters(Wishes(disk_bytes=10**9), recent=recent)
        available = applicable(sql_checks(), session.server_version, session.extensions)
        checks = Together().sociable(available)
        assert len(checks) == len(available) - 1, "all but the clock"
        await session.begin()

        async def alone() -> dict[str, list[Any]]:
            return {one.name: told(await session.rows(one.statement, values)) for one in checks}

        before = await alone()
        found = by_name(await session.rows(statement(checks), values))
        after = await alone()
    finally:
        await session.close()
    # What is no row, such as the database's size on disk, may change even now, but only once.
    together = {name: told(rows) for name, rows in found.items()}
    assert {n: r for n, r in together.items() if r not in (before[n], after[n])} == {}
    assert found.keys() == before.keys()
    speaking = [name for name, rows in found.items() if any(row["value"] for row in rows)]
    assert len(speaking) >= 12, f"few have anything to tell: {speaking}"


def told(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, tuple[type, Any]]]:
    return [{name: (type(value), value) for name, value in row.items()} for row in rows]


async def test_one_locked_table(database: str, connection: psycopg.Connection[Any]) -> None:
    """What a locked table hides is unknown, everything else is known; the next time only what
    failed is asked alone, and once it is free all are asked together again."""
    session = Counted(database)
    checker = Checker(session, statements.load())

    async def blind() -> tuple[set[str], int]:
        session.asked.clear()
        results = await checker.run()
        return {r.check for r in results if r.status == "unknown"}, len(session.asked)

    try:
        before, few = await blind()
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE ai_workers IN ACCESS EXCLUSIVE MODE")
        locked, many = await blind()
        hidden = locked - before
        assert {"workers.heartbeat", "workers.vanished"} <= hidden
        assert len(hidden) < many - few
        assert await blind() == (locked, few + len(hidden))
        connection.execute("ROLLBACK")
        assert await blind() == (before, few + len(hidden))
        assert await blind() == (before, few)
    finally:
        await checker.close()
