"""Forecasts and proposed times meet their outcome: when to look, and views of what came out."""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0007_outcomes"
down_revision = "0006_for_each"


def upgrade() -> None:
    sql_file("migrations/versions/0007_outcomes.sql")
    sql_file("sql/views/progress_calibration.sql")
    sql_file("sql/views/schedule_acceptance.sql")
    sql_file("migrations/versions/0007_comments.sql")
    declare_compatible("0002_functions")


def downgrade() -> None:
    execute("DROP VIEW ai_schedule_acceptance")
    execute("DROP VIEW ai_progress_calibration")
    sql_file("migrations/versions/0007_back.sql")
    declare_compatible("0002_functions")
