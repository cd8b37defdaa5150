"""Suggestions about code: their life cycle; sources that are watched."""

from __future__ import annotations

from migrations.load import declare_compatible, execute, index, sql_file

revision = "0009_code"
down_revision = "0008_feedback"

# What is no longer found is looked for by file; lists go by status.
FILES = "ai_code_suggestions (repository, file_path) WHERE gone_at IS NULL"


def upgrade() -> None:
    index("ai_code_suggestions_file", FILES)
    index("ai_code_suggestions_request", "ai_code_suggestions (request_id)")
    sql_file("migrations/versions/0009_code.sql")
    sql_file("sql/functions/suggestion_decided_v1.sql")
    sql_file("sql/functions/suggestion_decide.sql")
    sql_file("sql/views/code_repositories.sql")
    sql_file("migrations/versions/0009_comments.sql")
    execute("REVOKE ALL ON FUNCTION ai_suggestion_decide FROM PUBLIC")
    declare_compatible("0002_functions")


def downgrade() -> None:
    sql_file("migrations/versions/0009_back.sql")
    declare_compatible("0002_functions")
