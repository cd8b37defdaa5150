"""What a benchmark may say: figures of what was measured, and a verdict over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from tests.bench import measure_commits, report
from tests.bench.bench import Bench
from tests.bench.measure_commits import BARE, BESIDE, BUSY, NETWORK, PAUSED, STATES, WORKING
from tests.bench.server import Server
from tests.bench.sizes import QUICK
from tests.bench.systems import OURS, System

CLIENTS = str(QUICK.commit_clients[-1])
RATE = 1000.0


class Quiet:
    """Stands for the benchmark's server: a daemon's progress as it was written down.

    answered: requests, before and after each measurement. left: whether there are more.
    """

    version = "16.14"

    def __init__(self, answered: list[int], left: list[bool]) -> None:
        self._told = {True: iter(answered), False: iter(left)}

    def pgbench(self, *_: object) -> float:
        return RATE

    @contextmanager
    def slow_flush(self, _milliseconds: int) -> Iterator[None]:
        yield

    def rows(self, query: str, _database: str) -> list[tuple[int | bool]]:
        return [(next(self._told[query == measure_commits.ANSWERED]),)]


def bench_on(server: Any = None) -> Bench:
    """A run in which nothing was measured yet."""
    ours = System(OURS, "this daemon", "", lambda _: None, "INSERT", "left", "", "")
    facts = {"date": "today", "machine": "m", "python": "3", "load": "0"}
    quiet = server or Quiet([], [])
    return Bench(cast(Server, quiet), [ours], QUICK, lambda _: None, facts=facts)


@pytest.mark.parametrize(
    ("state", "answered", "left", "note"),
    [
        (BESIDE, [0, 9, 9, 20, 20, 30], [True] * 6, ""),
        (BESIDE, [0, 9, 9, 20, 20, 30], [True] * 3 + [False] * 3, "ran dry"),
        (BESIDE, [0, 9, 9, 9, 9, 9], [True] * 6, "answered nothing"),
        (WORKING, [0, 9, 9, 20, 20, 30], [False] * 6, ""),
        (WORKING, [0, 9, 9, 9, 9, 9], [True] * 6, "answered nothing"),
        (BUSY, [20] * 6, [True] * 6, ""),
        (BUSY, [20, 20, 20, 21, 21, 21], [True] * 6, "answered 1"),
        (PAUSED, [20] * 6, [True] * 6, ""),
        (PAUSED, [20, 20, 20, 25, 25, 25], [True] * 6, "answered 5"),
    ],
)
def test_no_figure_without_its_state(
    tmp_path: Path, state: str, answered: list[int], left: list[bool], note: str
) -> None:
    """Where the daemon ran dry, answered nothing, or answered when it should not, there is a note
    and no figure, from that measurement on."""
    bench = bench_on(Quiet(answered, left))
    with bench.turn("commits", bench.ours):
        measure_commits._load(bench, tmp_path, "db", "INSERT", state)
    first, *others = (f"{state} {column}" for column in (*QUICK.commit_clients, NETWORK))
    assert bench.get("commits", first) == RATE
    assert [bench.get("commits", one) for one in others] == [None if note else RATE] * 2
    assert [note in one for one in bench.notes] == ([True] if note else [])


Judged = dict[tuple[str, str], tuple[str, str]]


def judged(low: tuple[str, str] | None = None, without: tuple[str, str] | None = None) -> Judged:
    """What the page says of each state on each disk, where all is 0.95 of the bare table's but
    `low` (0.85)."""
    bench = bench_on()
    for column in (NETWORK, CLIENTS):
        bench.add("commits", f"{BARE} {column}", RATE)
        for state in STATES:
            if (state, column) != without:
                share = 0.85 if (state, column) == low else 0.95
                bench.add("commits", f"{state} {column}", share * RATE)
    rows = [line.strip("| ").split(" | ") for line in report.write(bench).splitlines()]
    rows = [row for row in rows if row[0].startswith("the app's commits")]
    disks = {NETWORK: " ms a flush, ", CLIENTS: "this machine's disk, "}
    return {
        (state, column): (row[1], row[2])
        for row in rows
        for column, disk in disks.items()
        for state, words in STATES.items()
        if f"{disk}{words}:" in row[0]
    }


@pytest.mark.parametrize("column", [NETWORK, CLIENTS])
@pytest.mark.parametrize("state", STATES)
def test_commits_are_judged_in_every_state(state: str, column: str) -> None:
    """Each state of the daemon on each disk is judged by its own figure, and none by another's."""
    whole = judged()
    assert len(whole) == 2 * len(STATES)
    assert set(whole.values()) == {("0.95 ×", "met")}
    assert judged(low=(state, column)) == whole | {(state, column): ("0.85 ×", "**missed**")}


def test_a_state_that_was_not_measured_meets_nothing() -> None:
    """Where there is no figure the page says so, and judges the others."""
    missing = (WORKING, NETWORK)
    unmeasured = ("not measured in this run", report.MISSING)
    assert judged(without=missing) == judged() | {missing: unmeasured}


def test_every_state_of_the_daemon_is_judged() -> None:
    """What is measured with a daemon is one of the states."""
    assert set(STATES) == set(measure_commits.FIGURES) - {BARE, "table"}


def test_a_quick_run_says_so() -> None:
    """The page tells how big the run was."""
    assert "(quick run, 1 interleaved round, medians)" in report.write(bench_on())
