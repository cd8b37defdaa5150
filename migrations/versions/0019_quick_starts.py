"""A request starts while its claim is on the way to the disk; its first model call waits for it.

What a crash of PostgreSQL may have undone is told by ai_lease_epoch.undone_to.
"""

from __future__ import annotations

from migrations.load import declare_compatible, execute, sql_file

revision = "0019_quick_starts"
down_revision = "0018_light_inserts"


def upgrade() -> None:
    execute(
        "ALTER TABLE ai_lease_epoch ADD COLUMN IF NOT EXISTS undone_to bigint NOT NULL DEFAULT 0"
    )
    execute(
        "COMMENT ON COLUMN ai_lease_epoch.undone_to IS 'Claims of requests up to this id may have"
        " been undone by the crash that emptied the leases; their next fence is two higher.'"
    )
    execute(
        "COMMENT ON COLUMN ai_requests.fence IS 'Written by the daemon. Grows with each claim, and"
        " is never reset: a worker that lost its claim can write nothing under an older number.'"
    )
    # A new queue has nothing that a crash could have undone.
    execute(
        "INSERT INTO ai_lease_epoch (singleton) SELECT true"
        " WHERE NOT EXISTS (SELECT FROM ai_requests) ON CONFLICT DO NOTHING"
    )
    for name in ("adopt_v1", "claim_v1", "call_begin_v1", "calls_v1"):
        sql_file(f"sql/functions/{name}.sql", again=True)
    declare_compatible("0002_functions")


def downgrade() -> None:
    """The functions take what they took and give what they gave: older code goes on with them."""
    declare_compatible("0002_functions")
