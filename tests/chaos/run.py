"""``make chaos MINUTES=2 SEED=7``: thousands of requests, three daemons, and no mercy.

Daemons are killed, frozen beyond their leases, cut off, drained and replaced; the database is
crashed, its sessions are terminated; requests are cancelled and retried; agents are quick, slow,
deaf, hostile, and ask a model that fails now and then. The daemons do not poll, so a wake-up that
got lost would leave its request lying. In the end everything is mended, the rest must be answered,
and every promise is looked up in the database. Exit code 1 if one was broken.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from aiohttp import web
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from daemon import migrate
from daemon.demo.model_server import ModelServer, data_of, honest, running_server
from daemon.embedded import EmbeddedPostgres
from tests.chaos.app import App
from tests.chaos.begun import SLOTS, begun_twice, too_many_at_once
from tests.chaos.invariants import SHOWN, findings, settle, watch
from tests.chaos.saboteur import Mischief, P, Place, Saboteur, Victim
from tests.kit.postgres import throwaway
from tests.kit.provider import reset, status
from tests.kit.proxy import Proxy
from tests.kit.signals import until

Json = Any
SWALLOWED_SECONDS = 2.0
"""An asynchronous commit is on disk within a second; a begin before a crash may be gone."""

SLEEPERS = (
    "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.mode = 'ExclusiveLock' AND l.granted"
    " AND a.application_name LIKE 'ai-daemon/%/listener'"
)


@dataclass(frozen=True)
class Plan:
    """seconds: how long there is trouble. requests: how many are sent meanwhile. pause_seconds:
    the longest time between two deeds. patience_seconds: for the rest, once all is mended."""

    seconds: float
    requests: int
    seed: int
    daemons: int = 3
    lease_seconds: float = 4.0
    poll_seconds: float = 3600.0
    pause_seconds: float = 1.0
    patience_seconds: float = 120.0
    quiet_rounds: int = 30


@dataclass
class Report:
    """What came of it. found: each invariant with its violations."""

    plan: Plan
    requests: int = 0
    seconds: float = 0.0
    quiet_seconds: float = 0.0
    deeds: dict[str, int] = field(default_factory=dict)
    facts: dict[str, int] = field(default_factory=dict)
    found: dict[str, list[str]] = field(default_factory=dict)

    @property
    def violations(self) -> list[str]:
        return [line for lines in self.found.values() for line in lines[:SHOWN]]


class MoodyModel:
    """The script of a model server that never ends: mostly honest, at times not there."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.asked: list[tuple[float, int]] = []

    def popleft(self) -> Any:
        """How the next call is met."""
        mood = self._rng.random()
        behave = status(500) if mood < 0.03 else reset if mood < 0.05 else honest

        async def noted(
            server: ModelServer, request: web.Request, body: dict[str, Json]
        ) -> web.StreamResponse:
            self.asked.append((time.monotonic(), data_of(body).get("request_id", 0)))
            return await behave(server, request, body)

        return noted

    def swallowed(self, crashed_at: list[float]) -> set[int]:
        """Requests with a call that began so shortly before a crash that it may be lost."""
        return {
            request_id
            for at, request_id in self.asked
            if any(0 <= crash - at < SWALLOWED_SECONDS for crash in crashed_at)
        }


@dataclass
class Scene:
    """Everything that a run plays with."""

    server: EmbeddedPostgres
    models: ModelServer
    moods: MoodyModel
    victims: list[Victim]


@contextlib.contextmanager
def scene(plan: Plan, rng: random.Random, folder: Path) -> Iterator[Scene]:
    """A database, a model server, daemons and their proxies; nothing is left of them."""
    moods = MoodyModel(rng)
    models = ModelServer()
    models.script = moods  # type: ignore[assignment]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(throwaway())
        migrate.upgrade(server.dsn())
        watch(server.dsn())
        limit(server.dsn())
        url = stack.enter_context(running_server(models))
        victims = []
        for number in range(plan.daemons):
            database = stack.enter_context(Proxy.before(server.dsn()))
            way = stack.enter_context(Proxy.before(url))
            victim = Victim(
                number=number,
                database=database,
                models=way,
                dsn=database.through(server.dsn()),
                folder=folder,
                env=daemon_env(plan, way.through(url)),
            )
            stack.callback(victim.bury)
            victims.append(victim)
        yield Scene(server, models, moods, victims)


