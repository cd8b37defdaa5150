"""What was promised, and whether this run shows it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench.bench import Bench
from tests.bench.measure_commits import BARE, NETWORK, STATES
from tests.bench.measure_pages import PEOPLE
from tests.bench.systems import FLOOR, OURS

OF_THE_FLOOR = 1.5
OF_COMMITS = 0.9
IDLE_PER_SECOND = 2.0
OF_SMALL_CLAIM = 1.5
OF_CHECKPOINTER = 2.0
OF_NOBODY_LOOKING = 1.1


@dataclass(frozen=True)
class Target:
    """met: None where this run did not measure it."""

    promise: str
    measured: str
    met: bool | None


def judge(bench: Bench) -> list[Target]:
    """Every promise, in the order of the report."""
    judged = [_throughput(bench), _floor(bench), _latency(bench), *_commits(bench)]
    return [*judged, _claim(bench), _idle(bench), _zombies(bench), _journal(bench), _pages(bench)]


def _throughput(bench: Bench) -> Target:
    promise = "durable throughput above every peer's"
    ours = bench.get("throughput", OURS)
    peers = _peers(bench, "throughput", "{}")
    if ours is None or not peers:
        return _unmeasured(promise)
    best = max(peers, key=lambda title: peers[title])
    ratio = ours / peers[best]
    return Target(promise, f"{ratio:.2f} × the best peer's, {best}", ratio > 1)


def _floor(bench: Bench) -> Target:
    promise = f"insert to start, p50 ≤ {OF_THE_FLOOR} × a bare LISTEN-and-claim loop"
    ours, floor = bench.get("latency", f"{OURS} p50"), bench.get("latency", f"{FLOOR} p50")
    if ours is None or floor is None:
        return _unmeasured(promise)
    return Target(promise, f"{ours / floor:.2f} ×", ours <= OF_THE_FLOOR * floor)


def _latency(bench: Bench) -> Target:
    promise = "insert to start, p50 below every peer's"
    ours, peers = bench.get("latency", f"{OURS} p50"), _peers(bench, "latency", "{} p50")
    if ours is None or not peers:
        return _unmeasured(promise)
    best = min(peers, key=lambda title: peers[title])
    return Target(
        promise, f"{ours / peers[best]:.2f} × the best peer's, {best}", ours < peers[best]
    )


def _commits(bench: Bench) -> list[Target]:
    """A promise for each state of the daemon on each disk: one that is met excuses no other."""
    clients, flush = bench.sizes.commit_clients[-1], bench.sizes.flush_ms
    disks = {NETWORK: f"a disk of {flush} ms a flush", str(clients): "this machine's disk"}
    found = []
    for column, disk in disks.items():
        bare = bench.get("commits", f"{BARE} {column}")
        for state, words in STATES.items():
            promise = (
                f"the app's commits a second, {clients} clients, {disk}, {words}:"
                f" ≥ {OF_COMMITS} × without us"
            )
            value = bench.get("commits", f"{state} {column}")
            if bare is None or value is None:
                found.append(_unmeasured(promise))
            else:
                ratio = value / bare
                found.append(Target(promise, f"{ratio:.2f} ×", ratio >= OF_COMMITS))
    return found


def _claim(bench: Bench) -> Target:
    least, most = bench.sizes.backlogs[0], bench.sizes.backlogs[-1]
    promise = f"claim p50 with {most:,} pending ≤ {OF_SMALL_CLAIM} × that with {least:,}"
    small = bench.get("backlog", f"{OURS} {least} pending")
    large = bench.get("backlog", f"{OURS} {most} pending")
    if small is None or large is None:
        return _unmeasured(promise)
    return Target(promise, f"{large / small:.2f} ×", large <= OF_SMALL_CLAIM * small)


def _idle(bench: Bench) -> Target:
    promise = f"idle: ≤ {IDLE_PER_SECOND:.0f} statements a second"
    idle = bench.get("cost", f"{OURS} idle statements")
    if idle is None:
        return _unmeasured(promise)
    return Target(promise, f"{idle:.2f}", idle <= IDLE_PER_SECOND)


def _zombies(bench: Bench) -> Target:
    promise = "a worker that was taken for dead changes nothing when it wakes"
    seen = bench.facts.get("zombies", {}).get(OURS)
    if not seen:
        return _unmeasured(promise)
    safe = all(text.startswith("safe") for text in seen.values())
    return Target(
        promise,
        ", ".join(f"{case}: {text.partition(':')[0]}" for case, text in seen.items()),
        safe,
    )


def _journal(bench: Bench) -> Target:
    promise = (
        f"journaled graph runs a second ≥ {OF_CHECKPOINTER:.0f} × with LangGraph's checkpointer"
    )
    ours, saver = bench.get("journal", "journal"), bench.get("journal", "checkpointer")
    if ours is None or saver is None:
        return _unmeasured(promise)
    return Target(promise, f"{ours / saver:.2f} ×", ours >= OF_CHECKPOINTER * saver)


def _pages(bench: Bench) -> Target:
    promise = (
        f"insert to start, p95 beside {PEOPLE} open pages of the console ≤ {OF_NOBODY_LOOKING} ×"
        " that with none"
    )
    nobody, people = bench.get("pages", "0 p95"), bench.get("pages", f"{PEOPLE} p95")
    if nobody is None or people is None:
        return _unmeasured(promise)
    return Target(promise, f"{people / nobody:.2f} ×", people <= OF_NOBODY_LOOKING * nobody)


def _peers(bench: Bench, section: str, figure: str) -> dict[str, float]:
    found = {}
    for system in bench.systems:
        value = bench.get(section, figure.format(system.name))
        if system.name not in {OURS, FLOOR} and value is not None:
            found[system.title] = value
    return found


def _unmeasured(promise: str) -> Target:
    return Target(promise, "not measured in this run", None)
