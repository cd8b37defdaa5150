"""No row that somebody inserts or edits can keep a daemon from its work: inputs whose numbers are
endless once they are written out, a name of megabytes, requests whose agent was archived while
they waited. A probe's end locks the breaker's rows in the one order.
"""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0021_odd_rows"
down_revision = "0020_light_ends"


def upgrade() -> None:
    sql_file("sql/functions/input_v1.sql")
    execute(
        "COMMENT ON FUNCTION ai_input_v1(jsonb, integer) IS 'An input as JSON text and its size in"
        " bytes; NULL for a text that would be longer than the limit.'"
    )
    for name in ("guard_v1", "claim_v1", "sweep_v1", "call_end_v1"):
        sql_file(f"sql/functions/{name}.sql", again=True)
    execute(
        "COMMENT ON TRIGGER ai_guard ON ai_requests IS"
        " 'Whatever a client sends, the server''s columns begin as they should.'"
    )
    declare_compatible("0002_functions")


def downgrade() -> None:
    """The other functions do what they did."""
    execute("DROP FUNCTION ai_input_v1(jsonb, integer)")
    declare_compatible("0002_functions")
