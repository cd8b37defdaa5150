"""Health as states, healing actions, alerts and their deliveries."""

from __future__ import annotations

from migrations.load import declare_compatible

revision = "0010_upkeep"
down_revision = "0009_code"


def upgrade() -> None:
    declare_compatible("0002_functions")


def downgrade() -> None:
    declare_compatible("0002_functions")
