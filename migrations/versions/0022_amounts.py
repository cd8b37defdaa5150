"""A price or a limit is an amount, and NaN is none.

It passes every CHECK of 0 and more, since PostgreSQL takes it for the largest number: such a limit
limited nothing, such a price made the day's sums NaN and lost answers that were paid for.

A breaker that is open until 'infinity' is open.
"""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0022_amounts"
down_revision = "0021_odd_rows"


def upgrade() -> None:
    sql_file("migrations/versions/0022_amounts.sql")
    for name in ("guard_v1", "call_begin_v1"):
        sql_file(f"sql/functions/{name}.sql", again=True)
    execute(
        "COMMENT ON TRIGGER ai_guard ON ai_requests IS"
        " 'Whatever a client sends, the server''s columns begin as they should.'"
    )
    declare_compatible("0002_functions")


def downgrade() -> None:
    """The functions stay: older code knows their columns as well."""
    for table in ("ai_budgets", "ai_control", "ai_model_prices"):
        execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_amounts")
    declare_compatible("0002_functions")
