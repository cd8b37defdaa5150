"""The end of a call whose begin was sent twice settles the line that the second one wrote."""

from __future__ import annotations

from migrations.load import declare_compatible, sql_file

revision = "0015_sent_again"
down_revision = "0014_quick_claims"


def upgrade() -> None:
    sql_file("sql/functions/call_end_v1.sql", again=True)
    declare_compatible("0002_functions")


def downgrade() -> None:
    """The function takes what it took and gives what it gave: older code goes on with it."""
    declare_compatible("0002_functions")
