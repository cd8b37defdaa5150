"""What somebody says holds: 'infinity' is a moment that never comes, a raised limit counts.

A pause, a request or a silence without an end no longer ends the daemons. What a request may spend
is what its agent and its own wish say now. An answer that was erased is bought again.
A clock that was set back stops no model's rate from filling.
"""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0017_for_ever"
down_revision = "0016_client_index"


def upgrade() -> None:
    # 0023 knows them; the function has the text of now, and daemons ask models in between.
    execute(
        "ALTER TABLE ai_budgets ADD COLUMN IF NOT EXISTS interim_usd numeric(14, 8),"
        " ADD COLUMN IF NOT EXISTS interim_until timestamptz"
    )
    for name in ("left_v1", "acknowledge", "call_budgets_v1", "call_begin_v1", "call_end_v1"):
        sql_file(f"sql/functions/{name}.sql", again=True)
    declare_compatible("0002_functions")


def downgrade() -> None:
    """The functions take what they took and give what they gave: older code goes on with them."""
    declare_compatible("0002_functions")
