"""``make failover``: the primary is lost under load, again and again, and its standby promoted.

Both servers stand in one URL, for the app and the daemons alike, and commits are confirmed by
both. At times the old primary comes back for a moment, writable and first in that URL, as happens
where nobody fences it off. The daemons do not poll. In the end every promise is looked up in the
database that is left: what was confirmed is there, ended once, and no call was bought twice.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
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
    make_trouble,
    show,
)
from tests.chaos.saboteur import Mischief, Place
from tests.kit.postgres import crash
from tests.kit.standby import Pair, kill

RETURNED_SECONDS = 2.0


class Failovers(Mischief[Place]):
    """Loses one primary after another. Each is done in a thread, while the load goes on.

    returned: from when to when, on the database's clock, an old primary was back.
    """

    def __init__(self, pair: Pair, places: list[Place], app: App, rng: random.Random) -> None:
        super().__init__(places, rng)
        self.returned: list[tuple[float, float]] = []
        self._pair = pair
        self._app = app
        self._thread = ThreadPoolExecutor(1)
        self._under_way: Future[None] | None = None
        self.acts = {self._crash: 1, self._lose: 1, self._return: 1}

    def act(self) -> str:
        """The next primary is lost once the last one has been replaced."""
        self._finish()
        return super().act()

    def make_good(self) -> None:
        """Both servers are up, and one follows the other."""
        self._finish()
        self._thread.shutdown()
        super().make_good()

    def _heal(self, place: Place) -> None:
        """Nothing was done to daemons: they come through by themselves."""

    def _finish(self) -> None:
        if self._under_way is not None:
            self._under_way.result()

    def _begin(self, deed: Callable[[], None]) -> None:
        def tried() -> None:
            try:
                deed()
            except BaseException as error:
                self._app.given_up = error  # it waits for a primary meanwhile
                raise

        self._under_way = self._thread.submit(tried)

    def _crash(self, _: Place) -> str:
        def deed() -> None:
            crash(self._pair.primary)
            self._pair.promote()
            self._pair.repair()

        self._begin(deed)
        return "primary stopped at once"

    def _lose(self, _: Place) -> str:
        def deed() -> None:
            kill(self._pair.primary)
            self._pair.promote()
            self._pair.repair()

        self._begin(deed)
        return "primary killed"

    def _return(self, _: Place) -> str:
        def deed() -> None:
            kill(self._pair.primary)
            self._pair.promote()
            time.sleep(0.5)
            began = time.time()
            self._pair.standby.start()
            time.sleep(RETURNED_SECONDS)
            crash(self._pair.standby)
            self.returned.append((began, time.time()))
            self._pair.repair()

        self._begin(deed)
        return "primary killed, back for a moment"


def perform(plan: Plan, console: Console, folder: Path) -> Report:
    """The whole run."""
    report = Report(plan)
    rng = random.Random(plan.seed)
    began = time.monotonic()
    models = ModelServer()
    models.script = MoodyModel(rng)  # type: ignore[assignment]
    with contextlib.ExitStack() as stack:
        pair = Pair()
        stack.callback(pair.stop)
        dsn = pair.dsn()
        migrate.upgrade(dsn)
        watch(dsn)
        limit(dsn)
        env = daemon_env(plan, stack.enter_context(running_server(models)))
        places = [
            Place(number=number, dsn=dsn, folder=folder, env=env) for number in range(plan.daemons)
        ]
        for place in places:
            stack.callback(place.bury)
            place.start()
        app = App(dsn, random.Random(plan.seed))
        failovers = Failovers(pair, places, app, random.Random(plan.seed))
        app.start()
        make_trouble(plan, console, app, failovers, rng)
        app.calm_down()
        failovers.make_good()
        report.deeds = dict(failovers.deeds)
        answer_the_rest(report, console, dsn, app)
        # Whoever began to listen on the wrong server could not be told.
        app.heard = [
            window
            for window in app.heard
            if not any(start < window[0] < end for start, end in failovers.returned)
        ]
        look_up(report, dsn, app, places, models)
        report.facts["promotions"] = timeline(dsn) - 1
    report.seconds = time.monotonic() - began
    return report


def timeline(dsn: str) -> int:
    """PostgreSQL begins a new one at each promotion."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT timeline_id FROM pg_control_checkpoint()").fetchone()
    assert row is not None
    return int(row[0])


def main(argv: list[str] | None = None) -> int:
    """The command. Exit code 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="make failover", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long there is trouble")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    chosen = parser.parse_args(argv)
    seconds = chosen.minutes * 60
    plan = Plan(seconds, int(seconds * 20), chosen.seed, daemons=2, pause_seconds=6.0)
    console = Console()
    console.print(f"seed {plan.seed}: make failover MINUTES={chosen.minutes:g} SEED={plan.seed}")
    with tempfile.TemporaryDirectory(prefix="failover-") as folder:
        report = perform(plan, console, Path(folder))
    show(report, console)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
