"""``python -m tests.bench``: the daemon beside other queues on PostgreSQL, in one run.

A full run (about forty minutes) writes docs/benchmarks.md and docs/benchmarks.svg. With --quick or
--only, or fewer rounds, it is no full run, and its page goes to .data/bench/ unless --out says
otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tests.bench import (
    chart,
    measure_backlog,
    measure_commits,
    measure_journal,
    measure_pages,
    measure_queue,
    measure_zombie,
    report,
    systems,
)
from tests.bench.bench import Bench
from tests.bench.server import DATA, ROOT, Server
from tests.bench.sizes import FULL, QUICK, Sizes

Each = Callable[[Bench, int], None]
Once = Callable[[Bench], None]

REPEATED: dict[str, Each] = {
    "throughput": measure_queue.throughput,
    "latency": measure_queue.latency,
    "commits": measure_commits.commits,
    "journal": measure_journal.journal,
    "pages": measure_pages.pages,
}
ONCE: dict[str, Once] = {
    "cost": measure_queue.cost,
    "idle": measure_queue.idle,
    "backlog": measure_backlog.backlog,
    "zombies": measure_zombie.zombies,
}


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _arguments(argv)
    chosen = QUICK if arguments.quick else FULL
    sizes = replace(chosen, rounds=arguments.rounds or chosen.rounds)
    sections = arguments.only or [*REPEATED, *ONCE]
    whole = sizes == FULL and not arguments.only
    out = arguments.out or (ROOT / "docs" if whole else DATA)
    console = Console()
    facts = _facts()
    progress = Progress(
        TextColumn("{task.percentage:>3.0f}%"),
        BarColumn(30),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=console,
        refresh_per_second=2,  # the bar must not compete with what it tells about
    )
    DATA.mkdir(parents=True, exist_ok=True)
    taking_part, absent = systems.known()
    with progress, Server() as server:
        bar = progress.add_task("starting", total=_steps(sizes, sections))
        say: Callable[[str], None] = lambda text: progress.update(bar, description=text)  # noqa: E731
        bench = Bench(server, taking_part, sizes, say, facts=facts)
        bench.notes += [f"{title}: {reason}" for title, reason in absent.items()]
        bench.prepare()
        for number in range(sizes.rounds):
            for name in (name for name in REPEATED if name in sections):
                REPEATED[name](bench, number)
                progress.advance(bar)
        for name in (name for name in ONCE if name in sections):
            ONCE[name](bench)
            progress.advance(bar)
        page = report.write(bench)
    out.mkdir(parents=True, exist_ok=True)
    (out / "benchmarks.md").write_text(page)
    (out / "benchmarks.svg").write_text(chart.draw(bench))
    kept = {"facts": bench.facts, "results": bench.results, "notes": bench.notes}
    (DATA / "results.json").write_text(json.dumps(kept, indent=1))
    console.print(Markdown(page))
    console.print(f"\nWritten: {out / 'benchmarks.md'}, {out / 'benchmarks.svg'}")
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: 5 minutes")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of what is repeated")
    names = [*REPEATED, *ONCE]
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        metavar="NAMES",
        help=f"some of {','.join(names)}",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the page goes")
    arguments = parser.parse_args(argv)
    if unknown := set(arguments.only or []) - set(names):
        parser.error(f"--only {', '.join(sorted(unknown))}; expected some of {', '.join(names)}")
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error(f"--rounds {arguments.rounds}; expected 1 or more")
    return arguments


def _steps(sizes: Sizes, sections: Sequence[str]) -> int:
    repeated = sum(name in REPEATED for name in sections)
    return repeated * sizes.rounds + sum(name in ONCE for name in sections)


def _facts() -> dict[str, object]:
    cores = os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{cores} core{'s' if cores > 1 else ''}, {memory} GB, {platform.system()}"
        f" {platform.machine()}",
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


if __name__ == "__main__":
    sys.exit(main())
