"""``python -m daemon doctor``: what is wrong, what to do, and the exit code."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from urllib.parse import urlsplit

import psycopg
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer, TestServer

from agents.health.checks import Check
from agents.health.judge import judge, unknown
from agents.health.words import analysis
from daemon import migrate
from daemon.cli import main
from daemon.embedded import EmbeddedPostgres
from daemon.health import doctor
from daemon.health.doctor import Finding, Report
from daemon.llm.provider import Provider
from daemon.llm.wire import Call
from tests.daemon.health_world import unhurried
from tests.kit.process import ROOT, clean_environment, ended, free_port
from tests.kit.worker import running, settings

EXAMINED = {
    "versions",
    "disk",
    "database",
    "pooler",
    "migrations",
    "privileges",
    "app",
    "schema",
    "listener",
    "provider",
}
VARIABLES = ("DATABASE_UNPOOLED_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "MAIN_APP_URL", "PORT")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    unhurried(monkeypatch)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def told(report: Report) -> dict[str, Finding]:
    return {finding.name: finding for finding in report.findings}


async def test_all_is_well(database: str) -> None:
    """With a daemon running nothing is wrong, and every part was looked at."""
    async with running(database):
        report = await doctor.examine(settings(database), database)
    assert {finding.status for finding in report.findings} == {"healthy", "notice"}
    assert set(told(report)) == EXAMINED
    assert told(report)["provider"].status == "notice"
    assert report.exit_code == 0
    assert {"workers.clock", "database.size", "schedules.late"} <= {c.check for c in report.checks}


async def test_nobody_runs(database: str) -> None:
    """Without a daemon it is a warning to start one, not a fault of the deployment."""
    report = await doctor.examine(settings(database), database)
    assert report.exit_code == 1
    assert {c.check for c in report.checks if c.status == "warning"} == {
        "workers.heartbeat",
        "listener.sessions",
    }


async def test_not_migrated(empty_database: str) -> None:
    """An empty database is critical, with the command that fills it."""
    report = await doctor.examine(settings(empty_database), empty_database)
    assert told(report)["migrations"].remedy == "python -m daemon migrate"
    assert report.exit_code == 2
    assert report.checks == [], "without tables each would only repeat it"


async def test_functions_that_a_dump_left_out(database: str) -> None:
    """A schema that says it is current and lacks functions is critical, with their names; so does
    the daemon end with what it met, without a word of the database's."""
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("DROP FUNCTION ai_claim_v2, ai_sweep_v2")
    report = await doctor.examine(settings(database), database)
    found = told(report)["migrations"]
    assert (found.status, report.exit_code) == ("critical", 2)
    assert found.message.endswith(": ai_claim_v2, ai_sweep_v2")
    assert "sql/functions" in found.remedy
    env = {"DATABASE_URL": database}
    code, process = await asyncio.to_thread(ended, "run", env=env)
    [died] = process.seen("service_died")
    assert (code, died["reason"]) == (70, "UndefinedFunction, SQLSTATE 42883")
    assert "doctor" in died["hint"]


async def test_a_server_that_is_away(database: str) -> None:
    """A closed port is critical, named without the password, and the rest is still examined."""
    parts = urlsplit(database)
    url = parts._replace(netloc=f"postgres:a-secret@{parts.hostname}:1").geturl()
    report = await doctor.examine(settings(url), url)
    assert report.exit_code == 2
    assert told(report)["database"].status == "critical"
    assert told(report)["provider"].status == "notice"
    assert "a-secret" not in json.dumps(report.as_json())


async def test_a_role_without_rights(database: str) -> None:
    """Missing rights are told as the GRANT that gives them."""
    parts = urlsplit(database)
    name = f"poor_{parts.path[-8:]}"
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'made-up'".encode())
        admin.execute(f"GRANT SELECT ON ai_alembic_version, ai_requests TO {name}".encode())
        url = parts._replace(netloc=f"{name}:made-up@{parts.hostname}:{parts.port}").geturl()
        try:
            report = await doctor.examine(settings(url), url)
        finally:
            admin.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name}".encode())
            admin.execute(f"DROP ROLE {name}".encode())
    found = told(report)["privileges"]
    assert found.status == "critical"
    assert "GRANT DELETE, INSERT, SELECT, UPDATE ON ai_" in found.remedy
    assert f"TO {name}" in found.remedy


