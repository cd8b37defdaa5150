"""What a schema holds of ours, in a form that two databases can be compared by."""

from __future__ import annotations

from typing import Any

import psycopg

Catalogue = dict[str, set[tuple[Any, ...]]]

# The order of columns is left out on purpose: an adopted table has its new ones at the end.
QUESTIONS = {
    "relations": """
        SELECT c.relname, c.relkind::text, c.relpersistence::text, c.reloptions::text
        FROM pg_class c WHERE c.relnamespace = %(schema)s::regnamespace
            AND c.relname LIKE 'ai\\_%%' AND c.relkind <> 't'""",
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            a.attidentity::text, pg_get_expr(d.adbin, d.adrelid),
            a.attcollation::regcollation::text
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = %(schema)s::regnamespace AND c.relname LIKE 'ai\\_%%'
            AND c.relkind IN ('r', 'v')""",
    "constraints": """
        SELECT k.conrelid::regclass::text, k.conname, pg_get_constraintdef(k.oid), k.convalidated
        FROM pg_constraint k WHERE k.connamespace = %(schema)s::regnamespace
            AND k.conrelid <> 0 AND (SELECT relname FROM pg_class WHERE oid = k.conrelid)
                LIKE 'ai\\_%%'""",
    "indexes": """
        SELECT pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready, i.indisunique
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        WHERE c.relnamespace = %(schema)s::regnamespace AND c.relname LIKE 'ai\\_%%'""",
    "sequences": """
        SELECT s.seqrelid::regclass::text, s.seqtypid::regtype::text, s.seqincrement, s.seqmin,
            s.seqmax, s.seqcycle
        FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
        WHERE c.relnamespace = %(schema)s::regnamespace AND c.relname LIKE 'ai\\_%%'""",
    "functions": """
        SELECT pg_get_functiondef(p.oid), p.proacl::text
        FROM pg_proc p WHERE p.pronamespace = %(schema)s::regnamespace
            AND p.proname LIKE 'ai\\_%%'""",
    "triggers": """
        SELECT pg_get_triggerdef(t.oid), t.tgenabled::text
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = %(schema)s::regnamespace AND c.relname LIKE 'ai\\_%%'
            AND NOT t.tgisinternal""",
    "views": """
        SELECT c.relname, pg_get_viewdef(c.oid) FROM pg_class c
        WHERE c.relnamespace = %(schema)s::regnamespace AND c.relname LIKE 'ai\\_%%'
            AND c.relkind = 'v'""",
    "comments": """
        SELECT coalesce(a.attname, ''), d.classoid::regclass::text, d.description,
            CASE d.classoid WHEN 'pg_proc'::regclass THEN d.objoid::regprocedure::text
                WHEN 'pg_class'::regclass THEN d.objoid::regclass::text END
        FROM pg_description d
        LEFT JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass
        LEFT JOIN pg_proc p ON p.oid = d.objoid AND d.classoid = 'pg_proc'::regclass
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND a.attnum > 0
        WHERE %(schema)s::regnamespace IN (c.relnamespace, p.pronamespace)""",
}
FOREIGN = ("ai_agent_executions", "ai_agent_metrics")
"""The older service's tables that are left alone; nothing of theirs is counted here."""


def catalogue(connection: psycopg.Connection[Any], schema: str = "public") -> Catalogue:
    """Everything of ours in a schema: kind of thing to its rows."""
    found: Catalogue = {}
    for kind, question in QUESTIONS.items():
        rows = connection.execute(question.encode(), {"schema": f'"{schema}"'}).fetchall()
        found[kind] = {row for row in rows if not any(name in str(row) for name in FOREIGN)}
    return found


def difference(one: Catalogue, other: Catalogue) -> dict[str, tuple[Any, Any]]:
    """Kinds that differ: what only the one has, what only the other has. Empty when equal."""
    return {
        kind: (
            sorted(map(str, one[kind] - other[kind])),
            sorted(map(str, other[kind] - one[kind])),
        )
        for kind in QUESTIONS
        if one[kind] != other[kind]
    }


def catalogue_at(dsn: str, schema: str = "public") -> Catalogue:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return catalogue(connection, schema)
