"""What the console's lists need: indexes, and hourly roll-ups for long windows."""

from __future__ import annotations

from migrations.load import declare_compatible

revision = "0012_console"
down_revision = "0011_access"


def upgrade() -> None:
    declare_compatible("0002_functions")


def downgrade() -> None:
    declare_compatible("0002_functions")
