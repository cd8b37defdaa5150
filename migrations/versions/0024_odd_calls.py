"""A priority of NULL is none, not the highest; the queue's view can tell the age of what somebody
wants done first; a question of a request that has ended cannot be answered; two installations in
one database do not wait for each other's counting.
"""

from __future__ import annotations

from migrations.load import declare_compatible, sql_file

revision = "0024_odd_calls"
down_revision = "0023_interim_budgets"


def upgrade() -> None:
    for name in ("submit_v1", "answer_v1", "hours_v1", "health_state_v1"):
        sql_file(f"sql/functions/{name}.sql", again=True)
    sql_file("sql/views/queue_depth.sql", again=True)
    declare_compatible("0002_functions")


def downgrade() -> None:
    """The functions and the view do what they did."""
    declare_compatible("0002_functions")
