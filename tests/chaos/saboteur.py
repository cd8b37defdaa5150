"""Where daemons live, and everything that is done to them: processes, connections, the server."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import psycopg

from daemon.embedded import EmbeddedPostgres
from daemon.errors import EXIT_SECOND_SIGNAL
from tests.chaos.nursery import forked
from tests.kit.postgres import crash
from tests.kit.proxy import Proxy

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

ORDERLY = {0, EXIT_SECOND_SIGNAL, -signal.SIGTERM}
"""How a daemon may end by itself: drained, told twice, or told before it listened to signals."""
ROLES = ("listener", "heartbeat", "pool", "reader", "")

DRAIN_SECONDS = 30.0
"""So long is waited for one that drains when the trouble ends."""


@dataclass(kw_only=True)
class Place:
    """Where a daemon lives: whoever dies here is replaced."""

    number: int
    dsn: str
    folder: Path
    env: dict[str, str]
    lives: int = 0
    ends: list[int] = field(default_factory=list)
    """How those ended that were not killed here."""
    process: ForkServerProcess | None = None
    _life: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        """A new daemon, with a log of its own."""
        self.lives += 1
        output = self.folder / f"daemon-{self.number}-{self.lives}.log"
        env = self.env | {"CHAOS_BEGUN": str(self.begun)}
        self.process = self._life.enter_context(forked(self.dsn, output, **env))

    @property
    def begun(self) -> Path:
        """Where all daemons of a run write down what they begin."""
        return self.folder / "begun"

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.is_alive()

    def send(self, number: int) -> None:
        """Any signal, to the daemon itself."""
        if self.process is not None and self.process.pid is not None and self.alive:
            os.kill(self.process.pid, number)

    def bury(self) -> None:
        """End what still lives, write down how what does not has ended, and forget it."""
        if self.process is not None and self.process.exitcode is not None:
            self.ends.append(self.process.exitcode)
        self._life.close()
        self.process = None

    def deaths(self) -> list[str]:
        """Of daemons that ended otherwise than they were told to."""
        return [
            f"daemon {self.number} died with {code}" for code in self.ends if code not in ORDERLY
        ]


@dataclass(kw_only=True)
class Victim(Place):
    """A place that reaches database and models through proxies of its own."""

    database: Proxy
    models: Proxy

    def well(self) -> None:
        """Undo everything that was done to it."""
        self.send(signal.SIGCONT)
        for proxy in (self.database, self.models):
            proxy.cut()
            proxy.forward()


P = TypeVar("P", bound=Place)


class Mischief(Generic[P]):
    """Does one thing after another to places; what it did is counted in ``deeds``.

    acts: each with its share; all are done before one comes again beyond that.
    """

    def __init__(self, places: list[P], rng: random.Random) -> None:
        self.deeds: Counter[str] = Counter()
        self.acts: dict[Callable[[P], str], int] = {}
        self._places = places
        self._rng = rng
        self._deck: list[Callable[[P], str]] = []
        self._later: list[threading.Timer] = []

    def act(self) -> str:
        """One deed; returns its name."""
        for place in self._places:
            if not place.alive:
                place.bury()
                place.start()
        if not self._deck:
            self._deck = [act for act, share in self.acts.items() for _ in range(share)]
            self._rng.shuffle(self._deck)
        name = self._deck.pop()(self._rng.choice(self._places))
        self.deeds[name] += 1
        return name

    def make_good(self) -> None:
        """Undo everything; every place has a living daemon."""
        for timer in self._later:
            timer.cancel()
        for timer in self._later:
            timer.join()
        for place in self._places:
            self._heal(place)
            if not place.alive:
                place.bury()
                place.start()

    def _heal(self, place: P) -> None:
        """Undo what was done to this one."""
        raise NotImplementedError

    def _after(self, seconds: float, action: Callable[[], object]) -> None:
        def run() -> None:
            with suppress(OSError, ValueError, AttributeError):  # it is gone meanwhile
                action()

        timer = threading.Timer(seconds, run)
        timer.daemon = True
        timer.start()
        self._later.append(timer)


class Saboteur(Mischief[Victim]):
    """What can be done to processes, their connections and the server.

    crashed_at: monotonic times of the server's crashes. lease_seconds: zombies sleep up to twice
    as long.
    """

    def __init__(
        self,
        server: EmbeddedPostgres,
        victims: list[Victim],
        rng: random.Random,
        lease_seconds: float,
    ) -> None:
        super().__init__(victims, rng)
        self.crashed_at: list[float] = []
        self._server = server
        self._lease_seconds = lease_seconds
        self._thaws: list[subprocess.Popen[bytes]] = []
        self._told: list[ForkServerProcess] = []
        """To end, with SIGTERM."""
        self.acts = {
            self._kill: 5,
            self._stop: 2,
            self._freeze: 4,
            self._cut: 4,
            self._swallow: 3,
            self._refuse: 2,
            self._slow: 2,
            self._cut_models: 3,
            self._crash: 2,
            self._terminate: 5,
        }

    def make_good(self) -> None:
        """Undo everything; every place has a living daemon."""
        for thaw in self._thaws:
            thaw.wait()
        for victim in self._places:
            if victim.process in self._told:  # it drains, and nobody would replace it afterwards
                victim.well()
                victim.process.join(DRAIN_SECONDS)
        super().make_good()

    def _heal(self, place: Victim) -> None:
        place.well()

    def _kill(self, victim: Victim) -> str:
        victim.bury()
        victim.start()
        return "kill -9"

    def _stop(self, victim: Victim) -> str:
        victim.send(signal.SIGCONT)
        victim.send(signal.SIGTERM)
        if victim.process is not None:
            self._told.append(victim.process)
        return "SIGTERM"

    def _freeze(self, victim: Victim) -> str:
        if victim.process is not None and victim.alive:
            victim.send(signal.SIGSTOP)
            seconds = self._rng.uniform(0.2, 2.0) * self._lease_seconds
            # Not a thread of ours: if we are killed, nobody may stay frozen for ever.
            thaw = f"sleep {seconds:.1f}; kill -CONT {victim.process.pid} 2>&-"
            self._thaws.append(subprocess.Popen(["sh", "-c", thaw], start_new_session=True))
        return "SIGSTOP, SIGCONT"

    def _cut(self, victim: Victim) -> str:
        victim.database.cut()
        return "connections reset"

    def _swallow(self, victim: Victim) -> str:
        victim.database.swallow()
        self._after(self._rng.uniform(0.5, 5.0), victim.database.forward)
        return "network swallows"

    def _refuse(self, victim: Victim) -> str:
        victim.database.refuse()
        self._after(self._rng.uniform(0.5, 4.0), victim.database.forward)
        return "network refuses"

    def _slow(self, victim: Victim) -> str:
        victim.database.delay(0.05)
        self._after(2.0, victim.database.forward)
        return "network slow"

    def _cut_models(self, victim: Victim) -> str:
        victim.models.cut()
        return "model server cut off"

    def _crash(self, _: Victim) -> str:
        self.crashed_at.append(time.monotonic())
        crash(self._server)
        self._server.start()
        return "database crashed"

    def _terminate(self, _: Victim) -> str:
        role = self._rng.choice(ROLES)
        with suppress(psycopg.Error), psycopg.connect(self._server.dsn()) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE %s AND random() < 0.5",
                (f"ai-daemon/%{role}",),
            )
        return f"terminated {role or 'any'}"
