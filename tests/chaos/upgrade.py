"""``make upgrade``: one release takes over from another under load, and gives back again.

The old release migrates an empty database and works. The new one migrates it further meanwhile,
joins, and works alone; then the old one comes back to the newer schema and works alone; then the
last migrations are taken back under it, made again, and the new one takes over for good. The app
goes on all the time and must not meet a single error. In the end every promise is looked up.

The old release comes from git: by default the commit before the newest migration was added.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import secrets
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from rich.console import Console

from daemon import migrate
from daemon.demo.model_server import ModelServer, running_server
from tests.chaos.app import App
from tests.chaos.invariants import watch
from tests.chaos.run import (
    MoodyModel,
    Plan,
    Report,
    answer_the_rest,
    daemon_env,
    limit,
    look_up,
    show,
)
from tests.chaos.saboteur import Place
from tests.kit.postgres import ROOT, throwaway
from tests.kit.process import clean_environment
from tests.kit.signals import until

PARTS = ("agents", "daemon", "migrations", "sql", "tests/kit", "tests/chaos")
ANSWERS = 3
"""So many each daemon that works must give before the next step."""
STEP_SECONDS = 90.0
COMPLETED = "SELECT count(*) FROM ai_attempts WHERE outcome = 'completed' AND worker_id LIKE %s"
READY = "SELECT count(*) FROM ai_workers WHERE state = 'ready' AND pid = ANY (%s)"


@dataclass
class Release:
    """A folder with code, and what its code does to the database."""

    folder: Path
    dsn: str

    def head(self) -> str:
        """The newest revision that it knows."""
        return max((self.folder / "migrations" / "versions").glob("[0-9]*.py")).stem

    def migrate(self) -> None:
        """As a pre-deploy command does."""
        if self.folder == ROOT:
            migrate.upgrade(self.dsn)
        else:
            self._python("-m", "daemon", "migrate")

    def take_back(self, to: str) -> None:
        """Undo its migrations down to a revision."""
        self._python("-c", f"from daemon import migrate; migrate.downgrade({self.dsn!r}, {to!r})")

    def _python(self, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=clean_environment() | {"DATABASE_URL": self.dsn},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{self.folder}: {arguments}\n{done.stdout}{done.stderr}"


@dataclass
class Rollout:
    """The steps, and who works at the moment. said: is told each step's name as it begins.

    again: after the way back, all the way forth once more.
    """

    old: Release
    new: Release
    folder: Path
    env: dict[str, str]
    said: Callable[[str], None]
    again: bool
    working: list[Place] = field(default_factory=list)
    gone: list[Place] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    def roll(self) -> None:
        """All steps; between them everybody who works must answer something."""
        self._step("the new one migrates and joins", lambda: self.join(self.new))
        self._step("the old one leaves", lambda: self.leave(self.old))
        self._step("the old one comes back to the newer schema", lambda: self.join(self.old))
        self._step("the new one leaves", lambda: self.leave(self.new))
        back = self.old.head()
        self._step("the migrations are taken back", lambda: self.new.take_back(back))
        if self.again:
            self._step("the new one migrates first", self.new.migrate)
            self._step("the new one joins again", lambda: self.join(self.new))
            self._step("the old one leaves for good", lambda: self.leave(self.old))

    def join(self, release: Release) -> None:
        """One more daemon, of this release; returns once it is ready."""
        number = len(self.working) + len(self.gone)
        env = self.env | ({"CHAOS_RELEASE": str(release.folder)} if release.folder != ROOT else {})
        place = Place(number=number, dsn=release.dsn, folder=self.folder, env=env)
        self.working.append(place)
        place.start()
        assert place.process is not None
        pids = [place.process.pid]
        with psycopg.connect(release.dsn, autocommit=True) as connection:
            until(
                lambda: connection.execute(READY, (pids,)).fetchone() == (1,),
                STEP_SECONDS,
                what=f"daemon {number} is ready",
            )

    def leave(self, release: Release) -> None:
        """All daemons of this release drain and end."""
        folder = str(release.folder)
        leaving = [p for p in self.working if p.env.get("CHAOS_RELEASE", str(ROOT)) == folder]
        for place in leaving:
            assert place.process is not None
            place.process.terminate()
        for place in leaving:
            until(lambda: not place.alive, STEP_SECONDS, what=f"daemon {place.number} has drained")  # noqa: B023
            self.working.remove(place)
            self.gone.append(place)
            place.bury()

    def bury(self) -> None:
        """Nobody is left."""
        for place in self.working:
            place.bury()

    def _step(self, name: str, action: Callable[[], None]) -> None:
        self.said(name)
        self.steps.append(name)
        action()
        with psycopg.connect(self.new.dsn, autocommit=True) as connection:

            def answers() -> list[int]:
                """Of each daemon that works."""
                found = [connection.execute(COMPLETED, (f"%-{pid}-%",)) for pid in self._pids()]
                return [int(row[0]) for cursor in found for row in cursor]

            before = answers()
            until(
                lambda: all(
                    now >= then + ANSWERS for now, then in zip(answers(), before, strict=True)
                ),
                STEP_SECONDS,
                what=f"answers of everybody after: {name}",
            )

    def _pids(self) -> list[int]:
        return [
            place.process.pid
            for place in self.working
            if place.process is not None and place.process.pid is not None
        ]


def perform(
    plan: Plan, console: Console, folder: Path, old: Path, new: Path, *, again: bool = True
) -> Report:
    """The whole run. old, new: the folders of the two releases; the first or the last is ROOT."""
    report = Report(plan)
    rng = random.Random(plan.seed)
    began = time.monotonic()
    models = ModelServer()
    models.script = MoodyModel(rng)  # type: ignore[assignment]
    with contextlib.ExitStack() as stack:
        dsn = stack.enter_context(throwaway()).dsn()
        env = daemon_env(plan, stack.enter_context(running_server(models)))
        rollout = Rollout(Release(old, dsn), Release(new, dsn), folder, env, console.print, again)
        stack.callback(rollout.bury)
        rollout.old.migrate()
        watch(dsn)
        limit(dsn)
        for _ in range(plan.daemons):
            rollout.join(rollout.old)
        app = App(dsn, random.Random(plan.seed))
        app.start()
        with ThreadPoolExecutor(1) as thread:
            under_way = thread.submit(rollout.roll)
            while not under_way.done():
                app.insert(rng.randint(1, 4))
                time.sleep(rng.uniform(0.0, plan.pause_seconds))
        under_way.result()
        app.calm_down()
        for _ in range(plan.daemons - len(rollout.working)):
            rollout.join(rollout.new if again else rollout.old)
        report.deeds = dict.fromkeys(rollout.steps, 1)
        answer_the_rest(report, console, dsn, app)
        look_up(report, dsn, app, [*rollout.gone, *rollout.working], models)
        report.found["an error that the app met"] += app.absences  # the database is never away
        milliseconds = round(app.slowest_seconds * 1000)
        report.facts["milliseconds of the app's slowest insert"] = milliseconds
    report.seconds = time.monotonic() - began
    return report


def copied(target: Path) -> Path:
    """This release once more, for somebody to change."""
    for part in PARTS:
        shutil.copytree(ROOT / part, target / part)
    shutil.copy(ROOT / "tests" / "__init__.py", target / "tests")
    return target


def archived(revision: str, target: Path) -> Path:
    """The code as it was at a git revision."""
    done = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise LookupError(done.stderr.decode().strip())
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(target, filter="data")
    return target


def before_the_newest_migration() -> str:
    """The git revision. Raises LookupError where the history does not reach so far back."""
    file = f"migrations/versions/{migrate.head()}.py"
    argv = ["git", "log", "--diff-filter=A", "--format=%P", "--", file]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    parents = done.stdout.split()
    if not parents:
        why = done.stderr.strip() or f"no commit with a parent added {file}"
        raise LookupError(f"{why}; fetch the history (git fetch --unshallow)")
    return parents[-1]


def main(argv: list[str] | None = None) -> int:
    """The command. Exit code 1 when a promise was broken, 0 where there is no older release."""
    parser = argparse.ArgumentParser(prog="make upgrade", description=__doc__)
    parser.add_argument("--since", help="git revision of the old release")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    chosen = parser.parse_args(argv)
    console = Console()
    plan = Plan(0.0, 0, chosen.seed, daemons=2, pause_seconds=0.3)
    with tempfile.TemporaryDirectory(prefix="upgrade-") as name:
        folder = Path(name)
        try:
            revision = chosen.since or before_the_newest_migration()
            old = archived(revision, folder / "old")
        except LookupError as error:
            console.print(f"skipped, there is no older release to start from: {error}")
            return 0
        console.print(f"from {revision[:12]} to {migrate.head()}, seed {plan.seed}")
        report = perform(plan, console, folder, old, ROOT)
    show(report, console)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
