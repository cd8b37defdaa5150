"""Keys and sessions: who may use the HTTP API and the console."""

from __future__ import annotations

from migrations.load import declare_compatible

revision = "0011_access"
down_revision = "0010_upkeep"


def upgrade() -> None:
    declare_compatible("0002_functions")


def downgrade() -> None:
    declare_compatible("0002_functions")
