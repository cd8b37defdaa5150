"""One bounded SELECT at a time, inside one read-only snapshot, built from what exists.

Every read names the rows it wants (a client, a trainer, a list of ids), a window where there is a
date, and a limit, because the main app has no index on any foreign key or date: each of these
statements is a sequential scan. Missing columns come back as None, a missing table as no rows and
a warning. A table that changes its shape between two reads costs one retry on a new snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError

from agents.crm.catalogue import Catalogue
from agents.crm.tables import KINDS, selected, source
from agents.crm.words import coerced

Row = Mapping[str, Any]

TEXT_LIMIT = 16_000
"""Characters kept of one text: far more than a person writes, and a bound on what we carry."""

MOST_AHEAD = 5_000
"""Rows of several clients that are read together: a few years of fifty."""

# undefined_column, undefined_table, insufficient_privilege, datatype changes: the catalogue's
# picture is out of date.
_RESHAPED = frozenset({"42703", "42P01", "42501", "42883", "42804", "0A000"})

CANCELLED = "57014"
"""What a statement fails with that ran out of time."""

_BIGINT_END = 2**63


@dataclass(frozen=True, slots=True)
class Query:
    """What to read. `by`: equality, or membership for a tuple; all must hold. `by_any`: at least
    one must hold. `window`: column, first (inclusive) and end (exclusive), either may be None.
    `order`: columns, each with a leading `-` for newest first, or `#` for ids that keep together
    but come in no order of theirs; NULLs come last. `first`: like `by_any`, of the rows that come
    before all others, those of its first pair before those of its second. `only`: the columns to
    fetch, all if empty, for reads of very many rows; the others come back as None."""

    table: str
    by: tuple[tuple[str, Any], ...] = ()
    by_any: tuple[tuple[str, Any], ...] = ()
    window: tuple[str, datetime | None, datetime | None] | None = None
    first: tuple[tuple[str, Any], ...] = ()
    order: tuple[str, ...] = ()
    limit: int = 500
    only: tuple[str, ...] = ()

    def required(self) -> set[str]:
        """Columns without which the rows cannot be chosen."""
        return {column for column, _ in self.by} | ({self.window[0]} if self.window else set())


class Reader:
    """The part all readers share: the snapshot, the statement builder and the warnings."""

    def __init__(
        self,
        connection: sa.Connection | None,
        catalogue: Callable[[bool], Catalogue],
        begin: Callable[[sa.Connection], None],
        time_zone: tzinfo | None,
    ) -> None:
        self._connection = connection
        self._look_up = catalogue
        self._begin = begin
        self._catalogue = catalogue(False)
        self._time_zone = time_zone
        self._warnings: dict[str, None] = {}
        self._memo: dict[Query, Sequence[Row]] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything that was missing or doubtful so far, as `code: detail`, in order, once."""
        return tuple(self._warnings)

    def warn(self, text: str) -> None:
        """Add a warning; a repeated one counts once. Never put a client's text into it."""
        self._warnings.setdefault(text)

    def has(self, table: str, *columns: str) -> bool:
        """Whether the table, and each of `columns`, can be read in this database."""
        return self._catalogue.has(table, *columns)

    def tables(self) -> frozenset[str]:
        """The app's tables that can be read in this database."""
        return frozenset(self._catalogue.columns)

    def wall(self, moment: datetime) -> datetime:
        """`moment` on the gym's clock, without a zone: the clock of `sessions.session_date`."""
        if self._time_zone is None:
            self.warn("time_zone_unset: GYM_TIME_ZONE is not set, times are read as UTC")
        if moment.tzinfo is None:
            return moment
        return moment.astimezone(self._time_zone or UTC).replace(tzinfo=None)

    @staticmethod
    def utc(moment: datetime) -> datetime:
        """`moment` as the app's server stamps it: UTC, without a zone."""
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment

    def read(self, query: Query) -> Sequence[Row]:
        """The rows of `query` as mappings with every allowed column; none if it cannot be asked.

        Equal queries in one snapshot are answered from memory. Raises SQLAlchemy's errors for a
        lost connection or a statement that ran out of time.
        """
        if query in self._memo:
            return self._memo[query]
        try:
            rows = self._read(query)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _RESHAPED:
                raise
            self._reopen()
            rows = self._read(query)
        self._memo[query] = rows
        return rows

    def read_ahead(self, query: Query, ids: Iterable[int]) -> None:
        """Read with one scan for each of `ids` what `query` asks about one; `read` then knows it.

        query: chooses by one column alone. What is too much together is read one by one later.
        """
        column = query.by[0][0]
        wanted = tuple(sorted(set(ids)))
        together = replace(
            query, by=((column, wanted),), order=(column, *query.order), limit=MOST_AHEAD
        )
        rows, more = self._fetch(together)
        found: dict[int, list[Row]] = {each: [] for each in wanted}
        for row in rows:
            found[row[column]].append(row)
        for each, mine in found.items():
            # Of the last one some rows may be missing, and all of those behind it.
            if not more or each < rows[-1][column]:
                alone = replace(query, by=((column, each),))
                self._memo[alone] = self._cut(alone, mine)

    def read_in_time(self, query: Query) -> Sequence[Row] | None:
        """Like `read`; None for a statement that ran out of time, and later reads go on."""
        try:
            return self.read(query)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != CANCELLED:
                raise
            self._restart()
            return None

    def _restart(self) -> None:
        if self._connection is None:
            raise RuntimeError("a reader without a database has nothing to reopen")
        self._connection.rollback()
        self._begin(self._connection)

    def _reopen(self) -> None:
        self._restart()
        self._catalogue = self._look_up(True)
        self.warn("schema_changed: the main app's tables changed while they were read")

    def _read(self, query: Query) -> Sequence[Row]:
        rows, more = self._fetch(query)
        return self._cut(query, rows, more=more)

    def _cut(self, query: Query, rows: Sequence[Row], *, more: bool = False) -> Sequence[Row]:
        if more or len(rows) > query.limit:
            self.warn(
                f"rows_cut: {query.table} has more than {query.limit} rows, the rest was left out"
            )
        return tuple(rows[: query.limit])

    def _fetch(self, query: Query) -> tuple[Sequence[Row], bool]:
        """(at most as many rows as the limit says, whether there are more)."""
        problems = list(self._unreadable(query))
        for warning in problems:
            self.warn(warning)
        if problems or self._connection is None or any(value == () for _, value in query.by):
            return (), False
        for warning in self._catalogue.warnings.get(query.table, ()):
            self.warn(warning)
        found = self._connection.execute(self._statement(query)).all()
        return self._clean(query.table, found[: query.limit]), len(found) > query.limit

    def _unreadable(self, query: Query) -> Iterator[str]:
        if not self._catalogue.has(query.table):
            yield from self._catalogue.why_not(query.table)
            return
        for column in sorted(query.required() | {"id"}):
            if not self._catalogue.has(query.table, column):
                yield f"column_missing: {query.table}.{column}"
        if query.by_any and not self._usable(query.table, query.by_any):
            names = ", ".join(f"{query.table}.{column}" for column, _ in query.by_any)
            yield f"column_missing: {names}"

    def _usable(self, table: str, pairs: tuple[tuple[str, Any], ...]) -> list[tuple[str, Any]]:
        return [pair for pair in pairs if self._catalogue.has(table, pair[0])]

    def _statement(self, query: Query) -> sa.Select[Any]:
        table = source(query.table)
        have = self._catalogue.columns[query.table]
        fetched = set(query.only) & set(have) if query.only else have
        statement = sa.select(
            *(
                selected(table, name, kind, TEXT_LIMIT)
                if name in fetched
                else sa.null().label(name)
                for name, kind in KINDS[query.table].items()
            )
        ).select_from(table)
        for column, value in query.by:
            statement = statement.where(_matches(table.c[column], value))
        if query.by_any:
            usable = self._usable(query.table, query.by_any)
            statement = statement.where(
                sa.or_(*(_matches(table.c[column], value) for column, value in usable))
            )
        if query.window:
            column, first, end = query.window
            if first is not None:
                statement = statement.where(table.c[column] >= first)
            if end is not None:
                statement = statement.where(table.c[column] < end)
        if "deleted_at" in have:
            statement = statement.where(table.c.deleted_at.is_(None))
        if pairs := self._usable(query.table, query.first):
            ranks = ((_matches(table.c[c], value), rank) for rank, (c, value) in enumerate(pairs))
            statement = statement.order_by(sa.case(*ranks, else_=len(pairs)))
        for name in query.order:
            if name.lstrip("-#") in have:
                statement = statement.order_by(_ordered(table.c[name.lstrip("-#")], name[0]))
        return statement.limit(query.limit + 1)

    def _clean(self, table: str, found: Sequence[sa.Row[Any]]) -> Sequence[Row]:
        """By columns: of thousands of rows nearly all values are what they should be already."""
        if not found:
            return ()
        columns: list[Sequence[Any]] = []
        named = zip(KINDS[table].items(), zip(*found, strict=True), strict=True)
        for (name, kind), values in named:
            column, lost = coerced(kind, values, TEXT_LIMIT)
            columns.append(column)
            for code in lost:
                self.warn(f"{code}: {table}.{name}")
        names = tuple(KINDS[table])
        return tuple(dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))


def _ordered(column: sa.ColumnClause[Any], sign: str) -> sa.ColumnElement[Any]:
    if sign == "#":
        return sa.func.hashint8(sa.cast(column, sa.BigInteger)).asc().nulls_last()
    return (column.desc() if sign == "-" else column.asc()).nulls_last()


def _matches(column: sa.ColumnClause[Any], value: Any) -> sa.ColumnElement[bool]:
    """Equality or membership. Ids go out as bigint: as integer, 2147483648 would be an error."""
    values = value if isinstance(value, tuple) else (value,)
    known = [item for item in values if not isinstance(item, int) or abs(item) < _BIGINT_END]
    type_ = sa.BigInteger() if all(isinstance(item, int) for item in known) else None
    return column.in_(sa.bindparam(None, known, type_=type_, expanding=True))
