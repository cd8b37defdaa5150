"""What the main app's tables and triggers refuse holds up nothing else: one request that may not
start or end keeps no other from it. Plans are saved into the tables that the agents read, whatever
schema they stand in. Suggestions about code that is long gone can be found, to be pruned.

A bucket that was counted at 'infinity' ended every claim before PostgreSQL 17, and is refused.
"""

from __future__ import annotations

from migrations.load import declare_compatible, execute, index, sql_file

revision = "0025_refusals"
down_revision = "0024_odd_calls"


def upgrade() -> None:
    index("ai_code_suggestions_seen", "ai_code_suggestions (last_seen_at)")
    execute("UPDATE ai_control SET bucket_at = clock_timestamp() WHERE NOT isfinite(bucket_at)")
    # NOT VALID: no row is read while the table is held.
    execute(
        "ALTER TABLE ai_control ADD CONSTRAINT ai_control_bucket_at"
        " CHECK (isfinite(bucket_at)) NOT VALID"
    )
    for name in ("claim_v2", "reap_later_v1", "sweep_v2", "save_plan_v2"):
        sql_file(f"sql/functions/{name}.sql")
    execute(
        "COMMENT ON FUNCTION ai_claim_v2 IS 'Daemon only: takes due requests, best and fairest"
        " first, within all limits; what may not start comes with a refusal, once it is asked.'"
    )
    execute(
        "COMMENT ON FUNCTION ai_reap_later_v1 IS 'Daemon only: lost requests that the database"
        " does not let go wait for another lease time, and hold up no rescue.'"
    )
    execute(
        "COMMENT ON FUNCTION ai_sweep_v2 IS 'Daemon only: ends cancelled and expired requests,"
        " answers overdue questions with timeout; what may not end comes with a refusal.'"
    )
    execute(
        "COMMENT ON FUNCTION ai_save_plan_v2 IS 'Writes one session of a plan as a workout"
        " template of the main app, once.'"
    )
    declare_compatible("0002_functions")


def downgrade() -> None:
    execute("DROP FUNCTION ai_claim_v2")
    execute("DROP FUNCTION ai_reap_later_v1")
    execute("DROP FUNCTION ai_sweep_v2")
    execute("DROP FUNCTION ai_save_plan_v2")
    execute("ALTER TABLE ai_control DROP CONSTRAINT ai_control_bucket_at")
    execute("DROP INDEX ai_code_suggestions_seen")
    declare_compatible("0002_functions")
