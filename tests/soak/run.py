"""The run: a durable server, two daemons, their users, a sample every few seconds, and the end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from daemon import __version__, migrate
from daemon.demo import gym
from daemon.demo.model_server import ModelServer, running_server
from tests.chaos.invariants import ENDED, SHOWN, findings, settle, watch
from tests.chaos.run import MoodyModel
from tests.kit.postgres import throwaway
from tests.kit.process import DaemonProcess
from tests.kit.receiver import Receiver, receiver
from tests.kit.signals import until
from tests.soak import kept
from tests.soak.life import KEY, Life
from tests.soak.probe import Probe, Sample

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / ".data" / "soak"
ERRORS = frozenset({"error", "critical"})
READY_SECONDS = 120.0
REST_SECONDS = 120.0
DRAIN_SECONDS = 60.0
LOST = f"""
SELECT c.id FROM unnest(%s::bigint[]) AS c (id)
WHERE NOT EXISTS (SELECT FROM ai_requests r WHERE r.id = c.id AND r.status IN {ENDED})
    OR NOT EXISTS (SELECT FROM chaos_steps s WHERE s.request_id = c.id AND s.new IN {ENDED})
"""
BLIND = "the result of another attempt"
"""Asks for the attempt's number in the result, which only agents of tests write."""


@dataclass(frozen=True)
class Plan:
    """seconds: how long there is life. rate: requests a second. pause_seconds: between samples.

    keep_seconds: the age at which rows go, and sessions; from then on the tables, and what the
    server holds for the sessions, should stay as large as they are.
    """

    seconds: float
    rate: float = 2.0
    pause_seconds: float = 5.0
    daemons: int = 2
    clients: int = 40
    seed: int = 1

    @property
    def keep_seconds(self) -> int:
        return max(2, round(self.seconds / 12))

    @property
    def prune_seconds(self) -> float:
        return max(1.0, self.keep_seconds / 10)


@dataclass
class Recording:
    """What a run leaves behind: all that the page is made of.

    found: each check with what it found; empty as long as the run has not come to its end.
    looked: over how many rows, where that can be counted. pruned: rows of each table that were
    deleted meanwhile and judged all the same. types: what became of the requests of each type.
    """

    plan: dict[str, Any]
    facts: dict[str, Any]
    samples: list[Sample] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    found: dict[str, list[str]] = field(default_factory=dict)
    looked: dict[str, int] = field(default_factory=dict)
    pruned: dict[str, int] = field(default_factory=dict)
    types: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def violations(self) -> list[str]:
        return [line for lines in self.found.values() for line in lines[:SHOWN]]

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Recording:
        return cls(**json.loads(path.read_text()))


class Scene:
    """Server, model, daemons; nothing is left of them."""

    def __init__(self, plan: Plan, stack: contextlib.ExitStack) -> None:
        models = ModelServer()
        self.calls = kept.Heard()
        models.calls = self.calls
        models.script = MoodyModel(random.Random(plan.seed))  # type: ignore[assignment]
        self.server = stack.enter_context(throwaway(durable=True))
        self.dsn = self.server.dsn()
        migrate.upgrade(self.dsn)
        watch(self.dsn)
        with psycopg.connect(self.dsn) as connection:
            kept.keep(connection)
        truth = gym.load(self.dsn, clients=plan.clients)
        self.clients = sorted(truth.clients)
        url = stack.enter_context(running_server(models))
        self.inbox = stack.enter_context(inbox())
        self.daemons = {
            f"daemon {n}": stack.enter_context(started(plan, self.dsn, url, self.inbox.url))
            for n in range(1, plan.daemons + 1)
        }
        for daemon in self.daemons.values():
            daemon.wait_event("ready", READY_SECONDS)


