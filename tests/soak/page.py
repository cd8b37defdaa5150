"""The run as a Markdown page: what was done, what was measured, and which promises were kept.

Every number on it was counted in the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from tests.bench.report import table
from tests.soak.chart import number, word
from tests.soak.judge import LEAST_SECONDS, WARM_UP, Verdict, crowded, judge, series_of
from tests.soak.million import Round, growth, is_flat
from tests.soak.run import Recording

LARGEST = 6
WHOLE_SECONDS = 3600.0
LEAST_SHARE = 0.95
"""Of the planned time; a run that was broken off says nothing."""
ENDS = ("completed", "failed", "cancelled", "expired")


def verdicts_of(recording: Recording) -> list[Verdict]:
    """Every series of the run, judged."""
    if not recording.samples:
        return []
    busy = _crowded(recording)
    every = series_of(recording.plan["daemons"])
    return [judge(series, recording.samples, crowded=busy) for series in every]


def passed(recording: Recording, verdicts: Sequence[Verdict]) -> bool:
    """The run came to its end, nothing grew, and no promise was broken."""
    return (
        not unfinished(recording)
        and not recording.violations
        and bool(verdicts)
        and all(verdict.flat is not False for verdict in verdicts)
    )


def unfinished(recording: Recording) -> str:
    """Why the recording is none of a whole run; '' if it is."""
    lasted = recording.samples[-1]["seconds"] if recording.samples else 0.0
    planned = recording.plan["seconds"]
    if lasted + 2 * recording.plan.get("pause_seconds", 0.0) < LEAST_SHARE * planned:
        return f"it was measured for {lasted / 60:.1f} of {planned / 60:g} minutes"
    return "" if recording.found else "nothing was asked of the database in the end"


def write(recording: Recording, verdicts: Sequence[Verdict], rounds: Sequence[Round] = ()) -> str:
    """The whole page."""
    parts = [
        _head(recording, verdicts),
        "![The same over time](soak.svg)",
        _flat(recording, verdicts),
    ]
    parts += [_sizes(recording), _promises(recording), _counts(recording), _million(rounds)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _crowded(recording: Recording) -> bool:
    return crowded(recording.samples, recording.facts["cores"])


def _head(recording: Recording, verdicts: Sequence[Verdict]) -> str:
    facts, plan = recording.facts, recording.plan
    return "\n\n".join(
        (
            "# Soak",
            _outcome(recording, verdicts),
            (
                f"Written by `make soak MINUTES={plan['seconds'] / 60:g}`, begun"
                f" {facts['began']}: version {facts['version']}, {facts['machine']}, PostgreSQL"
                f" {facts['PostgreSQL']} (fsync {facts['fsync']}), Python {facts['Python']}."
            ),
            _life(recording),
            _load(recording),
        )
    )


def _outcome(recording: Recording, verdicts: Sequence[Verdict]) -> str:
    judged = [verdict for verdict in verdicts if verdict.flat is not None]
    grown = sum(verdict.flat is False for verdict in judged)
    broken = sum(1 for lines in recording.found.values() if lines)
    flat = f"{len(judged) - grown} of {len(judged)} judged series are flat, " if judged else ""
    kept = f"{len(recording.found) - broken} of {len(recording.found)} promises were kept"
    text = f"**{flat}{kept}.**"
    if why := unfinished(recording):
        text += f" **The run did not come to its end: {why}.**"
    elif recording.plan["seconds"] < LEAST_SECONDS:
        text += " The run was too short to tell warm-up from growth, so no series is judged flat."
    elif recording.plan["seconds"] < WHOLE_SECONDS:
        text += " The run was shorter than an hour: a slow leak would not have been seen."
    return text


def _life(recording: Recording) -> str:
    """What was going on, from what was counted."""
    plan, counts = recording.plan, recording.counts
    calls, answers = counts.get("model calls", 0), counts.get("answers of the model", 0)
    kept = plan["keep_seconds"]
    age = f"{kept / 60:g} minutes" if kept >= 60 else f"{kept} seconds"
    share = f"{(calls - answers) / calls:.1%}" if calls else "–"
    vacuums = recording.samples[-1].get("server/autovacuums", 0.0) if recording.samples else 0.0

    def n(name: str) -> str:
        return f"{counts.get(name, 0):,}"

    return (
        f"{plan['daemons']} daemons, each a process of its own, and a main app that was to ask"
        f" {plan['rate']:g} times a second and asked {n('requests')} times ({n('bursts')} bursts"
        f" among them), of {len(recording.types)} types, one of which no agent answers:"
        f" {n('requests due later')} requests due later, {n('requests with a budget')} with a"
        f" budget of their own, {n('cancels')} cancelled by hand, {n('retries')} tried again,"
        f" others asked by schedules. {share} of {calls:,} model calls brought no answer: the"
        " model fails now and then on purpose. Limits of concurrency were filled"
        f" {n('starts that filled a limit')} times. Readers fetched"
        f" {n('pages')} pages of consoles, API and `/metrics` and opened {n('streams')} live"
        f" streams; alerts opened {n('alerts')} times, and their receiver got"
        f" {n('alerts delivered')} notes. What ended more than {age} ago was pruned:"
        f" {recording.pruned.get('ai_requests', 0):,} requests and"
        f" {recording.pruned.get('ai_llm_calls', 0):,} lines of the ledger. Sessions of that age"
        " were replaced, as they otherwise are after half an hour. Autovacuum ran"
        f" {vacuums:,.0f} times, as the tables' settings say. The healing rule that takes on less"
        " while the event loop is late only said what it would do."
    )


def _load(recording: Recording) -> str:
    loads = [s["machine/load"] for s in recording.samples if "machine/load" in s]
    if not loads:
        return "The machine's load was not measured."
    cores = recording.facts["cores"]
    text = (
        f"The machine has {cores} cores; its load average was {median(loads):.1f} (median), at"
        f" most {max(loads):.1f}."
    )
    if _crowded(recording):
        text += (
            " In the judged half more wanted to run than it has cores for, so latencies are shown"
            " and not judged."
        )
    return text


def _flat(recording: Recording, verdicts: Sequence[Verdict]) -> str:
    whole = recording.plan["seconds"] >= LEAST_SECONDS
    rows = [
        (
            verdict.series.title + (f", {unit}" if (unit := verdict.series.unit) else ""),
            *(_figures(verdict, whole=whole) if verdict.points else ("–",) * 5),
            f"**{word(verdict)}**" if verdict.flat is False else word(verdict),
        )
        for verdict in verdicts
    ]
    text = (
        f"## What was measured\n\nThe first {WARM_UP:.0%} of the time is warm-up. Then: the level"
        " at half time and at the end (medians of a fifth of the second half), what a Theil–Sen"
        " line through the second half rises in it, the same in an hour, and what it may rise."
        " Flat means that neither the line nor the difference between end and half time is above"
        " that. A daemon's memory may grow by 8 MB an hour, whatever its level; no bound is below"
        " what a series wanders by anyway (3 MB, 3 handles or sessions, 12 MB that a session has,"
        " ¼ MB of tables).\n\n"
    )
    head = ("", "half time", "end", "growth", "in an hour", "allowed", "")
    return text + table(head, rows)


def _figures(verdict: Verdict, *, whole: bool) -> Sequence[str]:
    return (
        number(verdict.middle),
        number(verdict.last),
        number(verdict.growth),
        number(verdict.per_hour) if whole else "–",
        number(verdict.allowed) if verdict.flat is not None else "–",
    )


def _sizes(recording: Recording) -> str:
    """The largest tables with their indexes, at half time and in the end."""
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
    text = "The largest tables with their indexes, in KB, at half time and at the end:\n\n"
    return text + table(("", "half time", "end"), rows)


def _promises(recording: Recording) -> str:
    rows = [
        (
            name,
            f"{recording.looked[name]:,}" if name in recording.looked else "",
            f"**{len(lines)}**" if lines else "none",
        )
        for name, lines in recording.found.items()
    ]
    text = (
        "## What must not be\n\nAsked of the database once everything had been answered and the"
        " daemons had stopped. What had been pruned was kept aside and put back for it, so all"
        " rows of the run were looked at: so many requests, attempts, claims, results, budgets,"
        " answers, or lines of the ledger, as the check is about. Model calls are compared with"
        " the ledger by their questions. Whether a result is another attempt's is not asked here:"
        " these agents do not write down which attempt they are.\n\n"
    )
    lines = [f"- {line}" for line in recording.violations]
    head = ("", "looked at", "found")
    return "\n\n".join([text + table(head, rows), *(["\n".join(lines)] if lines else [])])


def _counts(recording: Recording) -> str:
    types = [
        (f"`{name}`", *(f"{ends.get(end, 0):,}" for end in ENDS))
        for name, ends in sorted(recording.types.items())
    ]
    rows = [(name, f"{count:,}") for name, count in sorted(recording.counts.items())]
    parts = ["## How much it was", table(("", *ENDS), types), table(("", ""), rows)]
    return "\n\n".join(parts)


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
        " size follows the rate. From the"
        f" third to the last round the size grew by {growth(rounds):+.1%}: {verdict}.\n\n"
    )
    head = ("requests", "kept", "tables, MB", "indexes, MB", "dead rows", "vacuums")
    return text + table((*head, "a claim, ms", "requests/s"), rows)
