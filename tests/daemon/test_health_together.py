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
from daemon.health.together import by_name, statement


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


async def test_the_same_answers(database: str) -> None:
    """Together, every check has the columns, and values of the kind, that it has alone."""
    session = Counted(database)
    try:
        recent = (await session.rows(statements.load()["health_recent"]))[0]["recent"]
        values = parameters(Wishes(), recent=recent)
        checks = applicable(sql_checks(), session.server_version, session.extensions)
        found = by_name(await session.rows(statement(checks), values))
        assert set(found) == {one.name for one in checks}
        for one in checks:
            alone = await session.rows(one.statement, values)
            assert [kinds(row) for row in found[one.name]] == [kinds(row) for row in alone], one
    finally:
        await session.close()


def kinds(row: Mapping[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in row.items()}


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
