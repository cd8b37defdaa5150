"""What the console needs: an index for a client's requests, hourly roll-ups for long windows.

Lists of ended requests go by ai_requests_finished_at, live ones by the queue's own indexes. A
client's requests have an index of their own, over ended requests alone: an insert and a claim pay
nothing for it. On a table with rows it is built concurrently, so that nobody waits.
"""

from __future__ import annotations

from alembic import context, op

from migrations.load import declare_compatible, execute, sql_file

revision = "0012_console"
down_revision = "0011_access"

INDEX = """INDEX {mode} ai_requests_client
    ON {schema}ai_requests ((input_data ->> 'client_id'), id DESC)
    WHERE finished_at IS NOT NULL AND input_data ->> 'client_id' IS NOT NULL"""


def upgrade() -> None:
    index_of_clients()
    sql_file("migrations/versions/0012_console.sql")
    sql_file("sql/functions/hours_v1.sql")
    sql_file("migrations/versions/0012_comments.sql")
    declare_compatible("0002_functions")


def index_of_clients() -> None:
    """Concurrent where others work with the table: then outside of the transaction, and first, so
    that a migration that died midway finds it on its way again."""
    attributes = context.config.attributes
    if context.is_offline_mode() or attributes["first"]:
        execute("CREATE " + INDEX.format(mode="", schema=""))
        return
    schema = '"' + str(attributes["schema"]).replace('"', '""') + '".'
    with op.get_context().autocommit_block():
        # What is left of an interrupted build is invalid, and in the way.
        execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema}ai_requests_client")
        execute("CREATE " + INDEX.format(mode="CONCURRENTLY", schema=schema))


def downgrade() -> None:
    for function in (
        "ai_count_hour_v1(timestamptz)",
        "ai_histogram_v1(integer[])",
        "ai_edges_v1()",
    ):
        execute(f"DROP FUNCTION {function}")
    execute("DROP TABLE ai_hours, ai_call_hours")
    execute("DROP INDEX ai_requests_client")
    declare_compatible("0002_functions")
