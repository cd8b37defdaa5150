"""Migrating: once or many times, by many at once, interrupted, as a script, forwards and back."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from daemon import cli, migrate, preflight
from daemon.demo.gym.schema import DDL
from daemon.embedded import EmbeddedPostgres
from daemon.errors import ConfigurationError, SchemaTooNew
from tests.kit.postgres import ROOT, throwaway
from tests.kit.process import clean_environment
from tests.kit.signals import until
from tests.sql.catalogue import catalogue_at, difference
from tests.sql.cluster import PASSWORD, Cluster
from tests.sql.driver import Queue

ANYTHING_OF_OURS = (
    "SELECT relname FROM pg_class WHERE relname LIKE 'ai\\_%'"
    " UNION ALL SELECT proname FROM pg_proc WHERE proname LIKE 'ai\\_%'"
)


def started(dsn: str) -> subprocess.Popen[str]:
    """`python -m daemon migrate` on its way."""
    return subprocess.Popen(
        [sys.executable, "-m", "daemon", "migrate", "--json"],
        cwd=ROOT,
        env=clean_environment() | {"DATABASE_URL": dsn},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_second_run_changes_nothing(database: str) -> None:
    """A migrated database is left as it is."""
    before = catalogue_at(database)
    assert migrate.upgrade(database) == migrate.Migrated(migrate.head(), migrate.head())
    assert difference(before, catalogue_at(database)) == {}


def test_three_at_once(database: str, empty_database: str) -> None:
    """Of three processes that start together one migrates, the others wait, none fails."""
    racers = [started(empty_database) for _ in range(3)]
    told = [racer.communicate(timeout=50)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0], told
    assert sum('"changed": true' in line for line in told) == 1, told
    assert difference(catalogue_at(database), catalogue_at(empty_database)) == {}


def test_a_pooler_makes_the_lock_worthless(database: str, empty_database: str) -> None:
    """Migrators that do not see each other's lock still all succeed."""
    program = (
        "import sys; from daemon import migrate; migrate._wait_for_turn = lambda *_: None;"
        " migrate.upgrade(sys.argv[1])"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program, empty_database],
            cwd=ROOT,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(3)
    ]
    told = [racer.communicate(timeout=50)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0], told
    assert difference(catalogue_at(database), catalogue_at(empty_database)) == {}


def test_killed_midway(database: str, empty_database: str) -> None:
    """kill -9 in the middle leaves nothing behind; the next one finishes the work."""
    with psycopg.connect(empty_database, autocommit=True) as other:
        other.execute((DDL / "older_ai.sql").read_bytes())
        before = catalogue_at(empty_database)
        with other.transaction():
            other.execute("LOCK TABLE ai_code_suggestions IN ACCESS SHARE MODE")
            victim = started(empty_database)
            try:
                until(
                    lambda: other.execute(
                        "SELECT 1 FROM pg_locks WHERE relation = 'ai_code_suggestions'::regclass"
                        " AND NOT granted"
                    ).fetchone(),
                    what="the migration is in the middle",
                )
            finally:
                victim.kill()
                victim.communicate()
        until(
            lambda: (
                other.execute(
                    "SELECT count(*) = 0 FROM pg_stat_activity"
                    " WHERE application_name = 'ai-daemon/migrate'"
                    " AND datname = current_database()"
                ).fetchone()
                == (True,)
            ),
            what="the server has noticed",
        )
        assert difference(before, catalogue_at(empty_database)) == {}
    assert migrate.upgrade(empty_database).changed
    after = catalogue_at(empty_database)
    assert difference(catalogue_at(database), after) == {}
    assert all(valid and ready for _, valid, ready, _ in after["indexes"])


