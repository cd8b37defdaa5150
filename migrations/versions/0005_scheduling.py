"""Proposed times as typed rows: a slot, placement or move each, which later meets its outcome."""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0005_scheduling"
down_revision = "0004_progress"


def upgrade() -> None:
    sql_file("migrations/versions/0005_scheduling.sql")
    declare_compatible("0002_functions")


def downgrade() -> None:
    execute("DROP TABLE ai_schedule_suggestions")
    declare_compatible("0002_functions")
