"""Alembic's environment: one connection handed over by ``daemon.migrate``, or offline SQL.

Only objects named ``ai_*`` are ours; comparison never sees the main app's tables.
"""

from __future__ import annotations

from typing import Any

from alembic import context

VERSION_TABLE = "ai_alembic_version"


def include_name(name: str | None, type_: str, _parents: Any) -> bool:
    """True for our own objects: without it a comparison would propose to drop the main app's."""
    return type_ == "schema" or bool(name and name.startswith("ai_"))


def run() -> None:
    options: dict[str, Any] = {
        "version_table": VERSION_TABLE,
        "include_name": include_name,
    }
    if context.is_offline_mode():
        context.configure(dialect_name="postgresql", literal_binds=True, **options)
    else:
        attributes = context.config.attributes
        context.configure(
            connection=attributes["connection"],
            version_table_schema=attributes["schema"],
            # The first installation is all or nothing: an older service must not find its tables
            # changed without the triggers that let it go on.
            transaction_per_migration=not attributes["first"],
            **options,
        )
    with context.begin_transaction():
        context.run_migrations()


run()