@pytest.mark.parametrize("granted", ["ai_app", "ai_reader", "ai_admin"])
async def test_a_role_of_the_app(private_server: EmbeddedPostgres, granted: str) -> None:
    """Who examines with the app's URL, or a person's, is told so, and not to grant it all."""
    url = private_server.dsn()
    migrate.upgrade(url)
    app = urlsplit(url)
    app = app._replace(netloc=f"web:made-up@127.0.0.1:{app.port}")
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {granted}".encode())
        owner.execute(f"CREATE ROLE web LOGIN PASSWORD 'made-up' IN ROLE {granted}".encode())
        migrate.upgrade(url, regrant=True)
    found = told(await doctor.examine(settings(app.geturl()), app.geturl()))["privileges"]
    assert (found.status, "GRANT" in found.remedy) == ("critical", False)
    assert f"has rights as {granted} has them" in found.message
    assert "the service itself" in found.remedy


async def test_a_role_that_only_grants_the_apps(private_server: EmbeddedPostgres) -> None:
    """Who made ai_app may grant it, and is a member of it by that: not the app itself."""
    url = private_server.dsn()
    migrate.upgrade(url)
    maker = urlsplit(url)
    maker = maker._replace(netloc=f"maker:made-up@127.0.0.1:{maker.port}")
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE ROLE ai_app")
        owner.execute("CREATE ROLE maker LOGIN NOINHERIT PASSWORD 'made-up'")
        owner.execute("GRANT ai_app TO maker WITH ADMIN OPTION")
    report = await doctor.examine(settings(maker.geturl()), maker.geturl())
    assert "GRANT" in told(report)["privileges"].remedy


async def test_tables_of_the_app(private_server: EmbeddedPostgres) -> None:
    """Tables of the app that agents cannot see, or may not read, are told with what helps: answers
    that know nobody look like any other."""
    url = private_server.dsn()
    migrate.upgrade(url)
    poor = urlsplit(url)
    poor = poor._replace(netloc=f"poor:made-up@127.0.0.1:{poor.port}")

    async def found() -> Finding:
        return told(await doctor.examine(settings(poor.geturl()), poor.geturl()))["app"]

    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE ROLE poor LOGIN PASSWORD 'made-up'")
        owner.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO poor")
        owner.execute("CREATE SCHEMA gym")
        owner.execute(
            "CREATE TABLE gym.clients (id int); CREATE TABLE gym.users (hash text, id int)"
        )
        assert ((await found()).status, "search_path" in (await found()).remedy) == (
            "notice",
            True,
        )
        owner.execute("ALTER ROLE poor SET search_path = public, gym")
        owner.execute("GRANT USAGE ON SCHEMA gym TO poor")
        assert (await found()).status == "warning"
        assert "GRANT SELECT ON clients TO poor" in (await found()).remedy
        owner.execute("SET search_path = gym")
        owner.execute((await found()).remedy.removeprefix("let their owner run: ").encode())
        seen = owner.execute("SELECT has_column_privilege('poor', 'users', 'hash', 'SELECT')")
        assert seen.fetchone() == (False,)
        assert await found() == Finding("app", "healthy", "agents can read 2 of the app's tables")


async def test_rows_that_policies_hide(private_server: EmbeddedPostgres) -> None:
    """Where row level security may hide the app's rows, or ours, from the service, it is told with
    the policy that opens them; nobody's client is then said to be missing, no request waits."""
    url = private_server.dsn()
    poor = urlsplit(url)
    poor = poor._replace(netloc=f"poor:made-up@127.0.0.1:{poor.port}")

    async def found(name: str) -> Finding:
        return told(await doctor.examine(settings(poor.geturl()), poor.geturl()))[name]

    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE ROLE poor LOGIN PASSWORD 'made-up'")
        owner.execute("GRANT CREATE ON SCHEMA public TO poor")
        migrate.upgrade(poor.geturl())
        owner.execute("CREATE TABLE clients (id int)")
        owner.execute("GRANT SELECT ON clients TO poor")
        owner.execute("ALTER TABLE ai_requests ENABLE ROW LEVEL SECURITY")  # not for its owner
        assert (await found("app")).status == "healthy"
        for table, name, status in (
            ("clients", "app", "warning"),
            ("ai_requests", "privileges", "critical"),
        ):
            owner.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY".encode())
            owner.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY".encode())
            one = await found(name)
            assert (one.status, f"rows of {table} from role poor" in one.message) == (status, True)
            owner.execute(one.remedy.removeprefix("let their owner run: ").encode())
            assert (await found(name)).status == "healthy"
        with psycopg.connect(poor.geturl(), autocommit=True) as service:
            service.execute("INSERT INTO ai_requests (task_type) VALUES ('x')")
            assert service.execute("SELECT count(*) FROM ai_requests").fetchone() == (1,)


