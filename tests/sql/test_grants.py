"""Who may do what: the main app asks, reads, cancels; people look; admins steer; none forges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from daemon import cli, migrate
from daemon.statements import FOLDER
from tests.sql.catalogue import catalogue, difference
from tests.sql.cluster import Cluster, running_cluster
from tests.sql.driver import Queue

SECRET_TABLES = {"ai_api_keys", "ai_sessions"}
Database = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


@pytest.fixture
def app(cluster: Cluster) -> Iterator[Database]:
    with cluster.connect("app") as connection:
        yield connection


@pytest.fixture
def reader(cluster: Cluster) -> Iterator[Database]:
    with cluster.connect("reader") as connection:
        yield connection


@pytest.fixture
def admin(cluster: Cluster) -> Iterator[Database]:
    with cluster.connect("admin") as connection:
        yield connection


@pytest.fixture
def daemon(cluster: Cluster) -> Iterator[Queue]:
    with cluster.owner() as connection:
        connection.execute("TRUNCATE ai_leases, ai_requests")
        yield Queue(connection)


def refused(connection: Database, statement: str) -> bool:
    try:
        connection.execute(statement.encode())
    except InsufficientPrivilege:
        return True
    return False


def one(connection: Database, statement: str) -> Any:
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


ASK = "INSERT INTO ai_requests (task_type, input_data) VALUES ('work', '{\"a\": 1}') RETURNING id"


def test_app_asks_reads_and_cancels(app: Database, daemon: Queue) -> None:
    """The whole conversation of contract and app works with the app's rights alone."""
    answered, stopped = one(app, ASK), one(app, ASK)
    app.execute("NOTIFY ai_requests")
    app.execute("LISTEN ai_results")
    app.execute("UPDATE ai_requests SET cancel_requested_at = now() WHERE id = %s", [stopped])
    (row,) = daemon.claim_all()
    assert row["id"] == answered
    assert daemon.finish("w1", row) == "accepted"
    daemon.sweep()
    statuses = app.execute(
        "SELECT status FROM ai_requests WHERE id = ANY (%s) ORDER BY id", [[answered, stopped]]
    ).fetchall()
    assert statuses == [("completed",), ("cancelled",)]
    assert one(app, f"SELECT result FROM ai_results WHERE request_id = {answered}") == {"by": 1}
    told = {note.payload for note in app.notifies(timeout=0)}
    assert f'{{"id": {answered}, "status": "completed"}}' in told


def test_app_submits_once(app: Database) -> None:
    """ai_submit and ON CONFLICT work with INSERT and SELECT alone."""
    submit = "SELECT ai_submit('work', '{}', idempotency_key => 'grants')"
    first = one(app, submit)
    assert one(app, submit) == first
    again = app.execute(
        "INSERT INTO ai_requests (task_type, idempotency_key) VALUES ('work', 'grants')"
        " ON CONFLICT (task_type, idempotency_key) DO NOTHING RETURNING id"
    )
    assert again.fetchall() == []


def test_app_says_what_an_answer_was_worth(app: Database) -> None:
    """Feedback needs INSERT alone, also to take back what was said before."""
    request_id = one(app, ASK)
    for verdict in ("helpful", "incorrect"):
        app.execute(
            "INSERT INTO ai_feedback (item_id, verdict, given_by) VALUES (%s, %s, 'client:7')",
            [f"{request_id}-1", verdict],
        )
    said = f"SELECT string_agg(verdict, ',') FROM ai_feedback WHERE request_id = {request_id}"
    assert one(app, said) == "incorrect"
    assert refused(app, "UPDATE ai_feedback SET problem = NULL")
    assert refused(app, "DELETE FROM ai_feedback")


