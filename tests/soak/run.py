"""The run: a durable server, two daemons, their users, a sample every few seconds, and the end."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from daemon import __version__, migrate
from daemon.demo import gym
from daemon.demo.model_server import ModelServer, Recorded, running_server
from tests.chaos.invariants import ENDED, SHOWN, findings, settle, watch
from tests.chaos.run import MoodyModel
from tests.kit.postgres import throwaway
from tests.kit.process import DaemonProcess
from tests.kit.signals import until
from tests.soak.life import KEY, Life
from tests.soak.probe import Probe, Sample

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / ".data" / "soak"
READY_SECONDS = 120.0
REST_SECONDS = 120.0
DRAIN_SECONDS = 60.0
# The ledger is pruned like everything, and put back in the end to be added up.
LEDGER = """
CREATE TABLE soak_calls (LIKE ai_llm_calls);
CREATE FUNCTION soak_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO soak_calls SELECT OLD.*;
    RETURN NULL;
END $$;
CREATE TRIGGER soak_keep AFTER DELETE ON ai_llm_calls FOR EACH ROW EXECUTE FUNCTION soak_keep();
"""
PUT_BACK = """
DROP TRIGGER soak_keep ON ai_llm_calls;
INSERT INTO ai_llm_calls SELECT * FROM soak_calls;
"""
LOST = f"""
SELECT c.id FROM unnest(%s::bigint[]) AS c (id)
WHERE NOT EXISTS (SELECT FROM chaos_steps s WHERE s.request_id = c.id AND s.new IN {ENDED})
"""


@dataclass(frozen=True)
class Plan:
    """seconds: how long there is life. rate: requests a second. pause_seconds: between samples.

    keep_seconds: the age at which rows go; from then on the tables should stay as large as they
    are.
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
    """What a run leaves behind: all that the page is made of."""

    plan: dict[str, Any]
    facts: dict[str, str]
    samples: list[Sample] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    found: dict[str, list[str]] = field(default_factory=dict)

    @property
    def violations(self) -> list[str]:
        return [line for lines in self.found.values() for line in lines[:SHOWN]]

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Recording:
        return cls(**json.loads(path.read_text()))


class Forgetful(list[Recorded]):
    """Counts the calls of a model server, which would keep every question of the hour."""

    count_of_calls = 0

    def append(self, call: Recorded) -> None:
        self.count_of_calls += 1


class Scene:
    """Server, model, daemons; nothing is left of them."""

    def __init__(self, plan: Plan, stack: contextlib.ExitStack) -> None:
        models = ModelServer()
        self.calls = Forgetful()
        models.calls = self.calls
        models.script = MoodyModel(random.Random(plan.seed))  # type: ignore[assignment]
        self.server = stack.enter_context(throwaway(durable=True))
        self.dsn = self.server.dsn()
        migrate.upgrade(self.dsn)
        watch(self.dsn)
        with psycopg.connect(self.dsn) as connection:
            connection.execute(LEDGER.encode())
        truth = gym.load(self.dsn, clients=plan.clients)
        self.clients = sorted(truth.clients)
        url = stack.enter_context(running_server(models))
        self.daemons = {
            f"daemon {n}": stack.enter_context(started(plan, self.dsn, url))
            for n in range(1, plan.daemons + 1)
        }
        for daemon in self.daemons.values():
            daemon.wait_event("ready", READY_SECONDS)


def started(plan: Plan, dsn: str, model_url: str) -> DaemonProcess:
    """A daemon that is being started, with everything switched on."""
    env = {
        "DATABASE_URL": dsn,
        "OPENAI_BASE_URL": model_url,
        "OPENAI_API_KEY": "local",
        "ADMIN_API_KEY": KEY,
        "ALERT_WEBHOOK_URL": f"{model_url}/alerts",
        "HEARTBEAT_URL": f"{model_url}/models",
        "SOAK_KEEP_SECONDS": str(plan.keep_seconds),
        "SOAK_PRUNE_SECONDS": str(plan.prune_seconds),
    }
    return DaemonProcess(env, (), program=(sys.executable, "-m", "tests.soak.child"))


def perform(plan: Plan, tell: Callable[[Sample], None], keep: Path | None = None) -> Recording:
    """The whole run. tell: gets each sample. keep: where the recording is saved meanwhile."""
    recording = Recording(asdict(plan) | {"keep_seconds": plan.keep_seconds}, facts(plan))
    with contextlib.ExitStack() as stack:
        scene = Scene(plan, stack)
        recording.facts["PostgreSQL"] = version(scene.dsn)
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
    stopped = []
    for daemon in scene.daemons.values():
        daemon.terminate()
    for name, daemon in scene.daemons.items():
        if status := daemon.wait(DRAIN_SECONDS):
            stopped.append(f"{name} ended with status {status}")
    with psycopg.connect(scene.dsn, autocommit=True) as connection:
        connection.execute(PUT_BACK.encode())
        lost = connection.execute(LOST, (sorted(life.confirmed),)).fetchall()
        recording.counts = tallies(connection)
    settle(scene.dsn)
    recording.found = findings(scene.dsn)
    recording.found["confirmed and never ended"] = [f"lost: request {row[0]}" for row in lost]
    recording.found["a daemon that did not stop cleanly"] = stopped
    recording.found["the main app or a reader met an error"] = [
        f"{count} times {what}" for what, count in life.troubles.items()
    ]
    recording.counts |= dict(life.counts) | {"model calls": scene.calls.count_of_calls}
    recording.counts |= logged(scene)


def tallies(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """How eventful it was."""
    rows = connection.execute(
        "SELECT 'ended as ' || new, count(*) FROM chaos_steps"
        f" WHERE new IN {ENDED} GROUP BY 1 UNION ALL"
        " SELECT 'pruned calls', count(*) FROM soak_calls UNION ALL"
        " SELECT 'alerts', count(*) FROM ai_alerts UNION ALL"
        " SELECT 'healing actions', count(*) FROM ai_healing_actions".encode()
    ).fetchall()
    return {name: int(number) for name, number in rows}


def logged(scene: Scene) -> dict[str, int]:
    """How often a daemon said something that is not of everyday."""
    found: dict[str, int] = {}
    for daemon in scene.daemons.values():
        for event in daemon.events:
            if event.get("level") in {"error", "critical"}:
                name = f"logged {event['message']}"
                found[name] = found.get(name, 0) + 1
    return found


def version(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SHOW server_version").fetchone()
        assert row is not None
        return str(row[0])


def facts(plan: Plan) -> dict[str, str]:
    """Where and when."""
    cores = os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{cores} cores, {memory} GB, {platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "version": __version__,
        "load": f"{os.getloadavg()[0]:.1f}",
    }
