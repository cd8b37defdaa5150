"""The demo: a daemon in a process of its own, and this process playing the main app.

What is shown is what happens: requests are inserted by plain SQL over a separate connection, the
answers are read from the result tables, the costs from the ledger. The sample gym lives in a
database that the demo makes and drops again, also on a server of yours.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from daemon import embedded, migrate
from daemon.demo import gym, show
from daemon.demo.scenes import Scene, scenes
from daemon.errors import DatabaseUnavailable, ServiceError
from daemon.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent
READY_SECONDS = 90.0
ANSWER_SECONDS = 120.0
STOP_SECONDS = 60.0
CLIENTS = 12
TERMINAL = ("completed", "failed", "cancelled", "expired")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A scene and the id its row got."""

    scene: Scene
    request_id: int


def play(
    settings: Settings, console: Console, *, local_model: bool = False, stay: bool = False
) -> int:
    """Run the whole demo; returns the number of requests that did not end as they should.

    stay: leave the daemon and its console running until Ctrl-C.
    """
    started = time.monotonic()
    # However it is told to end, what it started ends first.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    with contextlib.ExitStack() as stack:
        with console.status("Starting PostgreSQL"):
            server, where = _server(settings, stack)
            dsn = stack.enter_context(scratch_database(server))
        console.print(f"[green]✓[/] PostgreSQL: {where}")
        with console.status("Migrating, and loading a sample gym"):
            migrate.upgrade(dsn)
            truth = gym.load(dsn, clients=CLIENTS)
        console.print(f"[green]✓[/] Schema migrated; a sample gym of {CLIENTS} clients loaded")
        with console.status("Starting the daemon"):
            environment, words = _model(settings, stack, local_model=local_model)
            key = secrets.token_urlsafe(18)
            daemon = stack.enter_context(
                running_daemon(dsn, environment | {"ADMIN_API_KEY": key} if stay else environment)
            )
        console.print(f"[green]✓[/] Daemon: pid {daemon.pid}, {daemon.url}/health")
        console.print(f"[green]✓[/] Model: {words}")
        connection = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        asked = ask(connection, scenes(truth.cast), console)
        rows = wait_for(connection, asked, console)
        wrong = report(console, asked, rows)
        _where_next(console, rows)
        seconds = time.monotonic() - started
        if stay:
            _stay(console, daemon, key)
    if wrong:
        console.print(f"[red bold]{wrong} of {len(asked)} requests did not end as they should[/]")
    else:
        console.print(
            f"[green bold]All {len(asked)} requests ended as they should[/]"
            f" in {seconds:.0f} s; everything that was started has been stopped."
        )
    return wrong


def _server(settings: Settings, stack: contextlib.ExitStack) -> tuple[str, str]:
    """A server to make a database on, and how to name it without its password."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value(), "yours (DATABASE_URL), a scratch database"
    postgres = embedded.ensure("demo", ROOT)
    stack.callback(postgres.stop)
    return postgres.dsn(), f"embedded, on 127.0.0.1:{postgres.port}, thrown away afterwards"


@contextlib.contextmanager
def scratch_database(server: str) -> Iterator[str]:
    """A new database on the server, dropped at the end. Raises DatabaseUnavailable."""
    name = f"ai_demo_{secrets.token_hex(4)}"
    try:
        connection = psycopg.connect(server, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(
            f"the database server does not answer: {type(error).__name__}",
            hint="check DATABASE_URL, or unset it to use the embedded PostgreSQL",
        ) from None
    with connection:
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege:
            raise ServiceError(
                "the role in DATABASE_URL may not create the demo's own database",
                hint="ALTER ROLE … CREATEDB, or unset DATABASE_URL",
            ) from None
        try:
            yield beside(server, name)
        finally:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


def beside(server: str, name: str) -> str:
    """The URL of another database on the server."""
    parts = urlsplit(server)
    # Not geturl(): it forgets the // where no host stands, as for a socket's folder.
    return f"postgresql://{parts.netloc}/{name}" + (f"?{parts.query}" if parts.query else "")


def _model(
    settings: Settings, stack: contextlib.ExitStack, *, local_model: bool
) -> tuple[dict[str, str], str]:
    """Environment for the daemon's model, and a sentence that says which one answers."""
    if local_model:
        from daemon.demo.model_server import running_server

        url = stack.enter_context(running_server())
        environment = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "local"}
        return environment, f"a local stand-in over real HTTP ({url}); its prices are invented"
    if settings.openai_api_key is not None:
        return {}, f"{settings.openai_model}, with your OPENAI_API_KEY"
    return {}, "none (no OPENAI_API_KEY): every answer is deterministic and says so"


@dataclass(frozen=True, slots=True)
class DaemonHandle:
    pid: int
    url: str
    log: Path


@contextlib.contextmanager
def running_daemon(dsn: str, environment: dict[str, str]) -> Iterator[DaemonHandle]:
    """``python -m daemon run`` as a child, ready when entered, drained when left."""
    port = _free_port()
    log = _log_folder() / "demo-daemon.log"
    with log.open("w") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "daemon", "run"],
            cwd=ROOT,
            env=os.environ
            | {"DATABASE_URL": dsn, "DATABASE_UNPOOLED_URL": "", "PORT": str(port)}
            | {"FLASK_ENV": "demo"}
            | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    handle = DaemonHandle(child.pid, f"http://127.0.0.1:{port}", log)
    try:
        _wait_until_ready(child, handle)
        yield handle
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _log_folder() -> Path:
    """Where the log can be read after the demo: in the checkout, unless that is read-only."""
    folder = ROOT / ".data"
    try:
        folder.mkdir(exist_ok=True)
        (folder / "demo-daemon.log").touch()
    except OSError:
        return Path(tempfile.gettempdir())
    return folder


