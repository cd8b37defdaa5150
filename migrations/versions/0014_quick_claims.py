"""A claim that finds less due than every limit allows takes it without ranking."""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0014_quick_claims"
down_revision = "0013_call_batches"


def upgrade() -> None:
    # 0019 knows it; the function has the text of now, and daemons claim in between.
    execute(
        "ALTER TABLE ai_lease_epoch ADD COLUMN IF NOT EXISTS undone_to bigint NOT NULL DEFAULT 0"
    )
    sql_file("sql/functions/claim_v1.sql", again=True)
    declare_compatible("0002_functions")


def downgrade() -> None:
    """The function takes what it took and gives what it gave: older code goes on with it."""
    declare_compatible("0002_functions")