async def test_who_may_run_code_as_us(private_server: EmbeddedPostgres) -> None:
    """A role that may create functions in our schema is named: its function, a closer match than
    PostgreSQL's own, is called by ours and runs with our rights."""
    url = private_server.dsn()
    migrate.upgrade(url)
    guest = urlsplit(url)
    guest = guest._replace(netloc=f"guest:made-up@127.0.0.1:{guest.port}")
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")  # 15 and newer begin so
        owner.execute("CREATE ROLE guest LOGIN PASSWORD 'made-up'")
        owner.execute("GRANT INSERT ON ai_requests TO guest")
        owner.execute("CREATE TABLE loot AS SELECT current_user AS who WHERE false")
        assert told(await doctor.examine(settings(url), url))["schema"].status == "healthy"
        owner.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
        with psycopg.connect(guest.geturl(), autocommit=True) as stranger:
            stranger.execute(
                "CREATE FUNCTION public.num_nulls(jsonb, smallint) RETURNS integer"
                " LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.loot VALUES (current_user);"
                " RETURN 0; END $$"
            )
            stranger.execute("INSERT INTO ai_requests (task_type) VALUES ('nonsense')")
        assert owner.execute("SELECT who FROM loot").fetchall() == [("postgres",)]
        found = told(await doctor.examine(settings(url), url))["schema"]
        assert (found.status, "guest" in found.message) == ("warning", True)
        assert "REVOKE CREATE ON SCHEMA public FROM PUBLIC" in found.remedy
        owner.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        owner.execute("GRANT CREATE ON SCHEMA public TO guest")
        found = told(await doctor.examine(settings(url), url))["schema"]
        assert (found.status, "FROM guest" in found.remedy) == ("notice", True)


@pytest.mark.parametrize(
    ("answer", "status"), [(200, "healthy"), (401, "critical"), (429, "warning"), (503, "warning")]
)
async def test_provider(database: str, answer: int, status: str) -> None:
    """The provider is asked for its models with the key, and its word is understood."""
    keys = []

    async def models(request: web.Request) -> web.Response:
        keys.append(request.headers.get("Authorization"))
        return web.json_response({"data": []}, status=answer)

    site = web.Application()
    site.router.add_get("/v1/models", models)
    async with TestServer(site) as server:
        chosen = settings(
            database, openai_api_key="sk-planted", openai_base_url=str(server.make_url("/v1"))
        )
        found = await doctor.provider(chosen)
    assert found.status == status
    assert keys == ["Bearer sk-planted"]
    assert "sk-planted" not in found.message + found.remedy
    assert (await doctor.provider(chosen)).status == "critical", "nobody listens there any more"


@pytest.mark.parametrize(
    ("answer", "body", "status", "says"),
    [
        (200, '{"data": [{"id": "models/gpt-4o-mini"}]}', "healthy", ""),
        (200, '{"data": [{"id": "gpt-4o-mini:latest"}, {"id": "b"}]}', "healthy", ""),
        (200, '{"data": [{"id": "llama3"}]}', "warning", "OPENAI_MODEL"),
        (200, "<html>a page</html>", "warning", "OPENAI_BASE_URL"),
        (404, '{"detail": "Not Found"}', "warning", "OPENAI_BASE_URL"),
        (308, "", "warning", "OPENAI_BASE_URL"),
        (400, '[{"error": {"status": "INVALID_ARGUMENT"}}]', "critical", "OPENAI_API_KEY"),
    ],
)
async def test_a_wrong_model_and_a_wrong_address_are_found(
    database: str, answer: int, body: str, status: str, says: str
) -> None:
    """A list without the model that is set, and what is no such list, name the setting."""

    async def models(_: web.Request) -> web.Response:
        return web.Response(text=body, status=answer, content_type="application/json")

    site = web.Application()
    site.router.add_get("/v1/models", models)
    async with TestServer(site) as server:
        found = await doctor.provider(
            settings(database, openai_base_url=str(server.make_url("/v1")))
        )
    assert (found.status, says in found.remedy) == (status, True)


