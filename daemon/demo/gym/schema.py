"""The main app's tables in the shapes that exist in the wild, and rows into them by COPY."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from psycopg import Connection, sql

Variant = Literal["A", "B", "C"]
Tables = Mapping[str, Sequence[Mapping[str, Any]]]

DDL = Path(__file__).parent / "ddl"
_FILES: dict[Variant, tuple[str, ...]] = {
    "A": ("variant_a.sql",),
    "B": ("variant_a.sql", "variant_b.sql"),
    "C": ("variant_c.sql",),
}


class GymExists(Exception):
    """The database already has a table of clients; somebody else's rows are left alone."""

    def __init__(self) -> None:
        super().__init__(
            "this database already has a table `clients`; load the sample gym into an empty one"
        )


def create_schema(connection: Connection[Any], variant: Variant, *, older_ai: bool) -> None:
    """Create the app's tables. Raises GymExists if the schema already has `clients`."""
    if connection.execute("SELECT to_regclass('clients') IS NOT NULL").fetchone() == (True,):
        raise GymExists
    for name in (*_FILES[variant], *(("older_ai.sql",) if older_ai else ())):
        connection.execute((DDL / name).read_bytes())


def columns(connection: Connection[Any]) -> dict[str, tuple[str, ...]]:
    """Columns of every table on the search path, in the order in which tables were created."""
    rows = connection.execute(
        "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)"
        " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"
        " AND pg_table_is_visible(c.oid) AND c.relnamespace <> 'pg_catalog'::regnamespace"
        " GROUP BY c.oid, c.relname ORDER BY c.oid"
    )
    return {name: tuple(names) for name, names in rows}


def copy_rows(connection: Connection[Any], tables: Tables) -> None:
    """COPY the rows, keeping of each what its table has a column for.

    Tables are filled in the order of their creation, so that foreign keys hold; the serials go on
    after the highest id, as if the app had inserted the rows.
    """
    for name, have in columns(connection).items():
        rows = tables.get(name)
        if not rows:
            continue
        keys = [column for column in have if any(column in row for row in rows)]
        table = sql.Identifier(name)
        copy = sql.SQL("COPY {} ({}) FROM STDIN").format(
            table, sql.SQL(", ").join(map(sql.Identifier, keys))
        )
        with connection.cursor() as cursor, cursor.copy(copy) as out:
            for row in _values(rows, keys):
                out.write_row(row)
        connection.execute(
            sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), max(id)) FROM {}").format(
                sql.Literal(name), table
            )
        )


def _values(rows: Iterable[Mapping[str, Any]], keys: Sequence[str]) -> Iterable[list[Any]]:
    for row in rows:
        yield [row.get(key) for key in keys]
