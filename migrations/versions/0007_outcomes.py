"""Forecasts and proposed times meet their outcome: when to look, and views of what came out."""

from __future__ import annotations

from migrations.load import declare_compatible, execute, index, sql_file

revision = "0007_outcomes"
down_revision = "0006_for_each"

OPEN_REPORTS = """ai_progress_reports (look_on, client_id)
    WHERE matured_at IS NULL AND p_reach_365 IS NOT NULL AND status <> 'reached'"""
OPEN_SUGGESTIONS = "ai_schedule_suggestions (look_on, client_id) WHERE outcome IS NULL"


def upgrade() -> None:
    sql_file("migrations/versions/0007_outcomes.sql")
    index("ai_progress_reports_open", OPEN_REPORTS)
    index("ai_schedule_suggestions_open", OPEN_SUGGESTIONS)
    sql_file("sql/views/progress_calibration.sql")
    sql_file("sql/views/schedule_acceptance.sql")
    sql_file("migrations/versions/0007_comments.sql")
    declare_compatible("0002_functions")


def downgrade() -> None:
    execute("DROP VIEW ai_schedule_acceptance")
    execute("DROP VIEW ai_progress_calibration")
    sql_file("migrations/versions/0007_back.sql")
    declare_compatible("0002_functions")
