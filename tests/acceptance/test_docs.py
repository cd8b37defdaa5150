"""What docs/ says is so: its code runs, against a real database and a running service."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from daemon import cli, migrate
from daemon.demo.gym import load
from daemon.demo.model_server import running_server
from daemon.statements import load as load_statements
from tests.kit import reference
from tests.kit.http import SERVICE_KEY
from tests.kit.postgres import Server
from tests.kit.process import ROOT, DaemonProcess, clean_environment
from tests.kit.signals import until
from tests.sql.cluster import PASSWORD, Cluster, running_cluster

DOCS = ROOT / "docs"
PAGES = {page.name: page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md"))}
PROGRAMS = {
    "python": (sys.executable, "-W", "error", "-c"),
    "sh": ("sh", "-e", "-c"),
    "js": ("node", "-e"),
}
MODULES = (
    ROOT / ".data" / "bench" / "node" / "node_modules",
    *map(Path, os.environ.get("NODE_PATH", "").split(":")),
)
"""Where Node may find `pg`: what `make bench` installs, or the caller's own."""

RUNS_THERE = (
    "import os, sys; os.chdir(sys.argv[1]);"
    " os.execv(sys.executable, [sys.executable, '-m', 'daemon', 'run'])"
)

PLATFORMS = ("RAILWAY_", "OTEL_", "LANGSMITH_")
"""Beginnings of variables that belong to others."""


@dataclass(frozen=True)
class Block:
    language: str
    text: str


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page or section, in order."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [Block(*pair) for pair in found]


def sections(page: str) -> dict[str, str]:
    """The second-level sections of a page that hold a block, by heading."""
    parts = re.split(r"^## ", PAGES[page], flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0]: part for part in parts if "```" in part}


def statements(block: Block) -> list[bytes]:
    """The statements of an SQL block."""
    text = re.sub(r"--[^\n]*", "", block.text)
    return [part.encode() for part in text.split(";\n") if part.strip(" \n;")]


def run(section: str, dsn: str, environment: Mapping[str, str]) -> None:
    """Execute a section's blocks in their order; a `text` block is what the one before printed."""
    printed = None
    with psycopg.connect(dsn, autocommit=True) as connection:
        for block in blocks(section):
            if block.language == "sql":
                for statement in statements(block):
                    connection.execute(statement)
            elif block.language in PROGRAMS:
                done = subprocess.run(
                    [*PROGRAMS[block.language], block.text],
                    cwd=ROOT,
                    env={**clean_environment(), **environment},
                    capture_output=True,
                    text=True,
                    timeout=100,
                    check=False,
                )
                assert done.returncode == 0, done.stdout + done.stderr
                printed = done.stdout
            elif block.language == "text" and printed is not None:
                assert printed == block.text


def lacking(section: str) -> str | None:
    """What this machine would need to run a section; None: it has it."""
    languages = {block.language for block in blocks(section)}
    if "js" in languages:
        if shutil.which("node") is None:
            return "Node is not installed"
        if not any((folder / "pg").is_dir() for folder in MODULES):
            return "Node's package pg is not installed (NODE_PATH, or `make bench`)"
    if "curl " in section and shutil.which("curl") is None:
        return "curl is not installed"
    return None


@pytest.fixture(scope="module")
def service(server: Server) -> Iterator[dict[str, str]]:
    """A running service on a sample gym; the environment of whoever talks to it."""
    with server.database(migrated=True) as dsn:
        load(dsn, clients=3)
        environment = {"DATABASE_URL": dsn, "MAIN_APP_API_KEY": SERVICE_KEY}
        with DaemonProcess(environment) as process:
            process.wait_event("ready", 90)
            yield {
                **environment,
                "ORCHESTRATOR_URL": process.base_url,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "NODE_PATH": ":".join(map(str, MODULES)),
            }


@pytest.mark.timeout(150)
@pytest.mark.parametrize("heading", sections("integrate.md"))
def test_integration_guide(service: dict[str, str], heading: str) -> None:
    """Whoever follows the guide for the main app's side gets what it shows."""
    section = sections("integrate.md")[heading]
    if missing := lacking(section):
        pytest.skip(missing)
    run(section, service["DATABASE_URL"], service)


