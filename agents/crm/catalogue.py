"""Which of the allowed tables and columns this database has, and may be read by us.

The main app exists in several shapes and changes without notice, so nothing is assumed: one query
asks PostgreSQL's catalogue, through the connection's own search path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from agents.crm.tables import KINDS, MATCHED_BY_EMAIL, fits

SOMETIMES = {"deleted_at"}
"""Columns that only later versions of the main app have, whose absence means nothing."""

# Bounded by the allow-list: at most a few hundred rows of pg_attribute, found by its primary key.
_LOOK_UP = sa.text("""
    SELECT t.name, a.attname::text AS column_name, ty.typcategory::text AS category,
           has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS readable
    FROM unnest(CAST(:names AS text[])) AS t(name)
    JOIN pg_catalog.pg_attribute a
      ON a.attrelid = to_regclass(quote_ident(t.name)) AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type ty ON ty.oid = a.atttypid
""")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """columns: readable, allowed columns by table. warnings: by table, why something is left out.

    A table that is absent from `columns` cannot be read; `warnings` then says why, or nothing if
    it simply does not exist.
    """

    columns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    warnings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def has(self, table: str, *columns: str) -> bool:
        """Whether the table can be read and has all of `columns`."""
        return table in self.columns and self.columns[table].issuperset(columns)

    def why_not(self, table: str) -> tuple[str, ...]:
        """The warnings for a table that cannot be read."""
        return self.warnings.get(table, ()) or (f"table_missing: {table}",)


def look_up(connection: sa.Connection) -> Catalogue:
    """Ask the database once for everything on the allow-list."""
    columns: dict[str, set[str]] = {}
    seen: set[str] = set()
    warnings: dict[str, list[str]] = {}
    for row in connection.execute(_LOOK_UP, {"names": sorted(KINDS)}):
        seen.add(row.name)
        kind = KINDS[row.name].get(row.column_name)
        if kind is None and not (row.column_name == "email" and row.name in MATCHED_BY_EMAIL):
            continue
        if not row.readable:
            warnings.setdefault(row.name, []).append(
                f"column_unreadable: {row.name}.{row.column_name}"
            )
        elif kind is not None and not fits(kind, row.category):
            warnings.setdefault(row.name, []).append(
                f"column_type: {row.name}.{row.column_name} has an unexpected type"
            )
        else:
            columns.setdefault(row.name, set()).add(row.column_name)
    for name in seen - columns.keys():
        warnings[name] = [f"table_unreadable: {name}"]
    for name, found in columns.items():
        told = {text.split()[1] for text in warnings.get(name, ())}
        missing = {f"{name}.{column}" for column in KINDS[name].keys() - found - SOMETIMES} - told
        warnings.setdefault(name, []).extend(f"column_missing: {column}" for column in missing)
    return Catalogue(
        {name: frozenset(names) for name, names in columns.items()},
        {name: tuple(sorted(texts)) for name, texts in warnings.items()},
    )
