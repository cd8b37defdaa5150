"""A client is forgotten with one call: ai_forget_client(7).

A model call that ends after its request has gone settles its cost, and keeps no words.
"""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0026_forget_client"
down_revision = "0025_refusals"


def upgrade() -> None:
    sql_file("sql/functions/forget_client.sql")
    execute(
        "COMMENT ON FUNCTION ai_forget_client IS 'For admins: erases what these tables hold of a"
        " client, and notes who did; the bill of model calls stays, without their words. Gives the"
        " rows per table. SELECT ai_forget_client(7).'"
    )
    sql_file("sql/functions/call_end_v1.sql", again=True)
    execute(
        "COMMENT ON COLUMN ai_llm_calls.prompt IS 'What was sent; NULL where prompts are not kept,"
        " and once the request is gone.'"
    )
    execute(
        "COMMENT ON COLUMN ai_llm_calls.response IS 'The answer; NULL where it was forgotten or"
        " none came, and once the request is gone.'"
    )
    declare_compatible("0002_functions")


def downgrade() -> None:
    """ai_call_end_v1 takes and gives what it did."""
    execute("DROP FUNCTION ai_forget_client(bigint, text, text)")
    declare_compatible("0002_functions")