def test_a_busy_table_is_waited_for(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table in use delays the migration, which gives way in between and then succeeds."""
    monkeypatch.setattr(migrate, "DDL_LOCK_TIMEOUT", "50ms")
    waits: list[float] = []
    with psycopg.connect(empty_database) as other:
        other.execute((DDL / "older_ai.sql").read_bytes())
        other.commit()
        other.execute("LOCK TABLE ai_agents IN ACCESS SHARE MODE")

        def wait(seconds: float) -> None:
            waits.append(seconds)
            other.rollback()

        monkeypatch.setattr("daemon.migrate.time.sleep", wait)
        assert migrate.upgrade(empty_database).changed
    assert waits == [1]


def run_script(dsn: str, script: str) -> None:
    """As a DBA does: psql if there is one, else any client that takes several statements."""
    if shutil.which("psql"):
        subprocess.run(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", dsn],
            input=script,
            text=True,
            check=True,
            capture_output=True,
        )
    else:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(script.encode())


@pytest.mark.parametrize("older", [False, True])
def test_script_for_a_dba(database: str, empty_database: str, older: bool) -> None:
    """`migrate --sql` makes the same database as migrating does, of an adopted one too."""
    if older:
        with psycopg.connect(empty_database, autocommit=True) as connection:
            connection.execute((DDL / "older_ai.sql").read_bytes())
    out = io.StringIO()
    with redirect_stdout(out):
        assert cli.main(["migrate", "--sql"]) == 0
    run_script(empty_database, out.getvalue())
    assert difference(catalogue_at(database), catalogue_at(empty_database)) == {}
    assert not migrate.upgrade(empty_database).changed


def test_script_of_the_last_step(database: str) -> None:
    """`migrate --sql --since` brings an older schema up to date."""
    whole = catalogue_at(database)
    step = migrate.revisions()[-2]
    migrate.downgrade(database, step)
    run_script(database, migrate.script(since=step))
    assert difference(whole, catalogue_at(database)) == {}
    assert not migrate.upgrade(database).changed


def test_back_and_forth(database: str) -> None:
    """The last migration can be taken back and made again, and so can all of them."""
    whole = catalogue_at(database)
    for target in (migrate.revisions()[-2], "base"):
        migrate.downgrade(database, target)
        assert migrate.upgrade(database).changed
        assert difference(whole, catalogue_at(database)) == {}


@pytest.mark.parametrize(
    "name",
    [
        "ai_claim_v1",
        "ai_left_v1",
        "ai_complete_v1",
        "ai_silence",
        "ai_call_begin_v1",
        "ai_call_budgets_v1",
        "ai_call_end_v1",
    ],
)
def test_a_function_of_long_ago_becomes_the_one_of_today(database: str, name: str) -> None:
    """Who ran the migration that made a function has its old text; a later one brings the new."""
    whole = catalogue_at(database)
    migrate.downgrade(database, "0012_console")
    with psycopg.connect(database, autocommit=True) as connection:
        older = connection.execute(
            "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = %s", (name,)
        ).fetchone()
        assert older is not None
        connection.execute(older[0].replace("BEGIN", "BEGIN -- as it was", 1).encode())
    assert migrate.upgrade(database).changed
    assert difference(whole, catalogue_at(database)) == {}


def test_amounts_that_are_none_are_mended(database: str) -> None:
    """What an older release took for a price or a limit is gone, the rest of its row is not."""
    migrate.downgrade(database, "0021_odd_rows")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ai_control (task_type, daily_budget_usd) VALUES ('x', 'NaN'), ('y', 2);"
            "INSERT INTO ai_budgets (scope, period, limit_usd) VALUES ('global', 'day', 'NaN');"
            "INSERT INTO ai_model_prices (model_pattern, input_usd_per_million,"
            " cached_input_usd_per_million, output_usd_per_million)"
            " VALUES ('never', 1, NULL, 'NaN'), ('always', 1, 'NaN', 2)"
        )
        assert migrate.upgrade(database).changed
        control = "SELECT task_type, daily_budget_usd FROM ai_control ORDER BY 1"
        assert connection.execute(control).fetchall() == [("x", None), ("y", 2)]
        budgets = "SELECT scope, limit_usd FROM ai_budgets"
        assert connection.execute(budgets).fetchall() == [("global", None)]
        prices = connection.execute(
            "SELECT model_pattern, cached_input_usd_per_million FROM ai_model_prices"
            " WHERE model_pattern IN ('never', 'always')"
        )
        assert prices.fetchall() == [("always", None)]


def test_a_bucket_counted_at_no_time_is_counted_now(database: str) -> None:
    """Before PostgreSQL 17 it ended every claim; it is mended, and nobody can write it again."""
    migrate.downgrade(database, "0024_odd_calls")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ai_control (task_type, starts_per_minute, bucket, bucket_at)"
            " VALUES ('work', 60, 60, 'infinity')"
        )
        assert migrate.upgrade(database).changed
        connection.execute("INSERT INTO ai_requests (task_type) VALUES ('work')")
        claim = "SELECT id FROM ai_claim_v1('w1', ARRAY['work'], 5, '30 s')"
        assert len(connection.execute(claim).fetchall()) == 1
        with pytest.raises(psycopg.errors.CheckViolation, match="ai_control_bucket_at"):
            connection.execute("UPDATE ai_control SET bucket_at = '-infinity'")


def test_the_script_is_for_postgresql_13_too() -> None:
    """No statement is one that came with a later version."""
    assert "OR REPLACE TRIGGER" not in migrate.script()  # 14


def test_daemons_claim_between_two_migrations(empty_database: str) -> None:
    """Each is committed by itself, and what it leaves works, also if the next one fails."""
    migrate.upgrade(empty_database, to="0012_console")
    for revision in ("0013_call_batches", "0014_quick_claims", "0016_client_index", None):
        migrate.upgrade(empty_database, to=revision)
        with psycopg.connect(empty_database, autocommit=True) as connection:
            connection.execute("INSERT INTO ai_requests (task_type) VALUES ('work')")
            claim = "SELECT id FROM ai_claim_v1('w1', ARRAY['work'], 5, '30 s')"
            assert len(connection.execute(claim).fetchall()) == 1


def test_back_to_nothing(database: str) -> None:
    """Taking all back leaves nothing but the empty version table."""
    migrate.downgrade(database, "base")
    with psycopg.connect(database) as connection:
        left = {name for (name,) in connection.execute(ANYTHING_OF_OURS.encode())}
        assert left == {"ai_alembic_version", "ai_alembic_version_pkc"}
        assert connection.execute("SELECT FROM ai_alembic_version").fetchall() == []


def newer(dsn: str, note: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE ai_alembic_version SET version_num = '9999_later'")
        connection.execute(f"COMMENT ON TABLE ai_alembic_version IS '{note}'".encode())


def test_newer_but_compatible(database: str) -> None:
    """A database ahead of this code that says it still works with it is left alone."""
    newer(database, f"works with code from {migrate.revisions()[0]}")
    assert migrate.upgrade(database) == migrate.Migrated("9999_later", "9999_later")


@pytest.mark.parametrize("note", ["works with code from 9998_other", "", "breaking"])
def test_newer_and_breaking(database: str, note: str) -> None:
    """A database that needs newer code ends the process with 57 and changes nothing."""
    newer(database, note)
    before = catalogue_at(database)
    with pytest.raises(SchemaTooNew, match="9999_later"):
        migrate.upgrade(database)
    child = started(database)
    told, _ = child.communicate(timeout=50)
    assert child.returncode == 57, told
    assert "9999_later" in told
    assert difference(before, catalogue_at(database)) == {}


def with_path(dsn: str, search_path: str) -> str:
    return f"{dsn}?options={quote('-csearch_path=' + search_path)}"


@pytest.mark.parametrize(("encoding", "taken"), [("SQL_ASCII", True), ("LATIN1", False)])
def test_encoding_of_the_database(
    private_server: EmbeddedPostgres, encoding: str, taken: bool
) -> None:
    """One that keeps any bytes is taken; one that lacks letters is refused before a table is
    there, with what to do."""
    with psycopg.connect(private_server.dsn(), autocommit=True) as admin:
        admin.execute(
            f"CREATE DATABASE old TEMPLATE template0 ENCODING '{encoding}'"
            " LC_COLLATE 'C' LC_CTYPE 'C'".encode()
        )
    told = started(private_server.dsn("old"))
    said, _ = told.communicate(timeout=50)
    assert (told.returncode == 0) is taken, said
    if not taken:
        assert told.returncode == 78
        assert "encoding is LATIN1" in said
        assert "ENCODING 'UTF8'" in said
        with psycopg.connect(private_server.dsn("old")) as connection:
            assert connection.execute(ANYTHING_OF_OURS).fetchall() == []


def test_schema_that_needs_quotes(database: str, empty_database: str) -> None:
    """Everything lives and works in the first schema of the search path, whatever its name."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute('CREATE SCHEMA "Gym App"')
    dsn = with_path(empty_database, '"Gym\\ App",public')
    assert migrate.upgrade(dsn).changed
    assert not migrate.upgrade(dsn, regrant=True).changed
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert (
            connection.execute(
                "SELECT relname FROM pg_class WHERE relname LIKE 'ai\\_%'"
                " AND relnamespace <> '\"Gym App\"'::regnamespace"
            ).fetchall()
            == []
        )
        queue = Queue(connection)
        connection.execute("SET search_path = ''")
        connection.execute("INSERT INTO \"Gym App\".ai_requests (task_type) VALUES ('work')")
        connection.execute('SET search_path = "Gym App"')
        (row,) = queue.claim()
        assert queue.finish("w1", row) == "accepted"
    ours, theirs = catalogue_at(database), catalogue_at(dsn, "Gym App")
    assert {kind: len(rows) for kind, rows in ours.items()} == {
        kind: len(rows) for kind, rows in theirs.items()
    }


def test_what_an_incomplete_removal_left(empty_database: str) -> None:
    """A function without its tables is named, with what to do; nothing is made beside it."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION ai_key_v1(text) RETURNS text LANGUAGE sql AS 'SELECT 1'"
        )
        with pytest.raises(ConfigurationError, match=r"in the way: function \"ai_key_v1\""):
            migrate.upgrade(empty_database)
        made = connection.execute("SELECT FROM pg_class WHERE relname LIKE 'ai\\_%'").fetchall()
    assert made == []


def test_tables_further_down_the_path(database: str) -> None:
    """Tables in a later schema of the search path are found there, not made a second time."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA app")
    before = catalogue_at(database)
    migrate.downgrade(database, migrate.revisions()[-2])
    dsn = with_path(database, "app,public")
    assert migrate.upgrade(dsn) == migrate.Migrated(migrate.revisions()[-2], migrate.head())
    assert difference(before, catalogue_at(database)) == {}
    with psycopg.connect(database) as connection:
        inside = connection.execute(
            "SELECT FROM pg_class WHERE relnamespace = 'app'::regnamespace"
        ).fetchall()
    assert inside == []


