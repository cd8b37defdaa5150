"""Schedules that make a request for each active client: ``ai_schedules.for_each``."""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0006_for_each"
down_revision = "0005_scheduling"


def upgrade() -> None:
    sql_file("migrations/versions/0006_for_each.sql")
    declare_compatible("0002_functions")


def downgrade() -> None:
    execute("ALTER TABLE ai_schedules DROP COLUMN for_each")
    declare_compatible("0002_functions")
