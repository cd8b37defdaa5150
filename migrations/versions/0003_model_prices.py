"""What models cost, as published; an admin adds rows, and never needs to change these."""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0003_model_prices"
down_revision = "0002_functions"


def upgrade() -> None:
    sql_file("migrations/versions/0003_model_prices.sql")
    declare_compatible("0002_functions")


def downgrade() -> None:
    execute("DELETE FROM ai_model_prices WHERE source LIKE 'seed %'")