def test_app_cannot_choose_what_is_ours(app: Database, cluster: Cluster) -> None:
    """Columns that the server decides are overwritten, whatever an ORM sends."""
    before = one(app, ASK)
    app.execute(
        "INSERT INTO ai_requests (id, task_type, status, attempt, max_attempts, fence, checked,"
        " mode, cost_usd, agent_version, error, created_at, started_at, finished_at)"
        " VALUES (7, 'forged', 'completed', -5, 99, 10, true, 'full', -1, 3, '{}',"
        " '2001-01-01', now(), now())"
    )
    row = app.execute(
        "SELECT id > %s, status, attempt, max_attempts, fence, checked, mode, cost_usd,"
        " agent_version, error, created_at > now() - interval '1 hour', started_at, finished_at"
        " FROM ai_requests WHERE task_type = 'forged'",
        [before],
    ).fetchone()
    assert row == (True, "pending", 0, 3, 0, False, None, None, None, None, True, None, None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ai_requests SET status = 'completed'",
        "UPDATE ai_requests SET fence = 99",
        "UPDATE ai_requests SET priority = 9",
        "UPDATE ai_requests SET max_usd = 100",
        "UPDATE ai_requests SET max_attempts = 99, cancel_requested_at = now()",
        "DELETE FROM ai_requests",
        "TRUNCATE ai_requests",
        "INSERT INTO ai_results SELECT 1, 'a', 'full', NULL, '{}', now()",
        "UPDATE ai_results SET result = '{}'",
        "UPDATE ai_control SET concurrency = 1000",
        "SELECT config FROM ai_agents",
        "SELECT config FROM ai_agent_versions",
        "UPDATE ai_agents SET config = '{}'",
        "SELECT prompt FROM ai_llm_calls",
        "UPDATE ai_budgets SET limit_usd = NULL",
        "INSERT INTO ai_model_prices (model_pattern) VALUES ('*')",
        "UPDATE ai_approvals SET decided_at = now()",
        "SELECT FROM ai_approvals",
        "INSERT INTO ai_leases VALUES (1, 1, 'a', '', 'w', now())",
        "SELECT ai_retry(1)",
        "SELECT ai_forget_client(1)",
        "SELECT ai_complete_v1('w1', '[]')",
        "SELECT ai_claim_v2('w1', '{work}', 1, '30 s', NULL, NULL)",
        "SELECT ai_heartbeat_v1('w1', '{1}', '{1}', '30 s')",
        "SELECT setval('ai_requests_id_seq', 1)",
        "INSERT INTO ai_results (request_id, task_type, result) VALUES (1, 'a', '{}')",
        "DELETE FROM ai_results",
        "UPDATE ai_workout_plans SET client_id = 1",
        "INSERT INTO ai_attempts SELECT",
        "UPDATE ai_control SET daily_budget_usd = 1000",
        "UPDATE ai_control SET per_key = 1000",
        "INSERT INTO ai_budgets (scope, period, limit_usd) VALUES ('global', 'day', 1000)",
        "UPDATE ai_rate_buckets SET burst = 1000",
        "SELECT spent_usd FROM ai_budgets",
        "SELECT response FROM ai_llm_calls",
        "SELECT FROM ai_steps",
        "SELECT FROM ai_api_keys",
        "INSERT INTO ai_api_keys SELECT",
        "SELECT FROM ai_sessions",
        "SELECT FROM ai_audit_log",
        'UPDATE ai_approvals SET answer = \'{"decision": "approve"}\'',
        "INSERT INTO ai_agents (name, type) VALUES ('Mine', 'mine')",
        "INSERT INTO ai_schedules (name, task_type, trigger) VALUES ('s', 'work', '0 6 * * *')",
        "UPDATE ai_workers SET drain_requested_at = now()",
        "ALTER TABLE ai_requests DISABLE TRIGGER ai_guard",
        "ALTER TABLE ai_requests ENABLE TRIGGER ai_guard",
        """CREATE TRIGGER mine BEFORE UPDATE ON ai_requests
            FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()""",
        "DROP TABLE ai_results",
        "DO $$ BEGIN LOCK TABLE ai_requests IN ACCESS EXCLUSIVE MODE; END $$",
        "DO $$ BEGIN LOCK TABLE ai_control IN SHARE MODE; END $$",
        """INSERT INTO ai_requests (task_type, idempotency_key) VALUES ('work', 'k')
            ON CONFLICT (task_type, idempotency_key) DO UPDATE SET status = 'completed'""",
        "UPDATE ai_requests SET error = NULL",
        "SELECT nextval('ai_requests_id_seq')",
        "SELECT last_value FROM ai_feedback_id_seq",
        "COMMENT ON TABLE ai_requests IS 'mine'",
        "CREATE RULE mine AS ON INSERT TO ai_requests DO INSTEAD NOTHING",
        "CREATE VIEW public.mine AS SELECT 1",
        "CREATE FUNCTION public.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "SELECT ai_ring()",
        "SELECT ai_answer(1, 'plan')",
        "SELECT ai_heal_answer(1, true)",
        "SELECT ai_acknowledge(1)",
        "SELECT ai_silence(1, now())",
        "SELECT ai_suggestion_decide(1, 'accepted')",
        "INSERT INTO ai_system_health SELECT",
        "UPDATE ai_code_suggestions SET status = 'accepted'",
        "SELECT FROM ai_alert_deliveries",
    ],
)
def test_app_may_nothing_else(app: Database, daemon: Queue, statement: str) -> None:
    """No result, status, limit, setting or secret is within the app's reach."""
    daemon.insert()
    daemon.finish("w1", daemon.claim()[0])
    assert refused(app, statement)