def _wait_until_ready(child: subprocess.Popen[bytes], handle: DaemonHandle) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            break
        with (
            contextlib.suppress(urllib.error.URLError, OSError),
            urllib.request.urlopen(f"{handle.url}/ready", timeout=1) as answer,  # noqa: S310 - ours
        ):
            if answer.status == 200:
                return
        time.sleep(0.05)
    ended = f"exited with {child.poll()}" if child.poll() is not None else "is not ready"
    last = "\n".join(line[:300] for line in handle.log.read_text().splitlines()[-15:])
    raise ServiceError(f"the daemon {ended}; the end of {handle.log}:\n{last}")


def ask(connection: psycopg.Connection, wanted: Sequence[Scene], console: Console) -> list[Asked]:
    """Insert every scene's row as the main app does, and show one statement as an example."""
    show.heading(console, "The main app asks, in plain SQL")
    console.print(f"[dim]{wanted[0].sql}[/]", highlight=False, markup=True)
    console.print(f"… and {len(wanted) - 1} more.")
    asked = []
    for scene in wanted:
        with connection.transaction():
            row = connection.execute(
                "INSERT INTO ai_requests (task_type, input_data) VALUES (%s, %s) RETURNING id",
                (scene.task_type, json.dumps(scene.input_data)),
            ).fetchone()
            connection.execute("NOTIFY ai_requests")
        assert row is not None
        asked.append(Asked(scene, row[0]))
    return asked


def wait_for(
    connection: psycopg.Connection, asked: Sequence[Asked], console: Console
) -> dict[int, Row]:
    """Wait for NOTIFY ai_results until every request has ended; returns the rows by id."""
    connection.execute("LISTEN ai_results")
    ids = [item.request_id for item in asked]
    deadline = time.monotonic() + ANSWER_SECONDS
    columns = (
        SpinnerColumn(),
        TextColumn("answering"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("[dim]{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=len(ids))
        while True:
            rows = _rows(connection, ids)
            ended = sum(row["status"] in TERMINAL for row in rows.values())
            progress.update(bar, completed=ended)
            if ended == len(ids) or time.monotonic() > deadline:
                return rows
            for _ in connection.notifies(timeout=1.0, stop_after=1):
                pass


def _rows(connection: psycopg.Connection, ids: Sequence[int]) -> dict[int, Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            "SELECT q.id, q.status, q.mode, q.degraded_reason, q.error, q.cost_usd, r.result,"
            " extract(epoch FROM q.finished_at - q.created_at)::float8 AS seconds"
            " FROM ai_requests q LEFT JOIN ai_results r ON r.request_id = q.id"
            " WHERE q.id = ANY(%s)",
            (list(ids),),
        )
        return {row["id"]: row for row in cursor}


def report(console: Console, asked: Sequence[Asked], rows: dict[int, Row]) -> int:
    """Print every answer; returns how many ended differently than the scene says."""
    show.heading(console, "The answers (all were asked at once, and share your processors)")
    wrong = 0
    for item in asked:
        row = rows[item.request_id]
        fine = row["status"] == item.scene.expect
        wrong += not fine
        mark = "[green]✓[/]" if fine else "[red]✗[/]"
        seconds = f" in {row['seconds']:.1f} s" if row["seconds"] is not None else ""
        note = "" if item.scene.expect == "completed" else ", as it should"
        console.print(f"{mark} [bold]{item.scene.title}[/]", highlight=False)
        console.print(
            f"    [dim]request {row['id']}[/] {row['status']}{note}{seconds}", highlight=False
        )
        if row["result"] is not None:
            console.print(f"    {show.MODES[row['mode']]}", highlight=False)
            console.print(show.answer(row["result"]))
        elif row["error"] is not None:
            console.print(show.failure(row["error"]))
    return wrong


def _where_next(console: Console, rows: dict[int, Row]) -> None:
    cost = sum(row["cost_usd"] or 0 for row in rows.values())
    modes = sorted({row["mode"] for row in rows.values() if row["mode"]})
    show.heading(console, "What it cost")
    console.print(f"{cost:.4f} USD in model calls (answers: {', '.join(modes)})", highlight=False)
    show.heading(console, "Where to look next")
    for line in (
        "make demo ARGS=--stay           the same, and the admin console stays open",
        "make run                        the service, on a database that is kept",
        "python -m daemon submit --help  ask from the command line",
        "SELECT * FROM ai_queue_depth;   what waits and runs",
        "SELECT * FROM ai_cost_daily;    what the model cost, by day",
        "/metrics                        for Prometheus",
        "README.md                       follow one request through the files",
    ):
        console.print(f"  {line}", highlight=False, markup=False)
    console.print()


def _stay(console: Console, daemon: DaemonHandle, key: str) -> None:
    """The console's address and its key; returns at Ctrl-C, or when told to end."""
    show.heading(console, "The admin console")
    console.print(f"  {daemon.url}/gui", highlight=False)
    console.print(f"  key: {key}   [dim](role admin, gone with this demo)[/]", highlight=False)
    console.print("  Ctrl-C ends the demo.\n", highlight=False)
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