def daemon_env(plan: Plan, model_url: str) -> dict[str, str]:
    """The settings of every daemon in a run."""
    return {
        "LEASE_SECONDS": str(plan.lease_seconds),
        "POLL_SECONDS": str(plan.poll_seconds),
        "DRAIN_SECONDS": "2",
        "WORKER_CONCURRENCY": str(SLOTS),
        "OPENAI_BASE_URL": model_url,
        "OPENAI_MODEL": "gpt-4o-mini",
        "LOG_LEVEL": "WARNING",
        # Agents that fail on purpose would be paused for longer than anybody waits here.
        "ENABLE_SELF_HEALING": "false",
    }


def limit(dsn: str) -> None:
    """Limits and budgets low enough to be met."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ai_control (task_type, concurrency, per_key, daily_budget_usd) VALUES"
            " ('*', 30, 1000, NULL), ('chaos_labour', 15, 3, 0.05), ('test_echo', 10, 5, NULL),"
            " ('chaos_deaf', 2, 1, NULL), ('chaos_villain', 3, 1, NULL)"
        )
        connection.execute(
            "INSERT INTO ai_budgets (scope, period, limit_usd) VALUES ('key:*', 'day', 0.005)"
        )


def perform(plan: Plan, console: Console, folder: Path) -> Report:
    """The whole run."""
    report = Report(plan)
    rng = random.Random(plan.seed)
    began = time.monotonic()
    with scene(plan, rng, folder) as stage:
        dsn = stage.server.dsn()
        app = App(dsn, random.Random(rng.random()))
        saboteur = Saboteur(
            stage.server, stage.victims, random.Random(rng.random()), plan.lease_seconds
        )
        for victim in stage.victims:
            victim.start()
        app.start()
        make_trouble(plan, console, app, saboteur, rng)
        app.calm_down()
        saboteur.make_good()
        report.deeds = dict(saboteur.deeds)
        answer_the_rest(report, console, dsn, app)
        forgiven = stage.moods.swallowed(saboteur.crashed_at)
        look_up(report, dsn, app, stage.victims, stage.models, forgiven)
        report.facts["model calls a crash may have swallowed"] = len(forgiven)
    report.seconds = time.monotonic() - began
    return report


def make_trouble(
    plan: Plan, console: Console, app: App, saboteur: Mischief[P], rng: random.Random
) -> None:
    """Send all requests in bursts, evenly over the time, and do one deed after another."""
    ends = time.monotonic() + plan.seconds
    next_deed = time.monotonic() + min(3.0, plan.seconds / 4)  # let the first daemons come up
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("requests", total=plan.requests)
        while (left := ends - time.monotonic()) > 0 or app.inserted < plan.requests:
            due = plan.requests * (1 - max(0.0, left) / plan.seconds)
            if app.inserted < due:
                app.insert(min(rng.randint(1, 40), plan.requests - app.inserted))
            if left > 0 and time.monotonic() > next_deed:
                deed = saboteur.act()
                progress.update(bar, description=f"{deed:22}")
                next_deed = time.monotonic() + rng.uniform(0.1, plan.pause_seconds)
            progress.update(bar, completed=app.inserted)
            time.sleep(0.02)


def answer_the_rest(report: Report, console: Console, dsn: str, app: App) -> None:
    """Everything is mended: wait until all has ended, wake sleepers one by one, stop the app."""
    mended = time.monotonic()
    report.found["a wake-up lost"] = _lost_wake_ups(report.plan, console, dsn, app)
    report.quiet_seconds = time.monotonic() - mended
    app.stop()


def _lost_wake_ups(plan: Plan, console: Console, dsn: str, app: App) -> list[str]:
    lost = []
    with psycopg.connect(dsn, autocommit=True) as connection:

        def left() -> int:
            return _count(connection, "SELECT count(*) FROM ai_requests WHERE finished_at IS NULL")

        with console.status("everything is mended; the rest is answered"):
            with contextlib.suppress(TimeoutError):
                until(lambda: left() == 0, plan.patience_seconds)
            try:
                until(lambda: _count(connection, SLEEPERS) == plan.daemons, 60.0)
            except TimeoutError as error:
                lost.append(f"not every daemon has gone to sleep: {error}")
            for number in range(plan.quiet_rounds):
                app.insert(1)
                try:
                    until(lambda: left() == 0, 10.0)
                except TimeoutError:
                    lost.append(f"request {number} of the quiet end was not taken up")
                    if len(lost) > 3:
                        break
                time.sleep(number % 7 * 0.02)
    return lost


def look_up(
    report: Report,
    dsn: str,
    app: App,
    places: Sequence[Place],
    models: ModelServer,
    forgiven: Collection[int] = (),
) -> None:
    """Bury the daemons, and ask the database, the app and their logs whether promises were kept.

    forgiven: requests whose calls a crash of the server may have swallowed.
    """
    for place in places:
        place.bury()
    settle(dsn)
    report.requests = app.inserted
    report.found |= findings(dsn, calls=models.calls, forgiven=forgiven)
    report.found["an attempt begun twice under one fence"] = begun_twice(places[0].begun)
    report.found["an agent begun without a free slot"] = too_many_at_once(places[0].begun)
    report.found["a confirmed request lost"] = app.lost()
    report.found["an end not told"] = app.untold()
    report.found["an error that the app met"] = app.errors
    report.found["a daemon that died by itself"] = [
        line for place in places for line in place.deaths()
    ]
    report.facts |= facts(dsn) | {
        "requests confirmed": len(app.confirmed),
        "ends listened for": app.ends_judged,
        "times that the app tried again": len(app.absences),
        "cancels": app.cancelled,
        "retries": app.retried,
        "model calls": models.count(),
    }


def facts(dsn: str) -> dict[str, int]:
    """How eventful it was."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT 'requests ' || status, count(*) FROM ai_requests GROUP BY 1 UNION ALL"
            " SELECT 'attempts ' || outcome, count(*) FROM ai_attempts GROUP BY 1 UNION ALL"
            " SELECT 'calls ' || status, count(*) FROM ai_llm_calls GROUP BY 1 UNION ALL"
            " SELECT 'answers ' || mode, count(*) FROM ai_results GROUP BY 1 ORDER BY 1"
        ).fetchall()
    return {name: int(number) for name, number in rows}