def test_app_reaches_what_it_is_given(cluster: Cluster) -> None:
    """The whole list of what the app's role may touch, so that nothing new is open to it unseen:
    no view, and of every other table nothing at all."""
    with cluster.owner() as owner:
        found = owner.execute(
            "SELECT c.relname, array_agg(p.kind ORDER BY p.kind) FROM pg_class c"
            " CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'),"
            "   ('REFERENCES'), ('TRIGGER')) AS p (kind)"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'S', 'm')"
            "   AND CASE WHEN c.relkind = 'S' THEN p.kind = 'SELECT'"
            "       AND has_sequence_privilege('app', c.oid, 'USAGE,SELECT,UPDATE')"
            "     ELSE has_table_privilege('app', c.oid, p.kind) END"
            " GROUP BY 1"
        ).fetchall()
        columns = owner.execute(
            "SELECT attrelid::regclass::text, attname FROM pg_attribute WHERE attacl IS NOT NULL"
            " AND attacl::text LIKE '%ai_app=%'"
        ).fetchall()
    looked_at = (
        "ai_results ai_request_events ai_workout_plans ai_workout_plan_items ai_progress_reports"
        " ai_schedule_suggestions ai_system_health ai_code_suggestions"
    )
    assert dict(found) == {name: ["SELECT"] for name in looked_at.split()} | {
        name: ["INSERT", "SELECT"] for name in ("ai_requests", "ai_feedback")
    }
    assert columns == [("ai_requests", "cancel_requested_at")]


def test_functions_are_not_lent_out(app: Database, cluster: Cluster) -> None:
    """A function that runs with our rights cannot be attached to somebody's own table."""
    app.execute("CREATE TEMP TABLE ai_approvals (request_id bigint, decided_at timestamptz)")
    for function in ("ai_answered_v1", "ai_agent_versioned_v1", "ai_guard_v1"):
        assert refused(
            app,
            f"CREATE TRIGGER t{function} BEFORE INSERT ON pg_temp.ai_approvals"
            f" FOR EACH ROW EXECUTE FUNCTION public.{function}()",
        )
    with cluster.owner() as owner:
        lent = owner.execute(
            "SELECT oid::regprocedure::text FROM pg_proc WHERE proname LIKE 'ai\\_%'"
            " AND prosecdef AND has_function_privilege('app', oid, 'EXECUTE')"
        ).fetchall()
    assert lent == []


def test_temporary_tables_cannot_stand_in(app: Database) -> None:
    """An app's temporary objects of our names are not mistaken for ours by our triggers."""
    app.execute("CREATE TEMP TABLE ai_requests_shadow (id bigint)")
    app.execute("CREATE TEMP SEQUENCE ai_requests_id_seq START 5000000")
    app.execute("SET search_path = pg_temp, public")
    assert one(app, ASK.replace("ai_requests", "public.ai_requests")) < 5_000_000


