"""Suggestions about code: identity, life cycle, sources that are watched."""

from __future__ import annotations

from migrations.load import declare_compatible

revision = "0009_code"
down_revision = "0008_feedback"


def upgrade() -> None:
    declare_compatible("0002_functions")


def downgrade() -> None:
    declare_compatible("0002_functions")
