"""The run as a Markdown page: what was done, what was measured, and which promises were kept."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.report import table
from tests.soak.chart import number, word
from tests.soak.judge import LIMIT, WARM_UP, Verdict, judge, series_of
from tests.soak.life import DECK
from tests.soak.million import Round, growth, is_flat
from tests.soak.run import Recording

LARGEST = 6


def verdicts_of(recording: Recording) -> list[Verdict]:
    """Every series of the run, judged."""
    samples = recording.samples
    return [judge(series, samples) for series in series_of(samples)] if samples else []


def passed(recording: Recording, verdicts: Sequence[Verdict]) -> bool:
    """Nothing grew, and no promise was broken."""
    return not recording.violations and all(verdict.flat is not False for verdict in verdicts)


def write(recording: Recording, verdicts: Sequence[Verdict], rounds: Sequence[Round] = ()) -> str:
    """The whole page."""
    parts = [_head(recording, verdicts), "![The same over time](soak.svg)", _flat(verdicts)]
    parts += [_sizes(recording), _promises(recording), _counts(recording), _million(rounds)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(recording: Recording, verdicts: Sequence[Verdict]) -> str:
    facts, plan = recording.facts, recording.plan
    judged = [verdict for verdict in verdicts if verdict.flat is not None]
    grown = sum(verdict.flat is False for verdict in judged)
    broken = sum(1 for lines in recording.found.values() if lines)
    outcome = (
        f"**{len(judged) - grown} of {len(judged)} judged series are flat,"
        f" {len(recording.found) - broken} of {len(recording.found)} promises were kept.**"
    )
    kinds = ", ".join(f"`{kind}`" for kind in DECK if kind != "no_such_type")
    return (
        "# Soak\n\n"
        f"{outcome}\n\n"
        f"Written by `make soak MINUTES={plan['seconds'] / 60:g}` on {facts['date']}: version"
        f" {facts['version']}, {facts['machine']}, PostgreSQL {facts['PostgreSQL']} (embedded,"
        f" fsync on), Python {facts['Python']}. {plan['daemons']} daemons, each a process of its"
        f" own, and a main app that asks {plan['rate']:g} times a second: {kinds}, and types that"
        " nobody answers; some requests due later, some cancelled or expired, what failed is tried"
        " again; schedules. One in twenty model calls fails. A person browses each console with a"
        " live stream open, the API and `/metrics` are read each second or so, an alert opens and"
        f" ends every few minutes. What is older than {plan['keep_seconds'] / 60:g} minutes is"
        " pruned, and autovacuum runs as the tables' settings say. The machine was shared with"
        " other work, so latencies and rates are shown and not judged, and the healing rule that"
        " takes on less while the event loop is late only says what it would do."
    )


def _flat(verdicts: Sequence[Verdict]) -> str:
    rows = [
        (
            verdict.series.title + (f", {unit}" if (unit := verdict.series.unit) else ""),
            number(verdict.first),
            number(verdict.last),
            f"{number(verdict.growth)}",
            f"{verdict.growth / verdict.middle:+.1%}" if verdict.middle else "–",
            "**not flat**" if verdict.flat is False else word(verdict),
        )
        for verdict in verdicts
        if verdict.points
    ]
    text = (
        "## What was measured\n\nMedians of the first and the last third of what follows the"
        f" warm-up (the first {WARM_UP:.0%}: caches fill, nothing is pruned yet). Growth is what a"
        " Theil–Sen line through the medians of equal slices rises from the warm-up's end to the"
        f" end of the run; flat means at most {LIMIT:.0%} of the median, or too little to say"
        " anything (2 handles, threads or sessions, 3 MB of memory, ¼ MB of tables, 200 dead"
        " rows).\n\n"
    )
    return text + table(("", "first third", "last third", "growth", "of median", ""), rows)


def _sizes(recording: Recording) -> str:
    """The largest tables with their indexes, early and late."""
    if len(recording.samples) < 3:
        return ""
    early = recording.samples[int(len(recording.samples) * WARM_UP)]
    late = recording.samples[-1]
    names = sorted((name for name in late if name.startswith("table/")), key=lambda n: -late[n])
    rows = [
        (
            f"`{name.removeprefix('table/')}`",
            *(f"{s.get(name, 0) / 1024:,.0f}" for s in (early, late)),
        )
        for name in names[:LARGEST]
    ]
    text = "The largest tables with their indexes, in KB, after the warm-up and at the end:\n\n"
    return text + table(("", "then", "at the end"), rows)


def _promises(recording: Recording) -> str:
    rows = [
        (name, f"**{len(lines)}**" if lines else "none") for name, lines in recording.found.items()
    ]
    text = (
        "## What must not be\n\nAsked of the database once everything had been answered and the"
        " daemons had stopped; pruned ledger lines were put back for it.\n\n"
    )
    lines = [f"- {line}" for line in recording.violations]
    return "\n\n".join([text + table(("", "found"), rows), *(["\n".join(lines)] if lines else [])])


def _counts(recording: Recording) -> str:
    rows = [(name, f"{count:,}") for name, count in sorted(recording.counts.items())]
    return "## How much it was\n\n" + table(("", ""), rows)


def _million(rounds: Sequence[Round]) -> str:
    """The tables, round after round."""
    if not rounds:
        return ""
    rows = [
        (
            f"{one.requests:,}",
            f"{one.kept:,}",
            number(one.tables_mb),
            number(one.indexes_mb),
            f"{one.dead_rows:,}",
            f"{one.vacuums}",
            number(one.claim_ms),
            f"{one.per_second:,.0f}",
        )
        for one in rounds
    ]
    verdict = "flat" if is_flat(rounds) else "**not flat**"
    text = (
        f"## After {rounds[-1].requests:,} requests\n\n`make soak ARGS=--million`: requests that"
        " cost nothing go through the statements of a daemon as fast as it goes: inserted,"
        " claimed a hundred at once, completed, notified and pruned, on a server of their own with"
        f" autovacuum as the tables' settings say. About {rounds[-1].kept:,} are kept. What is"
        " deleted leaves its room until autovacuum looks again, a minute later by default, so the"
        " size follows the rate, which other work on the machine made vary. From the"
        f" third to the last round the size grew by {growth(rounds):+.1%}: {verdict}.\n\n"
    )
    head = ("requests", "kept", "tables, MB", "indexes, MB", "dead rows", "vacuums")
    return text + table((*head, "a claim, ms", "requests/s"), rows)
