"""The run as a Markdown page: promises first, then one table per question, ratios everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.bench import Bench, quantile
from tests.bench.measure_backlog import CLAIMS
from tests.bench.measure_commits import FIGURES, NETWORK
from tests.bench.measure_pages import PEOPLE
from tests.bench.measure_zombie import ZOMBIES
from tests.bench.systems import FLOOR, OURS
from tests.bench.targets import judge

MEGABYTE = 1 << 20
MISSING = "–"


def write(bench: Bench) -> str:
    """The whole page."""
    parts = [_head(bench), _promises(bench), "![The same as a picture](benchmarks.svg)"]
    parts += [_throughput(bench), _latency(bench), _commits(bench), _backlog(bench), _cost(bench)]
    parts += [_zombies(bench), _journal(bench), _pages(bench), _systems(bench), _notes(bench)]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; columns after the first are set right."""
    lines = [f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def _head(bench: Bench) -> str:
    facts, sizes = bench.facts, bench.sizes
    return (
        "# Benchmarks\n\n"
        f"Written by `make bench` on {facts['date']} ({sizes.name} run, {sizes.rounds} interleaved"
        f" round{'s' if sizes.rounds > 1 else ''}, medians): {facts['machine']},"
        f" PostgreSQL {bench.server.version} (embedded, fsync on, server settings as they come),"
        f" Python {facts['python']}, load average before the run {facts['load']}."
        " Server, workers and clients share the machine, so read the ratios: absolute figures say"
        " more about it than about anybody's code. Each system runs as its documentation sets it"
        f" up, one process with {sizes.slots} slots, logging off; jobs do nothing and are inserted"
        " by plain SQL from another process. `tests/bench/` has it all."
    )


def _promises(bench: Bench) -> str:
    words = {True: "met", False: "**missed**", None: MISSING}
    rows = [(t.promise, t.measured, words[t.met]) for t in judge(bench)]
    return "## What was promised\n\n" + table(("promise", "measured", ""), rows)


def _throughput(bench: Bench) -> str:
    rows = []
    ours = bench.get("throughput", OURS)
    for system in bench.systems:
        values = bench.results.get("throughput", {}).get(system.name)
        value = bench.get("throughput", system.name)
        if values and value is not None:
            spread = f"{min(values):,.0f}–{max(values):,.0f}"
            rows.append((system.title, f"{value:,.0f}", spread, _ratio(value, ours)))
    if not rows:
        return ""
    text = (
        "## Durable throughput\n\nJobs a second, from the commit that brings them all to an idle"
        " worker until the database says that none is unfinished. PgQueuer and graphile-worker"
        " delete a finished job's row; this daemon writes status, result and attempt.\n\n"
    )
    return text + table(("", "jobs/s", "rounds", "÷ this daemon"), rows)


def _latency(bench: Bench) -> str:
    rows = []
    floor = bench.get("latency", f"{FLOOR} p50")
    for system in bench.systems:
        values = [bench.get("latency", f"{system.name} p{share}") for share in (50, 95, 99)]
        if values[0] is not None:
            shown = [_number(value) for value in values]
            rows.append((system.title, *shown, _ratio(values[0], floor)))
    if not rows:
        return ""
    text = (
        "## From insert to start\n\nMilliseconds from just before the INSERT is sent until the"
        f" handler begins, {bench.sizes.latency_rate} inserts a second, commit included.\n\n"
    )
    return text + table(("", "p50", "p95", "p99", "p50 ÷ floor"), rows)


def _commits(bench: Bench) -> str:
    rows = []
    counts = bench.sizes.commit_clients
    columns = [*map(str, counts), NETWORK]
    bare = {column: bench.get("commits", f"none {column}") for column in columns}
    for figure, title in figures(bench):
        values = {column: bench.get("commits", f"{figure} {column}") for column in columns}
        if any(value is not None for value in values.values()):
            cells = [
                f"{_number(value, 0)} ({_ratio(value, bare[column])})"
                for column, value in values.items()
            ]
            rows.append((title, *cells))
    if not rows:
        return ""
    text = (
        "## What the main app pays\n\nCommits a second of one inserted row each, by pgbench, and"
        " their ratio to a bare table's. A trigger that notifies makes all commits of the server"
        " queue for one lock, each for as long as a flush takes; this daemon asks for a"
        " notification only while it sleeps.\n\nFirst on this machine's disk, which flushes in a"
        " tenth of a millisecond: there the processor's time is all that counts, and the server"
        " shares it with the clients and the worker. The last column is a disk in a network, as"
        f" hosted databases have, where each flush takes {bench.sizes.flush_ms} ms, the middle of"
        " the single-digit milliseconds that Amazon"
        " names for its gp3 volumes. The server waits so long before each flush (`commit_delay`),"
        " with the lock held that the next flush needs. What commits meanwhile comes along, which"
        " a real disk would not allow: rates are higher than there, and so is the share of the"
        f" processor in them. The promises are about {counts[-1]} clients.\n\n"
    )
    clients = [f"{n} client{'s' if n > 1 else ''}" for n in counts]
    last = f"{counts[-1]} clients, {bench.sizes.flush_ms} ms a flush"
    return text + table(("", *clients, last), rows)


def figures(bench: Bench) -> list[tuple[str, str]]:
    """Name and title of everything whose commits were measured."""
    peers = [(s.name, f"{s.title}, its worker off") for s in bench.systems]
    return [*FIGURES.items(), *(peer for peer in peers if peer[0] not in {OURS, FLOOR})]


def backlogs(bench: Bench) -> list[tuple[str, str]]:
    """Label and title of every backlog."""
    sizes = bench.sizes.backlogs
    labels = [(f"{rows} pending", f"{rows:,} pending") for rows in sizes]
    finished = f"{sizes[-1]:,} finished, {sizes[0]:,} pending"
    return [*labels, (f"{sizes[-1]} finished", finished)]


def _backlog(bench: Bench) -> str:
    labels = backlogs(bench)
    rows = []
    for name in CLAIMS:
        cells = []
        first = bench.get("backlog", f"{name} {labels[0][0]}")
        for label, _ in labels:
            values = bench.results.get("backlog", {}).get(f"{name} {label}")
            if not values:
                cells.append(MISSING)
                continue
            median = quantile(values, 0.5)
            cells.append(f"{median:.1f} / {quantile(values, 0.95):.1f} ({_ratio(median, first)})")
        if any(cell != MISSING for cell in cells):
            rows.append((bench.named(name).title, *cells))
    if not rows:
        return ""
    text = (
        "## Claims while work piles up\n\nMilliseconds per claim, p50 / p95, and the ratio of p50"
        f" to the smallest backlog: {bench.sizes.claim_batch} jobs a claim, Procrastinate one."
        " A claim from each table in turn, statistics fresh.\n\n"
    )
    return text + table(("", *(title for _, title in labels)), rows)


def _cost(bench: Bench) -> str:
    columns = ("paced statements", "burst statements", "paced wal", "burst wal")
    rows = []
    for system in bench.systems:
        found = [bench.get("cost", f"{system.name} {column}") for column in columns]
        idle = bench.get("cost", f"{system.name} idle statements")
        memory = bench.get("cost", f"{system.name} memory")
        if memory is None and idle is None:
            continue
        cells = [_number(value, 2) for value in found[:2]]
        cells += [_number(value, 0) for value in found[2:]]
        megabytes = None if memory is None else memory / MEGABYTE
        rows.append((system.title, *cells, _number(idle, 1), _number(megabytes, 0)))
    if not rows:
        return ""
    full = bench.get("cost", "ours_full memory")
    sizes = bench.sizes
    text = (
        "## What a job costs\n\nStatements that the worker sends and WAL that the server writes,"
        f" per job: *paced* at {bench.sizes.latency_rate} a second, and in a *burst*. Then"
        f" statements a second while there is nothing to do, over {sizes.idle_seconds:.0f} s that"
        f" begin {sizes.settle_seconds:.0f} s after the last job, and resident memory"
        + (f" (this daemon with all its agents loaded: {full / MEGABYTE:.0f} MB)" if full else "")
        + ".\n\n"
    )
    head = ("", "statements, paced", "burst", "WAL bytes, paced", "burst", "idle/s", "MB")
    return text + table(head, rows)


def _zombies(bench: Bench) -> str:
    seen = bench.facts.get("zombies", {})
    rows = []
    for name in ZOMBIES:
        for case in ("late", "racing"):
            if text := seen.get(name, {}).get(case):
                verdict, _, detail = text.partition(": ")
                mark = verdict if verdict == "safe" else f"**{verdict}**"
                rows.append((f"{bench.named(name).title}, {case}", mark, detail))
    if not rows:
        return ""
    text = (
        "## The worker that was taken for dead\n\nWorker A claims a job and is stopped (SIGSTOP);"
        " the system's own means give the job to B. *Late*: B finishes, then A wakes and finishes"
        " too. *Racing*: A wakes and finishes while B is still at work. Safe means that A's end"
        " changed neither status nor result. Shown is what the database said before A woke, after,"
        " and in the race once B has finished too.\n\n"
    )
    return text + table(("", "", "before → after"), rows)


def _journal(bench: Bench) -> str:
    titles = {
        "journal": "this daemon, whole: queue, budget, ledger and journal",
        "checkpointer": "the bare graph with LangGraph's Postgres checkpointer",
        "nothing": "the bare graph, nothing kept",
    }
    saver = bench.get("journal", "checkpointer")
    rows = [
        (title, f"{value:.1f}", _ratio(value, saver))
        for figure, title in titles.items()
        if (value := bench.get("journal", figure)) is not None
    ]
    if not rows:
        return ""
    text = (
        f"## Journal and checkpointer\n\nRuns a second of a graph of three nodes, one model call"
        f" each, {bench.sizes.journal_requests} at once, against a local model server that answers"
        " at once; the same provider client everywhere.\n\n"
    )
    return text + table(("", "runs/s", "÷ checkpointer"), rows)


def _pages(bench: Bench) -> str:
    rows = []
    nobody = bench.get("pages", "0 p95")
    for people, title in ((0, "nobody looks"), (PEOPLE, f"{PEOPLE} people at the console")):
        values = [bench.get("pages", f"{people} p{share}") for share in (50, 95, 99)]
        if values[1] is not None:
            rows.append((title, *map(_number, values), _ratio(values[1], nobody)))
    if not rows:
        return ""
    text = (
        "## Open pages of the console\n\nMilliseconds from insert to start, as above, in a daemon"
        " with all its agents. Every insert is news to every page, so all of them fetch their"
        " sections again at each look.\n\n"
    )
    return text + table(("", "p50", "p95", "p99", "p95 ÷ nobody"), rows)


def _systems(bench: Bench) -> str:
    rows = [
        (system.title, system.version or MISSING, system.wakes_by, system.guarantees)
        for system in bench.systems
    ]
    head = "| | version | woken by | what it keeps |\n|---|---|---|---|\n"
    return "## Who took part\n\n" + head + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _notes(bench: Bench) -> str:
    if not bench.notes:
        return ""
    return "## Not measured\n\n" + "\n".join(f"- {note}" for note in bench.notes)


def _number(value: float | None, digits: int = 1) -> str:
    return MISSING if value is None else f"{value:,.{digits}f}"


def _ratio(value: float | None, base: float | None) -> str:
    return MISSING if value is None or not base else f"{value / base:.2f}"
