"""How much of everything: the full run, and a quick one for the impatient."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """rounds: of what is repeated; medians are over them. seconds, jobs: of one turn.

    settle_seconds: before an idle worker is watched, since a start is busy and so is what follows
    on work. flush_ms: how long a flush takes on the network disk that commits are measured on too.
    """

    name: str
    rounds: int
    throughput_jobs: int
    latency_rate: int
    latency_seconds: float
    commit_seconds: float
    commit_clients: tuple[int, ...]
    backlogs: tuple[int, ...]
    claims: int
    settle_seconds: float
    idle_seconds: float
    journal_requests: int
    slots: int = 50
    commit_slots: int = 20
    claim_batch: int = 20
    flush_ms: int = 5


FULL = Sizes(
    "full",
    rounds=3,
    throughput_jobs=5000,
    latency_rate=50,
    latency_seconds=8.0,
    commit_seconds=4.0,
    commit_clients=(1, 8, 32),
    backlogs=(1_000, 10_000, 100_000, 1_000_000),
    claims=100,
    settle_seconds=60.0,
    idle_seconds=90.0,
    journal_requests=200,
)
QUICK = Sizes(
    "quick",
    rounds=1,
    throughput_jobs=1000,
    latency_rate=50,
    latency_seconds=2.0,
    commit_seconds=2.0,
    commit_clients=(1, 32),
    backlogs=(1_000, 100_000),
    claims=30,
    settle_seconds=15.0,
    idle_seconds=30.0,
    journal_requests=100,
)
