"""Health as states, healing actions, alerts and their deliveries."""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0010_upkeep"
down_revision = "0009_code"


FUNCTIONS = (
    "health_state_v1",
    "heal_begin_v1",
    "heal_answer",
    "acknowledge",
    "delivery_take_v1",
)
ALERT_FUNCTIONS = ("delivery_take_v1", "silence", "acknowledge", "heal_answer", "heal_begin_v1")


def upgrade() -> None:
    for name in FUNCTIONS:
        sql_file(f"sql/functions/{name}.sql")
    sql_file("migrations/versions/0010_health.sql")
    sql_file("migrations/versions/0010_alerts.sql")
    declare_compatible("0002_functions")


def downgrade() -> None:
    for table in ("alert_states", "alert_deliveries", "alerts", "healing_actions"):
        execute(f"DROP TABLE ai_{table}")
    for name in (*ALERT_FUNCTIONS, "health_state_v1"):
        execute(f"DROP FUNCTION ai_{name}")
    sql_file("migrations/versions/0010_back.sql")
    declare_compatible("0002_functions")
