"""Tables of the queue, the agents' runtime and the workout agent; an older service's adopted."""

from __future__ import annotations

from migrations.load import execute, sql_file

revision = "0001_tables"
down_revision = None


def upgrade() -> None:
    sql_file("migrations/versions/0001_older.sql")
    sql_file("migrations/versions/0001_tables.sql")
    sql_file("migrations/versions/0001_comments.sql")


def downgrade() -> None:
    for table in TABLES:
        execute(f"DROP TABLE {table}")


TABLES = (
    "ai_workout_plan_items",
    "ai_workout_plans",
    "ai_audit_log",
    "ai_schedules",
    "ai_approvals",
    "ai_model_prices",
    "ai_provider_state",
    "ai_rate_buckets",
    "ai_budgets",
    "ai_llm_calls",
    "ai_workers",
    "ai_control",
    "ai_request_events",
    "ai_steps",
    "ai_lease_epoch",
    "ai_leases",
    "ai_attempts",
    "ai_results",
    "ai_requests",
    "ai_agent_versions",
    "ai_code_suggestions",
    "ai_system_health",
    "ai_agents",
)
