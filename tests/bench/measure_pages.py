"""What open pages of the console cost those whose requests wait: insert to start, with people
looking and without.

Each of the inserts changes what the pages show, so every look of the console finds news, and all
fetch their sections again: more than a gym's day brings.
"""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.bench import Bench, quantile
from tests.bench.measure_queue import MILLISECONDS, pace
from tests.bench.process import Stuck
from tests.bench.server import ROOT

PEOPLE = 20


def pages(bench: Bench, round_number: int) -> None:
    """Milliseconds from insert to start while nobody looks, and while ``PEOPLE`` do."""
    order = (0, PEOPLE) if round_number % 2 == 0 else (PEOPLE, 0)
    for people in order:
        with bench.turn("pages", bench.ours):
            _with(bench, people)


def _with(bench: Bench, people: int) -> None:
    port, key = _free_port(), secrets.token_urlsafe(18)
    environment = {"BENCH_PORT": str(port), "ADMIN_API_KEY": key}
    with (
        bench.working(
            bench.ours, bench.sizes.slots, variant="ours_full", environment=environment
        ) as (database, worker),
        _looking(f"http://127.0.0.1:{port}", key, people),
    ):
        pace(bench, worker, database)
        waited = worker.report()
        for share in (50, 95, 99):
            value = quantile(waited, share / 100) * MILLISECONDS
            bench.add("pages", f"{people} p{share}", value)


@contextmanager
def _looking(url: str, key: str, people: int) -> Iterator[None]:
    """So many people at the console, while inside. Raises Stuck where they cannot look.

    Their browsers run elsewhere: here they get what the others leave of the processor.
    """
    if not people:
        yield
        return
    with subprocess.Popen(
        ["nice", "-n", "19", sys.executable, "-m", "tests.bench.viewers", url, key, str(people)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as viewers:
        assert viewers.stdout is not None
        if not viewers.stdout.readline():
            raise Stuck("the console's viewers ended by themselves")
        yield
        if viewers.poll() is not None:
            raise Stuck("the console's viewers ended while it was measured")
        viewers.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