def show(report: Report, console: Console) -> None:
    """Deeds, facts and the table of invariants."""
    console.print(
        f"{report.requests} requests in {report.seconds:.0f} s, the last"
        f" {report.quiet_seconds:.0f} without trouble; seed {report.plan.seed},"
        f" {report.plan.daemons} daemons,"
        f" poll {report.plan.poll_seconds:g} s, lease {report.plan.lease_seconds:g} s"
    )
    for title, counts in (("deeds", report.deeds), ("facts", report.facts)):
        console.print(f"{title}: " + ", ".join(f"{n} {k}" for k, n in sorted(counts.items())))
    table = Table("what must not be", "found")
    for name, lines in report.found.items():
        table.add_row(name, str(len(lines)) if lines else "none")
    console.print(table)
    for line in report.violations:
        console.print(line, markup=False)


def main(argv: list[str] | None = None) -> int:
    """The command. Exit code 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long there is trouble")
    parser.add_argument("--requests", type=int, help="default: 20 a second")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--daemons", type=int, default=3)
    parser.add_argument("--hosts", action="store_true", help="each on a host of its own, as root")
    parser.add_argument("--poll", type=float, default=3600.0, help="POLL_SECONDS; default: never")
    chosen = parser.parse_args(argv)
    seconds = chosen.minutes * 60
    plan = Plan(
        seconds,
        chosen.requests or int(seconds * 20),
        chosen.seed,
        chosen.daemons,
        poll_seconds=chosen.poll,
    )
    console = Console()
    run = perform
    if chosen.hosts:
        from tests.chaos import hosts, network  # they build on this module

        if why := network.missing():
            parser.error(why)
        run = hosts.perform
    console.print(f"seed {plan.seed}: make chaos MINUTES={chosen.minutes:g} SEED={plan.seed}")
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        report = run(plan, console, Path(folder))
        show(report, console)
        if report.violations:
            kept = Path(tempfile.mkdtemp(prefix="chaos-logs-"))
            shutil.copytree(folder, kept, dirs_exist_ok=True)
            console.print(f"the daemons' logs are in {kept}")
    return 1 if report.violations else 0


def _count(connection: psycopg.Connection[Any], query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


if __name__ == "__main__":
    sys.exit(main())
