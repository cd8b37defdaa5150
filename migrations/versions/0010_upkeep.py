"""Health as states, healing actions, alerts and their deliveries."""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0010_upkeep"
down_revision = "0009_code"


def upgrade() -> None:
    sql_file("sql/functions/health_state_v1.sql")
    sql_file("migrations/versions/0010_health.sql")
    sql_file("migrations/versions/0010_alerts.sql")
    declare_compatible("0002_functions")


def downgrade() -> None:
    for table in ("ai_alert_deliveries", "ai_alerts", "ai_healing_actions"):
        execute(f"DROP TABLE IF EXISTS {table}")
    execute("DROP FUNCTION ai_health_state_v1")
    sql_file("migrations/versions/0010_back.sql")
    declare_compatible("0002_functions")
