"""Keys and sessions: who may use the HTTP API and the console; an audit log that only grows."""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0011_access"
down_revision = "0010_upkeep"


def upgrade() -> None:
    sql_file("sql/functions/audit_kept_v1.sql")
    sql_file("migrations/versions/0011_access.sql")
    execute("REVOKE ALL ON FUNCTION ai_audit_kept_v1 FROM PUBLIC")
    declare_compatible("0002_functions")


def downgrade() -> None:
    sql_file("migrations/versions/0011_back.sql")
    declare_compatible("0002_functions")
