"""The next release takes over from this one under load, and gives back again."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import psycopg
import pytest
from rich.console import Console

from daemon import migrate
from daemon.errors import EXIT_SCHEMA_TOO_NEW
from tests.chaos.nursery import forked
from tests.chaos.run import Plan
from tests.chaos.upgrade import copied, perform
from tests.kit.postgres import ROOT
from tests.kit.signals import PATIENCE_SECONDS

# As a later release would begin to use a column: nothing that this one knows changes its meaning.
NEXT = f'''
from migrations.load import declare_compatible, execute, index

revision = "9999_next"
down_revision = "{migrate.head()}"


def upgrade() -> None:
    index("ai_requests_later", "ai_requests (requested_by) WHERE requested_by IS NOT NULL")
    execute("ALTER TABLE ai_requests ADD COLUMN later text NOT NULL DEFAULT ''")
    declare_compatible("{migrate.head()}")


def downgrade() -> None:
    execute("DROP INDEX ai_requests_later")
    execute("ALTER TABLE ai_requests DROP COLUMN later")
    declare_compatible("{migrate.head()}")
'''


@pytest.mark.database
@pytest.mark.random_seed
@pytest.mark.timeout(300)
def test_rolling_upgrade(tmp_path: Path) -> None:
    """Two releases work side by side, each alone on the newer schema, and the older one while the
    last migration is taken back: the app meets no error, nothing is lost or bought twice."""
    later = copied(tmp_path / "next")
    (later / "migrations" / "versions" / "9999_next.py").write_text(NEXT, encoding="utf-8")
    plan = Plan(0.0, 0, secrets.randbelow(10**6), daemons=1, pause_seconds=0.3, quiet_rounds=2)
    report = perform(plan, Console(quiet=True), tmp_path, ROOT, later, again=False)
    assert len(report.deeds) == 5
    assert report.facts["ends listened for"] > 0
    assert report.violations == [], f"seed {plan.seed}"


@pytest.mark.database
def test_a_schema_that_needs_newer_code(database: str, tmp_path: Path) -> None:
    """A daemon that meets a schema which it does not work with ends with 57 and says why."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE ai_alembic_version SET version_num = '9999_next'")
        connection.execute(
            "COMMENT ON TABLE ai_alembic_version IS 'works with code from 9999_next'"
        )
    log = tmp_path / "log"
    with forked(database, log) as process:
        process.join(PATIENCE_SECONDS)
        assert process.exitcode == EXIT_SCHEMA_TOO_NEW
    assert re.search("revision 9999_next, which needs newer code", log.read_text())
