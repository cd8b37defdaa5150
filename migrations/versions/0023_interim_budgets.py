"""A limit on money for a while: raised for the rest of a day, it lapses by itself."""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0023_interim_budgets"
down_revision = "0022_amounts"


def upgrade() -> None:
    execute(
        "ALTER TABLE ai_budgets"
        " ADD COLUMN IF NOT EXISTS interim_usd numeric(14, 8),"
        " ADD COLUMN IF NOT EXISTS interim_until timestamptz,"
        " ADD CONSTRAINT ai_budgets_interim"
        " CHECK (interim_usd >= 0 AND interim_usd <> 'NaN') NOT VALID"
    )
    execute(
        "COMMENT ON COLUMN ai_budgets.interim_usd IS 'Edited by admins in standing rows. US"
        " dollars; until interim_until it holds in place of limit_usd and of"
        " ai_control.daily_budget_usd.'"
    )
    execute(
        "COMMENT ON COLUMN ai_budgets.interim_until IS 'Edited by admins in standing rows. When"
        " interim_usd lapses, such as the end of the UTC day.'"
    )
    sql_file("sql/functions/call_budgets_v1.sql", again=True)
    declare_compatible("0002_functions")


def downgrade() -> None:
    """The columns stay, as the function does that reads them: older code goes on with both."""
    execute("ALTER TABLE ai_budgets DROP CONSTRAINT ai_budgets_interim")
    declare_compatible("0002_functions")
