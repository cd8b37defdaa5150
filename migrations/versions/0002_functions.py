"""The functions and triggers of the queue and of the journal, and the views for people."""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0002_functions"
down_revision = "0001_tables"

FUNCTIONS = (
    "guard_v1",
    "doorbell_v1",
    "transition_v1",
    "submit_v1",
    "config_v1",
    "schedule_v1",
    "adopt_v1",
    "claim_v1",
    "left_v1",
    "heartbeat_v1",
    "complete_v1",
    "reap_v1",
    "sweep_v1",
    "answered_v1",
    "answer_v1",
    "retry_v1",
    "price_v1",
    "call_budgets_v1",
    "call_begin_v1",
    "call_end_v1",
    "call_abandon_v1",
    "older_v1",
)
VIEWS: tuple[str, ...] = (
    "cost_daily",
    "cost_check",
    "dead_letters",
    "agent_performance",
    "queue_depth",
)


def upgrade() -> None:
    for name in FUNCTIONS:
        sql_file(f"sql/functions/{name}.sql")
    for name in VIEWS:
        sql_file(f"sql/views/{name}.sql")
    sql_file("migrations/versions/0002_comments.sql")
    sql_file("migrations/versions/0002_private.sql")
    declare_compatible(revision)


def downgrade() -> None:
    execute("""
        DO $$
        DECLARE item record;
        BEGIN
            FOR item IN SELECT oid::regclass AS name FROM pg_class
                WHERE relkind = 'v' AND relname LIKE 'ai\\_%'
                    AND relnamespace = quote_ident(current_schema())::regnamespace
            LOOP EXECUTE format('DROP VIEW %s CASCADE', item.name); END LOOP;
            FOR item IN SELECT oid::regprocedure AS name FROM pg_proc
                WHERE proname LIKE 'ai\\_%'
                    AND pronamespace = quote_ident(current_schema())::regnamespace
            LOOP EXECUTE format('DROP FUNCTION %s CASCADE', item.name); END LOOP;
        END $$
    """)