async def test_a_provider_behind_a_proxy_is_asked_through_it(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the daemon itself asks: without the way out it would be called unreachable."""
    asked: list[str] = []

    async def forward(request: web.BaseRequest) -> web.Response:
        asked.append(f"{request.method} {request.url}")
        return web.json_response({"data": [{"id": "gpt-4o-mini"}]})

    async with RawTestServer(forward) as proxy:
        monkeypatch.setenv("http_proxy", str(proxy.make_url("/")))
        monkeypatch.delenv("no_proxy", raising=False)
        url = "http://models.invalid/v1"
        found = await doctor.provider(settings(database, openai_base_url=url))
        wire = Provider(api_key=None, base_url=url)
        reply = await wire.call(Call("gpt-4o-mini", [], 10), 10.0)
        await wire.aclose()

    assert (found.status, reply.status) == ("healthy", 200)
    assert asked == [f"GET {url}/models", f"POST {url}/chat/completions"]


async def test_a_model_without_a_price_is_found(database: str) -> None:
    """Its larger questions are never asked: that is said before the first."""
    chosen = settings(
        database,
        openai_base_url=f"http://127.0.0.1:{free_port()}/v1",
        openai_model="llama3",
        llm_fallback_models=("gpt-4o",),
    )
    found = told(await doctor.examine(chosen, database))["prices"]
    assert (found.status, "llama3:" in found.message) == ("warning", True)
    assert "ai_model_prices" in found.remedy
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ai_model_prices (model_pattern, input_usd_per_million,"
            " output_usd_per_million, source) VALUES ('llama*', 0, 0, 'ours')"
        )
    assert told(await doctor.examine(chosen, database))["prices"].status == "healthy"


def test_command(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints what to do, or JSON, and exits by the worst it found."""
    monkeypatch.setenv("DATABASE_URL", database)
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "WARNING   workers.heartbeat" in said
    assert "-> start the service" in said
    assert main(["doctor", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["status"], report["exit_code"]) == ("warning", 1)
    assert {"name", "status", "message", "remedy"} == set(report["findings"][0])


def test_what_cannot_be_seen(
    monkeypatch: pytest.MonkeyPatch, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a check that sees too little the right is named, not the cure of what it looks for; for
    one that was too slow neither."""
    cure = "look at the steps"
    drift = Check("agents.p95_drift", "ratio", 2, 4, 900, "slow", cure, needs="SELECT on x")
    sequences = replace(drift, id="database.sequence_exhaustion", needs="USAGE on y")
    results = [judge(sequences, 1.0, hidden=2), unknown(drift, "It took longer than 3 seconds.")]

    async def examine(*_: object) -> Report:
        return Report([], results)

    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setattr("daemon.commands.doctor.examine", examine)
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "cannot see: 2.\n          -> our role needs USAGE on y\n" in said
    assert "It took longer than 3 seconds.\n" in said
    assert cure not in said
    assert "SELECT on x" not in said + analysis(results)
    assert "USAGE on y" in analysis(results)


@pytest.mark.parametrize(
    ("address", "code", "said"),
    [
        ("", 0, "advice    alerts: nobody is told of an alert"),
        ("https://hooks.example.com/s3cret", 0, ""),
        ("https://hooks.example.com/x,ftp://s3cret", 2, "CRITICAL  alerts: ALERT_WEBHOOK_URL"),
    ],
)
def test_where_alerts_go(
    monkeypatch: pytest.MonkeyPatch,
    database: str,
    capsys: pytest.CaptureFixture[str],
    address: str,
    code: int,
    said: str,
) -> None:
    """An address with which no daemon starts is found before one is started; that nobody is told
    is advice. No address is shown."""

    async def examine(*_: object) -> Report:
        return Report([], [])

    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("ALERT_WEBHOOK_URL", address)
    monkeypatch.setattr("daemon.commands.doctor.examine", examine)
    assert main(["doctor"]) == code
    out = capsys.readouterr().out
    assert (said in out, "s3cret" in out) == (True, False)


def test_a_database_that_no_app_writes_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where DATABASE_URL is missing a service is up, ready and idle for ever: log and doctor say
    that its PostgreSQL is not the app's."""

    async def examine(*_: object) -> Report:
        return Report([], [])

    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr("daemon.commands.doctor.database_url", lambda: "postgresql://own/d")
    monkeypatch.setattr("daemon.commands.doctor.examine", examine)
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "advice    configuration: DATABASE_URL is not set" in said
    assert "-> set it to the main app's database" in said
    source = (
        "from contextlib import nullcontext; from types import SimpleNamespace\n"
        "from daemon import embedded; from daemon.commands import run\n"
        "own = SimpleNamespace(home='/data', dsn=lambda: 'postgresql://own/d')\n"
        "embedded.ensure = lambda *_: nullcontext(own)\n"
        "run._serve = lambda *_: 0\n"
        "run.serve({})"
    )
    started = subprocess.run(
        [sys.executable, "-c", source],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    line = json.loads(started.stdout)
    assert (line["level"], line["message"]) == ("warning", "database_embedded")
    assert "DATABASE_URL" in line["hint"]


def test_bad_configuration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A variable that cannot be used is named with an example, and nothing else is tried."""
    monkeypatch.setenv("PORT", "many")
    assert main(["doctor"]) == 2
    said = capsys.readouterr().out
    assert "CRITICAL  configuration: PORT" in said
    assert "many" not in said
