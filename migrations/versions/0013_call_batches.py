"""Model calls that come together are journaled together: one statement, one commit.

Older code goes on with the functions for one call, which these use. The functions around a claim
and an end get plans that do not outgrow the tables for which they were made.
"""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0013_call_batches"
down_revision = "0012_console"


def upgrade() -> None:
    # 0019 knows it; the function has the text of now, and daemons claim in between.
    execute(
        "ALTER TABLE ai_lease_epoch ADD COLUMN IF NOT EXISTS undone_to bigint NOT NULL DEFAULT 0"
    )
    for name in ("claim_v1", "left_v1", "complete_v1"):
        sql_file(f"sql/functions/{name}.sql", again=True)
    sql_file("sql/functions/calls_v1.sql")
    sql_file("migrations/versions/0013_call_batches.sql")
    declare_compatible("0002_functions")


def downgrade() -> None:
    for function in (
        "ai_calls_begin_v1(jsonb, double precision)",
        "ai_calls_end_v1(jsonb)",
        "ai_calls_lock_v1(jsonb)",
    ):
        execute(f"DROP FUNCTION {function}")
    declare_compatible("0002_functions")