@pytest.mark.parametrize("path", ["", "pg_catalog", "nowhere, pg_temp"])
def test_any_search_path(app: Database, path: str) -> None:
    """Triggers find our tables when the app's search_path does not hold them."""
    app.execute("SELECT set_config('search_path', %s, false)", [path])
    ask = ASK.replace("ai_requests", "public.ai_requests")
    request_id = one(app, ask)
    app.execute(
        "UPDATE public.ai_requests SET cancel_requested_at = now() WHERE id = %s", [request_id]
    )
    assert one(app, "SELECT public.ai_submit('work')") > request_id


def test_insert_alone_is_enough(cluster: Cluster) -> None:
    """A role with nothing but INSERT gets its rows in, ids and all."""
    cluster.role("writer")
    with cluster.owner() as owner, cluster.connect("writer") as writer:
        owner.execute("GRANT INSERT ON ai_requests TO writer")
        assert refused(writer, "SELECT nextval('ai_requests_id_seq')")
        writer.execute("INSERT INTO ai_requests (task_type) VALUES ('written')")
        assert one(owner, "SELECT count(*) FROM ai_requests WHERE task_type = 'written'") == 1


def test_reader_reads_everything_but_secrets(reader: Database, cluster: Cluster) -> None:
    """Every table and view is either open to ai_reader or on the list of secrets."""
    with cluster.owner() as owner:
        names = {
            name
            for (name,) in owner.execute(
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v')"
                " AND relnamespace = 'public'::regnamespace"
            )
        }
    closed = {name for name in names if refused(reader, f"SELECT FROM {name} LIMIT 1")}
    assert closed <= SECRET_TABLES, "grant new tables in sql/grants/ai_reader.sql"
    assert {"ai_dead_letters", "ai_agent_performance", "ai_queue_depth", "ai_cost_daily"} <= names


def test_reader_changes_nothing(reader: Database, cluster: Cluster) -> None:
    """ai_reader cannot write any table, nor call what acts."""
    with cluster.owner() as owner:
        writable = owner.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace"
            " AND (has_table_privilege('reader', oid, 'INSERT,DELETE,TRUNCATE')"
            "   OR has_any_column_privilege('reader', oid, 'UPDATE'))"
        ).fetchall()
    assert writable == []
    assert refused(reader, "SELECT ai_retry(1)")
    assert refused(reader, "SELECT ai_forget_client(1)")
    assert refused(reader, "SELECT ai_ring()")
    assert refused(reader, ASK)


def test_admin_steers(admin: Database, daemon: Queue) -> None:
    """Settings, answers, cancels and retries by SQL, each with what it sets going."""
    request_id = daemon.insert()
    (row,) = daemon.claim()
    daemon.finish("w1", row, "failed")
    assert one(admin, f"SELECT retry_with FROM ai_dead_letters WHERE id = {request_id}") == (
        f"SELECT ai_retry({request_id})"
    )
    assert one(admin, f"SELECT ai_retry({request_id})") is True
    assert one(admin, "SELECT actor FROM ai_audit_log ORDER BY id DESC LIMIT 1") == "admin"
    (row,) = daemon.claim()
    daemon.ask(request_id)
    assert daemon.finish("w1", row, "waiting") == "accepted"
    admin.execute(
        "UPDATE ai_approvals SET answer = '{\"decision\": \"approve\"}', decided_by = 'user:1',"
        " decided_at = now() WHERE request_id = %s",
        [request_id],
    )
    assert daemon.status(request_id) == "pending"
    admin.execute("UPDATE ai_control SET paused = true WHERE task_type = 'work'")
    assert daemon.claim() == []
    admin.execute("UPDATE ai_control SET paused = false WHERE task_type = 'work'")
    admin.execute("INSERT INTO ai_budgets (scope, period, limit_usd) VALUES ('global', 'day', 5)")
    admin.execute("UPDATE ai_budgets SET limit_usd = 6 WHERE scope = 'global'")
    admin.execute(
        "INSERT INTO ai_agents (name, type, config) VALUES ('Steered', 'steered', '{\"a\": 1}')"
    )
    admin.execute(
        "UPDATE ai_agents SET config = '{\"a\": 2}', updated_by = 'user:1' WHERE type = 'steered'"
    )
    assert one(admin, "SELECT count(*) FROM ai_agent_versions v WHERE v.type = 'steered'") == 2
    admin.execute(
        "INSERT INTO ai_schedules (name, task_type, trigger) VALUES ('s', 'work', '0 6 * * *')"
    )
    admin.execute(
        "UPDATE ai_schedules SET trigger = '0 7 * * *', for_each = 'active_clients'"
        " WHERE name = 's'"
    )
    admin.execute("DELETE FROM ai_schedules WHERE name = 's'")
    admin.execute("UPDATE ai_requests SET cancel_requested_at = now() WHERE id = %s", [request_id])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ai_requests SET status = 'completed'",
        "INSERT INTO ai_results SELECT 1, 'a', 'full', NULL, '{}', now()",
        "UPDATE ai_llm_calls SET cost_usd = 0",
        "UPDATE ai_budgets SET spent_usd = 0",
        "INSERT INTO ai_budgets (scope, period, spent_usd) VALUES ('x', 'day', -5)",
        "UPDATE ai_agents SET version = 1",
        "DELETE FROM ai_agents",
        "DELETE FROM ai_audit_log",
        "INSERT INTO ai_audit_log (actor, channel, action, target) VALUES ('a', 'sql', 'b', 'c')",
        "DELETE FROM ai_agent_versions",
        "SELECT ai_complete_v1('w1', '[]')",
    ],
)
def test_admin_forges_nothing(admin: Database, daemon: Queue, statement: str) -> None:
    """Results, the ledger and the audit log are beyond an admin's rights."""
    if "ai_complete_v1" in statement:
        daemon.insert()
        row = daemon.claim()[0]
        end = f'[{{"id": {row["id"]}, "fence": {row["fence"]}, "outcome": "completed"}}]'
        statement = f"SELECT ai_complete_v1('w1', '{end}')"
    assert refused(admin, statement)


