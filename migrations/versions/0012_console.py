"""What the console needs: an index for a client's requests, hourly roll-ups for long windows.

Lists of ended requests go by ai_requests_finished_at, live ones by the queue's own indexes. A
client's requests have an index of their own, over ended requests alone: an insert and a claim pay
nothing for it. On a table with rows it is built concurrently, so that nobody waits.
"""

from __future__ import annotations

from migrations.load import declare_compatible, execute, index, sql_file

revision = "0012_console"
down_revision = "0011_access"

CLIENT = """ai_requests ((input_data ->> 'client_id'), id DESC)
    WHERE finished_at IS NOT NULL AND input_data ->> 'client_id' IS NOT NULL"""


def upgrade() -> None:
    index("ai_requests_client", CLIENT)
    sql_file("migrations/versions/0012_console.sql")
    sql_file("sql/functions/hours_v1.sql")
    sql_file("migrations/versions/0012_comments.sql")
    declare_compatible("0002_functions")


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
