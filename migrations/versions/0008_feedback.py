"""Feedback on results: what people said of them, and what came of it."""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0008_feedback"
down_revision = "0007_outcomes"


def upgrade() -> None:
    sql_file("migrations/versions/0008_feedback.sql")
    sql_file("sql/functions/feedback_v1.sql")
    sql_file("sql/functions/save_plan_v1.sql")
    sql_file("sql/views/feedback_summary.sql")
    sql_file("migrations/versions/0008_comments.sql")
    declare_compatible("0002_functions")


def downgrade() -> None:
    execute("DROP VIEW ai_feedback_summary")
    execute("DROP TABLE ai_feedback")
    execute("DROP TABLE ai_saved_plans")
    execute("DROP FUNCTION ai_feedback_v1")
    execute("DROP FUNCTION ai_save_plan_v1")
    declare_compatible("0002_functions")