def test_granting_again_changes_nothing(cluster: Cluster) -> None:
    """The scripts can be run any number of times, by migrate or by hand."""
    with cluster.owner() as owner:
        before = catalogue(owner), acls(owner)
        for path in sorted((FOLDER / "grants").glob("*.sql")):
            owner.execute(path.read_bytes())
        migrate.upgrade(cluster.owner_dsn, regrant=True)
        assert difference(before[0], catalogue(owner)) == {}
        assert acls(owner) == before[1]


def test_roles_that_come_later(cluster: Cluster) -> None:
    """Without the roles a migration grants nothing and creates none; the next run grants."""
    with cluster.owner() as owner:
        owner.execute("CREATE DATABASE later")
        owner.execute("ALTER ROLE ai_app RENAME TO ai_app_away")
        try:
            dsn = cluster.owner_dsn.removesuffix("/postgres") + "/later"
            migrate.upgrade(dsn)
            assert one(owner, "SELECT to_regrole('ai_app')") is None
        finally:
            owner.execute("ALTER ROLE ai_app_away RENAME TO ai_app")
    with cluster.connect("app", database="later") as app:
        assert refused(app, ASK)
        again = migrate.upgrade(dsn, regrant=True)
        assert (again.changed, again.granted) == (False, ("ai_admin", "ai_app", "ai_reader"))
        assert one(app, ASK) >= 1


def acls(connection: Database) -> list[Any]:
    return connection.execute(
        "SELECT relname, relacl::text FROM pg_class WHERE relname LIKE 'ai\\_%'"
        " UNION ALL SELECT attrelid::regclass::text || attname, attacl::text FROM pg_attribute"
        " WHERE attacl IS NOT NULL ORDER BY 1, 2"
    ).fetchall()


@pytest.mark.parametrize("role", ["app", "reader"])
def test_a_command_beyond_a_role_says_so(
    role: str,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who gives a command the URL of a role that may not is told whose URL it takes."""
    monkeypatch.setenv("DATABASE_URL", cluster.dsn(role))
    monkeypatch.delenv("DATABASE_UNPOOLED_URL", raising=False)
    assert cli.main(["keys", "add", "dana", "--role", "admin"]) == 78
    told = capsys.readouterr().err
    assert told.startswith("error: the role in DATABASE_URL may not do this: permission denied")
    assert "hint: " in told
