"""`python -m daemon`: commands, exit codes, and the check that `agents` is ours."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

import psycopg
import pytest

from daemon import cli, database
from daemon.demo.play import scratch_database
from daemon.errors import ConfigurationError
from tests.kit.process import ROOT, ended
from tests.kit.receiver import receiver
from tests.kit.worker import becomes, request, running

Connection = psycopg.AsyncConnection[Any]


@pytest.fixture
def at(database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Commands talk to the test's database."""
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.delenv("DATABASE_UNPOOLED_URL", raising=False)
    return database


def run_source(source: str, *flags: str) -> tuple[int, str]:
    """Code in a Python of its own: its exit code, and what it said."""
    status, process = ended(program=(sys.executable, *flags, "-c", source))
    return status, "\n".join(process.other_output)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--help of each command exists and documents its exit codes."""
    with pytest.raises(SystemExit) as end:
        cli.main([name, "--help"])
    assert end.value.code == 0
    assert "exit codes" in capsys.readouterr().out.lower()


def test_wrong_use_is_64(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown command or option ends with 64 and says what there is."""
    for arguments in (["explode"], ["submit"], ["watch", "seven"]):
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
        assert end.value.code == 64
    assert "explode" in capsys.readouterr().err
    assert cli.main([]) == 64


async def test_a_test_message_to_where_alerts_go(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each channel gets one message as it would get an alert, and says whether it took it, without
    a word of its address; without channels there is nothing to try."""
    async with receiver() as well, receiver() as badly:
        badly.status = 404
        monkeypatch.setenv("ALERT_WEBHOOK_URL", f"{well.url}?s3cret,{badly.url}?s3cret")
        monkeypatch.setenv("SECRET_KEY", "made-up-key-of-thirty-two-letters")
        code = await asyncio.to_thread(cli.main, ["alerts", "test"])
        first, second = capsys.readouterr().out.splitlines()
        assert (code, "s3cret" in first + second) == (1, False)
        assert (first.endswith("took it"), second.endswith("HTTP 404")) == (True, True)
        [posted] = well.came
        assert (posted.json["event"], posted.json["check"]) == ("test", "alerts.test")
        assert "X-Signature" in posted.headers
        badly.status = 200
        assert await asyncio.to_thread(cli.main, ["alerts", "test", "--json"]) == 0
    assert [one["problem"] for one in json.loads(capsys.readouterr().out)] == [None, None]
    monkeypatch.delenv("ALERT_WEBHOOK_URL")
    assert cli.main(["alerts", "test"]) == 78


def test_submit_and_its_idempotency_key(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    """submit inserts one row per key and prints its id."""
    ids = set()
    for _ in range(2):
        code = cli.main(["submit", "test_echo", '{"text": "x"}', "--key", "k", "--json"])
        assert code == 0
        ids.add(json.loads(capsys.readouterr().out)["id"])
    assert len(ids) == 1


def test_submit_refuses_what_is_no_json(at: str) -> None:
    """Input that is no JSON is wrong use, and inserts nothing."""
    assert cli.main(["submit", "test_echo", "{client: 1}"]) == 64


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["watch", "9" * 30], "out of range"),
        (["cancel", "9" * 30], "out of range"),
        (["retry", "9" * 30], "out of range"),
        (["submit", "test_echo", '{"a": NaN}'], "invalid input syntax for type json"),
        (["submit", "test_echo", '{"a": "\\u0000"}'], "unsupported Unicode escape"),
    ],
)
def test_what_the_database_cannot_take_is_wrong_use(
    arguments: list[str], said: str, at: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A value beyond the database's bounds ends with 64, a sentence and a hint; no stack."""
    assert cli.main(arguments) == 64
    told = capsys.readouterr().err
    assert told.startswith("error: ") and said in told and "hint: " in told


@pytest.mark.parametrize(
    ("other", "lacks"),
    [
        ("ALTER TABLE ai_api_keys RENAME COLUMN prefix TO begins", "column k.prefix"),
        ("ALTER TABLE ai_api_keys RENAME TO ai_keys", 'relation "ai_api_keys"'),
    ],
)
def test_a_database_of_another_release(
    at: str, other: str, lacks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the schema is not this release's, a command names what is not there, and the cure."""
    with psycopg.connect(at, autocommit=True) as connection:
        connection.execute(other.encode())
    assert cli.main(["keys", "list"]) == 78
    said = capsys.readouterr().err
    assert f"{lacks} does not exist" in said
    assert "python -m daemon migrate" in said


def test_a_terminal_without_the_letters(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the terminal's encoding does not have is no traceback."""
    assert cli.main(["keys", "add", "dan\xe9", "--role", "viewer"]) == 0
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
    assert cli.main(["keys", "list"]) == 0
    assert b"dan\\xe9" in shown.getvalue()


def test_what_is_typed_in_no_utf8(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes of another encoding, as Python hands them on, are wrong use and no traceback."""
    assert cli.main(["submit", "test_\udcff"]) == 64
    assert "not UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["submit", "test_echo"], ["approvals", "answer", "1", "k"]])
def test_brackets_without_end_are_wrong_use(
    at: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON that is too deep to be read is told, like other JSON that cannot be."""
    assert cli.main([*arguments, '{"a": ' + "[" * 5000 + "]" * 5000 + "}"]) == 64
    assert "JSON" in capsys.readouterr().err


def test_a_database_that_takes_no_changes(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On a standby, or with a role that may not, a command says what to point it at."""
    with psycopg.connect(at, autocommit=True) as connection:
        name = psycopg.sql.Identifier(connection.info.dbname)
        statement = psycopg.sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on")
        connection.execute(statement.format(name))
    assert cli.main(["submit", "test_echo"]) == 75
    assert "primary" in capsys.readouterr().err


def test_what_a_trigger_of_the_apps_refuses(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named, without its words, which may name a client; no stack."""
    with psycopg.connect(at, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION app_no() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'Jane Roe is pregnant'; END $$"
        )
        connection.execute(
            "CREATE TRIGGER app_no BEFORE INSERT ON ai_requests"
            " FOR EACH ROW EXECUTE FUNCTION app_no()"
        )
    assert cli.main(["submit", "test_echo"]) == 70
    told = capsys.readouterr().err
    assert told.startswith("error: the database refuses this: RaiseException, SQLSTATE P0001")
    assert ("by app_no" in told, "Jane Roe" in told) == (True, False)


async def test_submit_waits_for_the_answer(at: str, aconnection: Connection) -> None:
    """--wait prints the answer; a request that fails is exit code 1, with its reason."""
    env = {"DATABASE_URL": at}
    good = ("submit", "test_echo", '{"text": "hello"}', "--wait", "30", "--json")
    bad = ("submit", "nonsense", "{}", "--wait", "30")
    async with running(at):
        status, answered = await asyncio.to_thread(ended, *good, env=env)
        assert status == 0, answered.report()
        assert [event["result"]["said"] for event in answered.events] == ["hello"]
        status, failed = await asyncio.to_thread(ended, *bad, env=env)
        assert status == 1
        assert "unknown_task_type" in failed.report()


def test_waiting_for_nobody_says_so(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever waits while no daemon is alive is told that, once."""
    assert cli.main(["submit", "health_check", "{}", "--wait", "0.1"]) == 75
    assert capsys.readouterr().err.count("no daemon is alive") == 1


async def test_nothing_steers_the_terminal(
    at: str, aconnection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """What clients, agents and models wrote is printed without what moves a cursor, sets a colour
    or turns text round; JSON stays JSON that says the same."""
    steering = "\x1b]0;owned\x07 \x9b31m\u202e\r\nok ü"
    cursor = await aconnection.execute(
        "INSERT INTO ai_requests (task_type) VALUES (%s) RETURNING id", [steering]
    )
    found = await cursor.fetchone()
    assert found is not None
    await aconnection.execute(
        "UPDATE ai_requests SET status = 'failed', finished_at = now(),"
        " error = jsonb_build_object('code', 'bad', 'message', %s::text, 'hint', %s::text)",
        [steering, steering],
    )
    await aconnection.execute(
        "INSERT INTO ai_request_events (request_id, fence, node, percent, message)"
        " VALUES (%s, 1, 'n', 1, %s)",
        [found[0], steering],
    )
    for options in ([], ["--json"]):
        assert cli.main(["watch", str(found[0]), *options]) == 1
        said = capsys.readouterr()
        lines = (said.out + said.err).split("\n")
        assert [line for line in lines if not line.isprintable()] == []
    assert json.loads(said.out)["error"]["message"] == steering
    assert said.err.count("ok ü") == 1


@pytest.mark.parametrize("seconds", ["nan", "-1", "soon"])
def test_a_time_to_wait_is_a_number(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody waits for ever, or for nothing, because of a slip of the pen."""
    for arguments in (["watch", "1", "--seconds", seconds], ["submit", "a", "--wait", seconds]):
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
        assert end.value.code == 64
        assert "no number of seconds" in capsys.readouterr().err


def test_watch_gives_up_in_time(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    """watch of a request that goes on ends with 75 when its time is over; of none, with 64."""
    cli.main(["submit", "test_echo", "--json"])
    request_id = json.loads(capsys.readouterr().out)["id"]
    assert cli.main(["watch", str(request_id), "--seconds", "0"]) == 75
    assert cli.main(["watch", "999999"]) == 64


async def test_cancel_and_retry(
    at: str, aconnection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """cancel stops a request, retry reopens it; what cannot be done is exit code 1."""
    assert cli.main(["submit", "test_echo", "--json"]) == 0
    request_id = json.loads(capsys.readouterr().out)["id"]
    assert cli.main(["retry", str(request_id)]) == 1
    assert cli.main(["cancel", str(request_id)]) == 0
    async with running(at):
        await becomes(aconnection, request_id, "cancelled")
    assert cli.main(["cancel", str(request_id)]) == 1
    assert cli.main(["retry", str(request_id), "--actor", "alex", "--json"]) == 0
    assert (await request(aconnection, request_id))["status"] == "pending"
    cursor = await aconnection.execute(
        "SELECT action, actor = 'alex', channel, target, origin <> '' FROM ai_audit_log"
        " ORDER BY id"
    )
    target = f"request:{request_id}"
    assert await cursor.fetchall() == [
        ("submit", False, "cli", target, True),
        ("cancel", False, "cli", target, True),
        ("retry", True, "cli", target, True),
    ]


async def test_keys(at: str, aconnection: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    """A key is shown once and kept as its hash; a name is used once; revoking tells who did it."""
    add = ["keys", "add", "dana", "--role", "viewer", "--by", "sam"]
    assert cli.main([*add, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert cli.main(add) == 1
    assert cli.main(["keys", "add", "x", "--role", "viewer", "--days", "0"]) == 64
    assert cli.main(["keys", "add", " ", "--role", "viewer"]) == 64
    capsys.readouterr()
    assert cli.main(["keys", "list", "--json"]) == 0
    shown = capsys.readouterr().out
    (row,) = json.loads(shown)
    assert (row["name"], row["role"], row["created_by"]) == ("dana", "viewer", "sam")
    assert made["key"].startswith(row["prefix"])
    assert made["key"] not in shown
    cursor = await aconnection.execute(
        "SELECT encode(hash, 'hex') FROM ai_api_keys WHERE hash = sha256(convert_to(%s, 'UTF8'))",
        [made["key"]],
    )
    assert len(await cursor.fetchall()) == 1
    assert cli.main(["keys", "revoke", "dana", "--by", "alex"]) == 0
    assert cli.main(["keys", "revoke", "dana"]) == 1
    assert cli.main([*add, "--json"]) == 0, "the name is free again"
    cursor = await aconnection.execute("SELECT action, actor FROM ai_audit_log ORDER BY id")
    assert await cursor.fetchall() == [
        ("add_key", "sam"),
        ("revoke_key", "alex"),
        ("add_key", "sam"),
    ]


def test_migrate(
    empty_database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """migrate works on an empty database; a second time there is nothing to do."""
    monkeypatch.setenv("DATABASE_URL", empty_database)
    assert cli.main(["submit", "test_echo"]) == 78
    assert "python -m daemon migrate" in capsys.readouterr().err
    assert cli.main(["migrate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] is True
    assert cli.main(["migrate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] is False


def test_migrate_prints_sql_without_a_database(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """migrate --sql needs no database and prints what a DBA may run."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert cli.main(["migrate", "--sql"]) == 0
    assert "CREATE TABLE ai_requests" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--sql", "--since", "9999"], ["--since", "0001_tables"]])
def test_migrate_since_a_revision_that_cannot_be(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Another revision than ours, or one for a migration that asks the database, is wrong use."""
    assert cli.main(["migrate", *arguments]) == 64
    assert capsys.readouterr().err.startswith("error: ")


def test_unreachable_database_is_75(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A database that does not answer is "try again", without the password."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hunter2@127.0.0.1:1/gym")
    for arguments in (["submit", "x"], ["migrate"], ["watch", "1"]):
        assert cli.main(arguments) == 75
    assert "hunter2" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ('FATAL:  password authentication failed for user "gym"', "@ is written %40"),
        ("failed to resolve host 'word'", "@ is written %40"),
        ("connection to server failed: Connection refused", "start PostgreSQL"),
        ('FATAL:  database "nope" does not exist', "create it"),
        ('root certificate file "/root/.postgresql/root.crt" does not exist', "&sslrootcert="),
        ("SSL error: certificate verify failed", "&sslrootcert="),
        ("server does not support SSL, but SSL was required", "switch it on"),
        ('no pg_hba.conf entry for host "::1", no encryption', "sslmode=require"),
        ("something else", "postgresql://user:password@host:5432/"),
    ],
)
def test_a_failed_connection_says_what_to_do(said: str, remedy: str) -> None:
    """Each usual mistake in DATABASE_URL has a remedy of its own."""
    assert remedy in database.remedy(psycopg.OperationalError(said))


def test_the_systems_python_is_sent_to_the_right_one() -> None:
    """A Python without our packages names the one missing and the environment that has it."""
    source = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from daemon.cli import main; sys.exit(main(['migrate']))"
    )
    status, said = run_source(source)
    assert status == 78
    assert "does not have the package psycopg" in said
    assert ".venv/bin/activate" in said


def test_foreign_agents_package_is_named(tmp_path: Path) -> None:
    """Where `import agents` would find another project, the start says which, and the cure."""
    foreign = tmp_path / "agents"
    foreign.mkdir()
    (foreign / "__init__.py").write_text("")
    source = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.path.append({str(ROOT)!r})\n"
    source += "from daemon.cli import main; sys.exit(main(['run']))"
    status, said = run_source(source, "-P")
    assert status == 78
    assert str(foreign) in said
    assert "pip uninstall" in said


def test_missing_agents_package_is_told(tmp_path: Path) -> None:
    """The check compares with the repository's own folder."""
    with pytest.raises(ConfigurationError, match="instead of"):
        cli.check_imports(tmp_path)


def test_control_plane_loads_nothing_heavy() -> None:
    """Importing the service loads no LangGraph, openai, SQLAlchemy or Alembic."""
    source = (
        "import sys, daemon.service\n"
        "heavy = ('langgraph', 'langchain_core', 'openai', 'sqlalchemy', 'alembic', 'ortools')\n"
        "sys.exit(', '.join(name for name in heavy if name in sys.modules) or 0)"
    )
    status, said = run_source(source)
    assert status == 0, said


def test_the_demo_finds_a_server_without_a_host(database: str) -> None:
    """A URL that names its server in parameters, as a socket's does, leads the demo there too."""
    parts = urlsplit(database)
    where = {"host": parts.hostname, "port": parts.port, "user": parts.username}
    server = (
        f"postgresql:///postgres?{urlencode(where | {'password': unquote(parts.password or '')})}"
    )
    with scratch_database(server) as made, psycopg.connect(made) as connection:
        assert made.startswith("postgresql:///ai_demo_")
        assert connection.info.dbname.startswith("ai_demo_")