@contextlib.contextmanager
def inbox() -> Iterator[Receiver]:
    """Where alerts go, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="inbox", daemon=True)
    thread.start()
    takes = receiver()
    try:
        yield asyncio.run_coroutine_threadsafe(takes.__aenter__(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(takes.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def started(plan: Plan, dsn: str, model_url: str, alert_url: str) -> DaemonProcess:
    """A daemon that is being started, with everything switched on."""
    env = {
        "DATABASE_URL": dsn,
        "OPENAI_BASE_URL": model_url,
        "OPENAI_API_KEY": "local",
        "ADMIN_API_KEY": KEY,
        "ALERT_WEBHOOK_URL": alert_url,
        "HEARTBEAT_URL": f"{model_url}/models",
        "SOAK_KEEP_SECONDS": str(plan.keep_seconds),
        "SOAK_PRUNE_SECONDS": str(plan.prune_seconds),
    }
    return DaemonProcess(env, (), program=(sys.executable, "-m", "tests.soak.child"))


def perform(plan: Plan, tell: Callable[[Sample], None], keep: Path | None = None) -> Recording:
    """The whole run. tell: gets each sample. keep: where the recording is saved meanwhile."""
    recording = Recording(asdict(plan) | {"keep_seconds": plan.keep_seconds}, facts())
    with contextlib.ExitStack() as stack:
        scene = Scene(plan, stack)
        recording.facts |= of_server(scene.dsn)
        urls = {name: daemon.base_url for name, daemon in scene.daemons.items()}
        life = Life(scene.dsn, list(urls.values()), scene.clients, plan.rate, plan.seed)
        life.prepare()
        life.start()
        pids = {name: daemon.pid for name, daemon in scene.daemons.items()}
        probe = Probe(scene.dsn, pids, urls, time.monotonic())
        stack.callback(probe.close)
        for sample in samples(plan, probe):
            recording.samples.append(sample)
            tell(sample)
            if keep is not None and len(recording.samples) % 60 == 0:
                recording.save(keep)
        life.stop()
        end(scene, life, recording)
    if keep is not None:
        recording.save(keep)
    return recording


def samples(plan: Plan, probe: Probe) -> Iterator[Sample]:
    """Looks at even times until the time is over."""
    began = time.monotonic()
    window = max(10.0, plan.seconds / 60)
    while (passed := time.monotonic() - began) < plan.seconds:
        yield probe.look(window)
        spent = time.monotonic() - began - passed
        time.sleep(max(0.0, plan.pause_seconds - spent))


def end(scene: Scene, life: Life, recording: Recording) -> None:
    """Let the rest be answered, stop the daemons as a deployment does, and ask the invariants."""
    with psycopg.connect(scene.dsn, autocommit=True) as connection:
        connection.execute("UPDATE ai_schedules SET enabled = false")
        left = b"SELECT count(*) FROM ai_requests WHERE finished_at IS NULL"
        with contextlib.suppress(TimeoutError):  # the invariants tell what has not ended
            until(lambda: connection.execute(left).fetchone() == (0,), REST_SECONDS)
    with psycopg.connect(scene.dsn, autocommit=True) as connection:
        stopped = stop(scene.daemons)
        recording.pruned = kept.put_back(connection)
        settle(scene.dsn)
        recording.found = findings(scene.dsn) | kept.unpaid(connection, scene.calls)
        recording.looked = kept.looked(connection)
        lost = connection.execute(LOST, (sorted(life.confirmed),)).fetchall()
        recording.counts = tallies(connection) | dict(life.counts)
        recording.types = types(connection)
    answers = sum(call.usage is not None for call in scene.calls)
    recording.counts |= {"model calls": len(scene.calls), "answers of the model": answers}
    recording.counts |= {"alerts delivered": len(scene.inbox.came)} | logged(
        scene.daemons, {"warning"}
    )
    for name in kept.OF_CALLS:
        recording.looked[name] = answers
    recording.found.pop(BLIND, None)
    lost_name = "confirmed and never ended, or not among what was judged"
    recording.found[lost_name] = [f"lost: request {row[0]}" for row in lost]
    recording.looked[lost_name] = len(life.confirmed)
    recording.found["a daemon that did not stop cleanly"] = stopped
    recording.found["the main app or a reader met an error"] = [
        f"{count} times {what}" for what, count in life.troubles.items()
    ]
    recording.found["an error in a daemon's log"] = [
        f"{count} times {what}" for what, count in logged(scene.daemons, ERRORS).items()
    ]
    missing = life.missing()
    if not recording.counts["starts that filled a limit"]:
        missing.append("no limit was ever filled")
    recording.found["less life than planned"] = missing
    recording.found["a check that looked at nothing"] = [
        name for name in recording.found if recording.looked.get(name) == 0
    ]


def stop(daemons: Mapping[str, DaemonProcess]) -> list[str]:
    """Stop all of them at once; a line for each that did not end well and in time."""
    bad = []
    for daemon in daemons.values():
        daemon.terminate()
    for name, daemon in daemons.items():
        try:
            if status := daemon.wait(DRAIN_SECONDS):
                bad.append(f"{name} ended with status {status}")
        except TimeoutError as error:
            bad.append(f"{name} is {str(error).splitlines()[0]}")
            daemon.kill()
    return bad


def tallies(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """How eventful it was, of all rows: call it when they are back."""
    rows = connection.execute(
        "SELECT 'ended as ' || new, count(*) FROM chaos_steps"
        f" WHERE new IN {ENDED} GROUP BY 1 UNION ALL"
        " SELECT 'answers ' || mode || coalesce(': ' || degraded_reason, ''), count(*)"
        " FROM ai_results GROUP BY 1 UNION ALL"
        " SELECT 'alerts', count(*) FROM ai_alerts UNION ALL"
        " SELECT 'requests due later', count(*) FROM ai_requests"
        " WHERE run_after > created_at + interval '1 second' UNION ALL"
        " SELECT 'requests with a budget', count(*) FROM ai_requests"
        " WHERE max_usd IS NOT NULL UNION ALL"
        " SELECT 'healing actions', count(*) FROM ai_healing_actions".encode()
    ).fetchall()
    counts = {name: int(number) for name, number in rows}
    return counts | {"starts that filled a limit": kept.filled(connection)}


def types(connection: psycopg.Connection[Any]) -> dict[str, dict[str, int]]:
    """How many requests of each type ended how."""
    found: dict[str, dict[str, int]] = {}
    rows = connection.execute(
        "SELECT task_type, status, count(*) FROM ai_requests GROUP BY 1, 2 ORDER BY 1, 2"
    )
    for task_type, status, count in rows:
        found.setdefault(task_type, {})[status] = int(count)
    return found


def logged(daemons: Mapping[str, DaemonProcess], levels: Collection[str]) -> dict[str, int]:
    """How often a daemon said something of these levels, or, as an error, no event at all."""
    found: Counter[str] = Counter()
    for name, daemon in daemons.items():
        for event in list(daemon.events):
            if event.get("level") in levels:
                found[f"{name} logged {event['level']}: {event['message']}"] += 1
        if levels is ERRORS:
            found.update(f"{name} said: {line[:120]}" for line in daemon.other_output)
    return dict(found)


def of_server(dsn: str) -> dict[str, str]:
    """Which PostgreSQL, and whether it may lose what it confirmed."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version'), current_setting('fsync')"
        ).fetchone()
        assert row is not None
        return {"PostgreSQL": row[0], "fsync": row[1]}


def facts() -> dict[str, Any]:
    """Where and when."""
    cores = os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return {
        "began": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "cores": cores,
        "machine": f"{cores} cores, {memory} GB, {platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "version": __version__,
    }