@pytest.mark.parametrize("major", [16, 18])
def test_both_embedded_versions(major: int) -> None:
    """The schema installs on either PostgreSQL that the tests and the demo can bring along."""
    with throwaway(major) as server:
        assert migrate.upgrade(server.dsn()).changed
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            assert connection.info.server_version // 10000 == major
            queue = Queue(connection)
            queue.insert()
            (row,) = queue.claim()
            assert queue.finish("w1", row) == "accepted"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server with a role that owns nothing, and two databases to try it on."""
    with throwaway() as server:
        cluster = Cluster(server.dsn())
        cluster.role("guest")
        cluster.role('"Odd Guest"')
        with cluster.owner() as owner:
            owner.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
            owner.execute("CREATE DATABASE migrated")
            owner.execute("CREATE DATABASE older")
        with cluster.owner("older") as owner:
            owner.execute((DDL / "older_ai.sql").read_bytes())
            owner.execute("GRANT CREATE ON SCHEMA public TO guest")
        migrate.upgrade(server.dsn().removesuffix("/postgres") + "/migrated")
        yield cluster


def refusal(dsn: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        migrate.upgrade(dsn)
    return caught.value


def test_no_right_to_create(cluster: Cluster) -> None:
    """A role that may not create tables is told the GRANT that helps, and it helps."""
    error = refusal(cluster.dsn("guest"))
    assert "may not create tables in schema public" in str(error)
    grant = "GRANT CREATE ON SCHEMA public TO guest"
    assert grant in error.hint
    odd = refusal(cluster.dsn(quote("Odd Guest")))
    assert 'GRANT CREATE ON SCHEMA public TO "Odd Guest"' in odd.hint
    with cluster.owner() as owner:
        owner.execute(grant.encode())
    assert migrate.upgrade(cluster.dsn("guest")).changed


def test_no_schema_at_all(cluster: Cluster) -> None:
    """A search path that leads nowhere is named."""
    error = refusal(cluster.dsn("guest", "older", search_path="nowhere"))
    assert "(nowhere)" in str(error)
    assert "GRANT USAGE, CREATE ON SCHEMA" in error.hint


def test_not_the_owner_of_older_tables(cluster: Cluster) -> None:
    """Who does not own the tables to adopt is told who does, before anything is touched."""
    before = catalogue_at(cluster.owner_dsn.removesuffix("/postgres") + "/older")
    error = refusal(cluster.dsn("guest", "older"))
    assert "ai_agents: it belongs to postgres" in str(error)
    assert "GRANT postgres TO guest" in error.hint
    after = catalogue_at(cluster.owner_dsn.removesuffix("/postgres") + "/older")
    assert difference(before, after) == {}


def test_may_not_read_the_version(cluster: Cluster) -> None:
    """Who may not read our tables is told the GRANT, without a traceback."""
    error = refusal(cluster.dsn("guest", "migrated"))
    assert "GRANT SELECT ON ai_alembic_version TO guest" in error.hint
    child = started(cluster.dsn("guest", "migrated"))
    told, _ = child.communicate(timeout=50)
    assert child.returncode == 78, told
    assert "Traceback" not in told
    assert PASSWORD not in told


def test_table_list_is_complete(connection: psycopg.Connection[Any]) -> None:
    """The tables looked for before a migration are those that it makes."""
    made = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    ).fetchall()
    assert {name for (name,) in made} == preflight.our_tables() | {"ai_alembic_version"}
