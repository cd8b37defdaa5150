"""Requests that lost their workers together, and not for the first time, run again one by one."""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0027_apart"
down_revision = "0026_forget_client"


def upgrade() -> None:
    sql_file("sql/functions/reap_v2.sql")
    execute(
        "COMMENT ON FUNCTION ai_reap_v2 IS 'Daemon only: rescues requests whose worker is gone.'"
    )
    execute("COMMENT ON FUNCTION ai_reap_v1 IS 'What older daemons call: as ai_reap_v2.'")
    declare_compatible("0002_functions")


def downgrade() -> None:
    execute("DROP FUNCTION ai_reap_v2")
    execute(
        "COMMENT ON FUNCTION ai_reap_v1 IS 'Daemon only: rescues requests whose worker is gone.'"
    )
    declare_compatible("0002_functions")
