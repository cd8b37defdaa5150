"""Feedback on results: what people said of them, and what came of it."""

from __future__ import annotations

from migrations.load import declare_compatible

revision = "0008_feedback"
down_revision = "0007_outcomes"


def upgrade() -> None:
    declare_compatible("0002_functions")


def downgrade() -> None:
    declare_compatible("0002_functions")
