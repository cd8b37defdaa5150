"""Progress reports as typed rows: a forecast per goal, which later meets its outcome."""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0004_progress"
down_revision = "0003_model_prices"


def upgrade() -> None:
    sql_file("migrations/versions/0004_progress.sql")
    declare_compatible("0002_functions")


def downgrade() -> None:
    execute("DROP TABLE ai_progress_reports")
    declare_compatible("0002_functions")
