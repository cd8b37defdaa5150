"""Our own tables and indexes: vacuumed, built anew, tuned; nobody else's, whatever rights we have.

Ours is what lies in the schema of ``ai_requests``, bears our prefix and belongs to a role that we
are. A missing right shows in odd ways here: VACUUM of a foreign table is no error, only a warning
that it was skipped, so the server's notices are read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg
from psycopg import sql

from daemon.healing.remedy import CannotAct, Effect, Remedy, Seen
from daemon.healing.store import Case

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

Connect = Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]

TUNE_ROWS = 100_000
SCALE_FACTOR = "0.02"
OWNER = "ALTER TABLE ... OWNER TO our role, or migrate as its owner"
MAINTAIN = "from PostgreSQL 17 on GRANT MAINTAIN ON the table TO our role; else make us its owner"


class OfOurs(Remedy):
    """connect: a direct connection for statements that take long, closed after each."""

    grants: ClassVar[str] = OWNER

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    @asynccontextmanager
    async def _patient(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        connection = await self._connect()
        try:
            yield connection
        finally:
            await connection.close()

    async def _tables(self, seen: Seen) -> dict[str, Mapping[str, Any]]:
        return {row["shown"]: row for row in await seen.store.look("healing_tables")}

    async def _table(self, seen: Seen, name: str) -> Mapping[str, Any]:
        found = (await self._tables(seen)).get(name)
        if found is None:
            raise CannotAct(f"{name} is no table of ours; {self.grants}")
        return found


class VacuumOwn(OfOurs):
    """A table that autovacuum has not got to for a quarter of an hour."""

    rule: ClassVar[str] = "vacuum_own"
    grants: ClassVar[str] = MAINTAIN

    async def find(self, seen: Seen) -> Sequence[Case]:
        late = seen.alarming("database.autovacuum_late")
        tables = await self._tables(seen) if late else {}
        return [
            Case(
                result.target,
                result.message,
                f"VACUUM (ANALYZE, SKIP_LOCKED) {result.target}",
                {"dead_rows": tables[result.target]["dead"]},
            )
            for result in late
            if result.target in tables
        ]

    async def act(self, case: Case, seen: Seen) -> None:
        table = await self._table(seen, case.target)
        skipped: list[str] = []

        def heed(notice: psycopg.errors.Diagnostic) -> None:
            if notice.severity_nonlocalized == "WARNING":
                skipped.append(notice.message_primary or "")

        async with self._patient() as connection:
            connection.add_notice_handler(heed)
            await connection.execute(
                sql.SQL("VACUUM (ANALYZE, SKIP_LOCKED) {}").format(
                    sql.Identifier(table["schema"], table["name"])
                )
            )
        if skipped:
            raise CannotAct(f"{skipped[0]}; {self.grants}")

    async def effect(self, case: Case, seen: Seen) -> Effect:
        dead = (await self._table(seen, case.target))["dead"]
        return Effect(dead < case.before["dead_rows"], {"dead_rows": dead})


class ReindexInvalidOwn(OfOurs):
    """An index that a failed build left invalid: it costs writes and serves nobody."""

    rule: ClassVar[str] = "reindex_invalid_own"

    async def find(self, seen: Seen) -> Sequence[Case]:
        if not seen.alarming("database.invalid_index"):
            return ()
        return [
            Case(
                row["name"],
                f"index {row['name']} of {row['of']} is invalid",
                self._statement(row).as_string(),
                {"valid": False, "leftover": row["leftover"], "schema": row["schema"]},
            )
            for row in await seen.store.look("healing_indexes")
        ]

    @staticmethod
    def _statement(row: Mapping[str, Any]) -> sql.Composed:
        verb = "DROP INDEX" if row["leftover"] else "REINDEX INDEX"
        return sql.SQL(verb + " CONCURRENTLY {}").format(
            sql.Identifier(row["schema"], row["name"])
        )

    async def act(self, case: Case, seen: Seen) -> None:
        statement = self._statement({**case.before, "name": case.target})
        async with self._patient() as connection:
            await connection.execute(statement)

    async def effect(self, case: Case, seen: Seen) -> Effect:
        rows = await seen.store.look("healing_indexes")
        valid = all(row["name"] != case.target for row in rows)
        return Effect(valid, {"valid": valid})


class TuneOwnAutovacuum(OfOurs):
    """A large table with the server's default factor: a fifth of it may be dead."""

    rule: ClassVar[str] = "tune_own_autovacuum"

    async def find(self, seen: Seen) -> Sequence[Case]:
        tables = (await self._tables(seen)).items()
        return [
            Case(
                shown,
                f"{shown} has {table['rows']} rows and the server's own vacuum factor",
                self._statement(table).as_string(),
                {"rows": table["rows"], "tuned": False},
            )
            for shown, table in tables
            if table["rows"] > TUNE_ROWS and not table["tuned"]
        ]

    @staticmethod
    def _statement(table: Mapping[str, Any]) -> sql.Composed:
        return sql.SQL("ALTER TABLE {} SET (autovacuum_vacuum_scale_factor = {})").format(
            sql.Identifier(table["schema"], table["name"]), sql.SQL(SCALE_FACTOR)
        )

    async def act(self, case: Case, seen: Seen) -> None:
        table = await self._table(seen, case.target)
        async with self._patient() as connection:
            await connection.execute(self._statement(table))

    async def effect(self, case: Case, seen: Seen) -> Effect:
        tuned = bool((await self._table(seen, case.target))["tuned"])
        return Effect(tuned, {"tuned": tuned})