def program(heading: str, beginning: str = "") -> str:
    """The first Python block of a section of integrate.md that begins so."""
    section = sections("integrate.md")[heading]
    return next(
        block.text
        for block in blocks(section)
        if block.language == "python" and block.text.startswith(beginning)
    )


@pytest.mark.timeout(150)
def test_either_driver_of_sqlalchemy(service: dict[str, str], tmp_path: Path) -> None:
    """Whoever has psycopg2 alone writes the URL that the guide names, and gets the same answer."""
    heading = "Ask with SQLAlchemy, in the transaction of your own change"
    named = re.findall(r"`(postgresql\+?\w*://)`", sections("integrate.md")[heading])
    text = program(heading).replace("postgresql+psycopg://", named[0])
    (tmp_path / "psycopg.py").write_text("raise ImportError('is not installed')")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        env={**clean_environment(), **service, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


BESIDE = "Beside your app's own migrations, tests and backups"


def dropped(connection: sa.Connection, **options: Any) -> list[str]:
    """The tables that autogenerate would drop for an app which declares no model."""
    context = MigrationContext.configure(connection, opts=options)
    with warnings.catch_warnings():
        # SQLAlchemy knows no dialect of the argument that it reflects for an index of ours.
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        found = compare_metadata(context, sa.MetaData())
    return [difference[1].name for difference in found if difference[0] == "remove_table"]


def test_autogenerate_drops_nothing_of_the_service(database: str) -> None:
    """With the function of the guide, Alembic leaves the service's tables out; the app's own stay
    in the comparison.
    """
    known: dict[str, Any] = {}
    exec(program(BESIDE, "def include_object"), known)  # noqa: S102 - our own guide's
    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE TABLE forgotten (id integer)"))
        assert "ai_requests" in dropped(connection)
        assert dropped(connection, include_object=known["include_object"]) == ["forgotten"]
    engine.dispose()


def dump(owner: psycopg.Connection, *arguments: str) -> str:
    """What the server's own pg_dump complains about; empty if it came to its end."""
    row = owner.execute("SELECT setting FROM pg_config WHERE name = 'BINDIR'").fetchone()
    assert row is not None
    done = subprocess.run(
        [Path(row[0]) / "pg_dump", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stderr if done.returncode else ""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


@pytest.mark.timeout(150)
def test_a_schema_of_its_own_is_out_of_the_way(cluster: Cluster) -> None:
    """Migrated into a schema of its own as the guide says, the service is invisible to the app's
    autogenerate, and the app asks it by the schema's name. The app's role dumps what is the app's,
    and who was granted both roles dumps all.
    """
    commands = next(
        block.text
        for block in blocks(sections("integrate.md")[BESIDE])
        if block.language == "console"
    )
    with cluster.owner() as owner:
        owner.execute("CREATE DATABASE gym")
        gym = cluster.owner_dsn.rpartition("/")[0] + "/gym"
        with psycopg.connect(gym, autocommit=True) as administrator:
            administrator.execute(f"CREATE ROLE orchestrator LOGIN PASSWORD '{PASSWORD}'")
            administrator.execute(commands.encode())
        migrate.upgrade(cluster.dsn("orchestrator", "gym"))
        with psycopg.connect(cluster.dsn("app", "gym"), autocommit=True) as app:
            app.execute("SELECT ai.ai_submit('x', '{}')")
            app.execute("INSERT INTO ai.ai_requests (task_type) VALUES ('x')")
            row = app.execute("SELECT count(*) FROM ai.ai_requests WHERE status = 'pending'")
            assert row.fetchone() == (2,)
        url = cluster.dsn("app", "gym").replace("postgresql://", "postgresql+psycopg://")
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            assert dropped(connection) == []
        engine.dispose()
        owner.execute(f"CREATE ROLE backup LOGIN PASSWORD '{PASSWORD}'")
        owner.execute("GRANT app, orchestrator TO backup")
        assert "permission denied" in dump(owner, cluster.dsn("app", "gym"))
        assert dump(owner, "--exclude-schema=ai", cluster.dsn("app", "gym")) == ""
        assert dump(owner, cluster.dsn("backup", "gym")) == ""


@pytest.mark.timeout(150)
def test_plans_become_templates_with_the_grants_named(cluster: Cluster) -> None:
    """A service's role that may only read writes no template; with the guide's grants it does.
    They are what an answer then says, word for word."""
    told = blocks(sections("integrate.md")["Plans as workout templates"])[0]
    plan = '{"day": 1, "name": "A", "created_by": 1, "rows": [{"exercise_id": 1, "order": 1}]}'
    cluster.role("orchestrator")
    with cluster.owner() as owner:
        load(owner, clients=2)
        owner.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO orchestrator")
        owner.execute("GRANT INSERT, UPDATE ON ai_saved_plans TO orchestrator")
        with psycopg.connect(cluster.dsn("orchestrator"), autocommit=True) as service:
            saving = "SELECT ai_save_plan_v2(1, %s, current_setting('search_path')) IS NOT NULL"
            lacking = load_statements()["plan_grants"]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                service.execute(saving, (plan,))
            guide = [one.decode() for one in statements(told) if one.startswith(b"GRANT")]
            wanted = [row[0] for row in service.execute(lacking, {}).fetchall()]
            assert sorted(wanted) == sorted(guide)
            for statement in statements(told):
                owner.execute(statement)
            assert service.execute(saving, (plan,)).fetchone() == (True,)
            assert service.execute(lacking, {}).fetchall() == []


@pytest.mark.timeout(150)
def test_agents_guide(database: str, tmp_path: Path) -> None:
    """The agents that the guide shows, a row and a class, answer as it says."""
    load(database, clients=3)
    for folder in ("agents", "daemon", "sql", "migrations"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    page = blocks(PAGES["agents.md"])
    for block in page:
        if block.language == "python":
            name = block.text.partition("\n")[0].strip('"')
            with (tmp_path / name).open("a") as file:
                file.write(block.text)
    with (
        running_server() as model,
        DaemonProcess(
            {"DATABASE_URL": database, "OPENAI_BASE_URL": model},
            (),
            program=(sys.executable, "-c", RUNS_THERE, str(tmp_path)),
        ) as process,
        psycopg.connect(database, autocommit=True) as connection,
    ):
        process.wait_event("ready", 90)
        asked = [
            *(one for block in page if block.language == "sql" for one in statements(block)),
            b"SELECT ai_submit('attendance', '{\"client_id\": 999999}')",
        ]
        # Disabling comes last: a request of a disabled agent fails.
        for statement in sorted(asked, key=lambda one: b"enabled = false" in one):
            if b"enabled = false" in statement:
                until(lambda: ended(connection) == 3, 60, what="all requests have ended")
            connection.execute(statement)
        rows = connection.execute(
            "SELECT q.task_type, q.status, q.mode, q.error ->> 'code', a.result"
            " FROM ai_requests q LEFT JOIN ai_results a ON a.request_id = q.id"
            " WHERE q.task_type IN ('welcome_note', 'attendance') ORDER BY q.id"
        ).fetchall()
        versions = connection.execute(
            "SELECT count(*) FROM ai_agent_versions WHERE type = 'welcome_note'"
        ).fetchone()
    note, counted, unknown = rows
    assert note[:4] == ("welcome_note", "completed", "full", None)
    assert set(note[4]) == {"note", "data_warnings"}
    assert counted[:4] == ("attendance", "completed", "full", None)
    assert counted[4]["readings"] > 0
    assert unknown[:4] == ("attendance", "failed", None, "client_not_found")
    assert versions == (3,)


def ended(connection: psycopg.Connection) -> int:
    """How many of the guide's requests have ended."""
    row = connection.execute(
        "SELECT count(*) FROM ai_requests WHERE task_type IN ('welcome_note', 'attendance')"
        " AND finished_at IS NOT NULL"
    ).fetchone()
    assert row is not None
    count: int = row[0]
    return count


def test_a_client_to_forget_is_found(connection: psycopg.Connection) -> None:
    """What the runbook says to delete is all that names the client: own requests, those that the
    client asked for, and a trainer's week; and nothing that names another one.
    """
    section = PAGES["runbook.md"].partition("### Delete a client's data\n")[2]
    tells = re.search(r"\*\*Tells:\*\* `(.+?)`", section)
    assert tells is not None
    week = """[{"moves": [], "unplaced": [{"client_id": %s, "missing": 1}]}]"""

    def asked(input_data: str, by: str | None = None, result: str | None = None) -> int:
        row = connection.execute(
            "INSERT INTO ai_requests (task_type, input_data, requested_by) VALUES ('x', %s, %s)"
            " RETURNING id",
            (input_data, by),
        ).fetchone()
        assert row is not None
        if result is not None:
            connection.execute(
                "INSERT INTO ai_results (request_id, task_type, mode, result)"
                " VALUES (%s, 'x', 'full', %s)",
                (row[0], result),
            )
        request_id: int = row[0]
        return request_id

    expected = [
        asked('{"client_id": 7}'),
        asked('{"client_id": "7"}'),
        asked('{"question": "?"}', by="client:7"),
        asked('{"trainer_id": 1, "demand": [{"client_id": 7}]}'),
        asked('{"trainer_id": 1}', result=week % 7),
        proposed := asked('{"trainer_id": 1}'),
    ]
    connection.execute(
        "INSERT INTO ai_schedule_suggestions (request_id, client_id, trainer_id, status, kind,"
        " rank, slot_start_utc, slot_local, tz, duration_minutes, p_attend, p_lo, p_hi,"
        " basis_sessions)"
        " VALUES (%s, 7, 1, 'ok', 'move', 1, now(), localtimestamp, 'UTC', 60, 1, 1, 1, 1)",
        (proposed,),
    )
    asked('{"client_id": 77}')
    asked('{"trainer_id": 7}', by="trainer:7", result=week % 77)
    rows = connection.execute(tells[1].encode()).fetchall()
    assert [row[0] for row in rows] == expected


def test_removed_without_a_trace(connection: psycopg.Connection, database: str) -> None:
    """What the FAQ prints leaves nothing of the service and all of the app, and a new start finds
    nothing in its way.
    """
    answer = PAGES["faq.md"].partition("**How do I remove it all?**")[2]
    load(database, clients=1)
    printed = connection.execute(statements(blocks(answer)[0])[0]).fetchall()
    for (statement,) in printed:
        connection.execute(statement.encode())
    left = connection.execute(
        "SELECT relname FROM pg_class WHERE relname LIKE 'ai\\_%'"
        " UNION ALL SELECT proname FROM pg_proc WHERE proname LIKE 'ai\\_%'"
        " UNION ALL SELECT typname FROM pg_type WHERE typname LIKE 'ai\\_%'"
    ).fetchall()
    assert left == []
    assert connection.execute("SELECT count(*) FROM clients").fetchone() == (1,)
    migrate.upgrade(database)


@pytest.mark.parametrize("name", ["architecture.md", "faq.md", "scaling.md", "security.md"])
def test_sql_runs(connection: psycopg.Connection, name: str) -> None:
    """Every statement of these pages runs on a migrated database; nothing of it is kept."""
    with connection.transaction(force_rollback=True):
        for block in blocks(PAGES[name]):
            if block.language == "sql":
                for statement in statements(block):
                    connection.execute(statement)


def linked() -> list[tuple[str, str]]:
    """(page, file) of every link to a file."""
    found = {
        (name, link)
        for name, text in PAGES.items()
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
        if "://" not in link
    }
    return sorted(found)


def test_links_lead_somewhere() -> None:
    """Each file that a page points at exists."""
    assert [pair for pair in linked() if not (DOCS / pair[1]).exists()] == []


def test_names_exist() -> None:
    """Make targets and commands that the pages name are real."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for name, text in PAGES.items():
        for target in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE):
            assert target in targets, (name, target)
        for command in re.findall(r"python -m daemon ([a-z]+)", text):
            assert command in cli.COMMANDS, (name, command)


def test_variables_exist() -> None:
    """A variable that stands in code quotes is one that the service reads."""
    known = {name for _, part in reference.sections() for name, _ in part}
    for name, text in PAGES.items():
        for variable in re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=[^`]*)?`", text):
            assert variable in known or variable.startswith(PLATFORMS), (name, variable)


def test_references_are_current(connection: psycopg.Connection) -> None:
    """Settings, metrics and database are described as they are; `make docs` writes them anew."""
    made = {name: page() for name, page in reference.PAGES.items()}
    made["database.md"] = reference.database(connection)
    for name, text in made.items():
        assert PAGES[name] == text, f"{name} is not current: run `make docs`"
