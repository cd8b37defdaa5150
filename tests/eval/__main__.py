"""``python -m tests.eval``: every evaluation of the agents, against its targets.

Random clients for the workout agent, simulated bodies for the progress monitor, simulated gyms for
scheduling, labelled code for the code reviewer, and the named situations through a whole daemon,
with the model off, honest, hostile and hanging. A full run writes docs/evaluation.md and
docs/evaluation.svg; with --quick or --only the page goes to .data/eval/ unless --out says
otherwise.

exit codes: 0 every target is met; 1 one is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from daemon import log
from tests.eval import code, journeys, progress, scheduling, simulate_weight, workout
from tests.eval.report import Bar, Chart, Line, Section, draw, page
from tests.eval.situations import SITUATIONS

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = ROOT / ".data" / "eval"
Tick = Callable[[int, int], None]
"""Called with how much is done and how much there is."""


@dataclass(frozen=True, slots=True)
class Sizes:
    requests: int
    clients: int
    gyms: int


FULL, QUICK = Sizes(300, 600, 200), Sizes(20, 600, 60)


def workouts(sizes: Sizes, seed: int, tick: Tick) -> Section:
    """Random clients, each with three kinds of model."""
    planned = []
    total = sizes.requests * len(workout.MODELS)
    for item in workout.evaluate(sizes.requests, seed):
        planned.append(item)
        tick(len(planned), total)
    return Section(
        "Workouts",
        f"{sizes.requests} random clients of every goal, level, equipment and age, two thirds of"
        " them with one or two conditions, each planned without a model, with an honest and with a"
        " hostile one. Violations are counted by a checker that shares no code with the planner.",
        workout.measure(planned),
    )


def forecasts(sizes: Sizes, seed: int, tick: Tick) -> Section:
    """Simulated bodies."""
    people = simulate_weight.clients(sizes.clients, seed)
    progress.answer(people[0])  # numpy's first calls load code
    answered = []
    for client in people:
        answered.append(progress.answer(client))
        tick(len(answered), len(people))
    metrics = progress.measure(answered)
    lines = [Line(m.name, m.value, "" if m.target == "-" else m.target, m.met) for m in metrics]
    named = {metric.name: metric.value for metric in metrics}
    errors = [
        Bar("progress monitor", named["MAE of goal date, days"], ours=True),
        Bar("TrendWeight, cleaned rows", named["TrendWeight's MAE, days"]),
        Bar("random 6 to 12 weeks", named["random 6-12 weeks' MAE, days"]),
    ]
    coverage = [
        Bar(name.removeprefix("80 % coverage, "), value, ours=True)
        for name, value in named.items()
        if name.startswith("80 % coverage")
    ]
    return Section(
        "Progress",
        f"{sizes.clients} simulated clients whose true weight is known past the goal, with noise,"
        " gaps, typing errors and pounds stored as kilograms.",
        lines,
        [
            Chart("Error of the goal's date, days (mean)", errors, 90.0),
            Chart("Intervals of 80 % that hold the truth, by readings a day", coverage, 0.8),
        ],
    )


def times(sizes: Sizes, seed: int, tick: Tick) -> Section:
    """Simulated gyms."""
    tick(0, 0)
    rows = scheduling.table(scheduling.evaluate(sizes.gyms, seed))
    tick(1, 1)
    named = {row["metric"]: row["value"] for row in rows}
    return Section(
        "Scheduling",
        f"{sizes.gyms} simulated gyms whose clients' chances to come are known; regret is how much"
        " likelier the best free time is than the one proposed. The last line counts broken rules,"
        " double bookings among them, on random calendars.",
        [Line(row["metric"], row["value"], row["target"], row["met"]) for row in rows],
        [
            Chart(
                "Regret of the first proposed time (probability)",
                [
                    Bar("scheduling agent", named["top-1 regret"], ours=True),
                    Bar("most popular free hour", named["popular hour's regret"]),
                ],
                0.115,
            )
        ],
    )


def named(_sizes: Sizes, _seed: int, tick: Tick) -> Section:
    """Named situations, through a whole daemon."""
    total = len(SITUATIONS) * 3 + len(journeys.HANGING)

    async def collect() -> list[journeys.Seen]:
        seen: list[journeys.Seen] = []
        async for item in journeys.journeys():
            seen.append(item)
            tick(len(seen), total)
        return seen

    seen = asyncio.run(collect())
    return Section(
        "Named situations",
        "Rows in PostgreSQL, requests through `ai_requests`, the model a local server over HTTP:"
        " off, honest, hostile (no JSON, a megabyte, invented ids, favourites that are forbidden,"
        ' "cleared", wrong numerals, markup, refusals, nothing), and one that never answers.',
        _situation_lines(seen),
        rows=_situation_rows(seen),
    )


def _situation_lines(seen: Sequence[journeys.Seen]) -> list[Line]:
    lines = []
    for model in journeys.MODELS:
        mine = [item for item in seen if item.model == model]
        right = sum(not item.problems for item in mine) / len(mine)
        lines.append(Line.least(f"as expected, model {model}", right, 1.0))
    for task_type in ("workout_optimization", "progress_monitoring", "scheduling"):
        spent = [
            item.seconds
            for item in seen
            if item.situation.task_type == task_type and item.model == "off"
        ]
        lines.append(Line.most(f"{task_type}, median seconds", statistics.median(spent), 2.0))
    slowest = max(item.seconds for item in seen)
    return [*lines, Line.most("slowest answer, a hanging model included, seconds", slowest, 20.0)]


def _situation_rows(seen: Sequence[journeys.Seen]) -> list[tuple[str, ...]]:
    found = {(item.situation.name, item.model): item for item in seen}
    rows = [("situation", "expected", *journeys.MODELS)]
    for situation in SITUATIONS:
        cells = [found.get((situation.name, model)) for model in journeys.MODELS]
        told = ["" if c is None else "✗ " + "; ".join(c.problems) if c.problems else "✓"
                for c in cells]  # fmt: skip
        rows.append((situation.name.replace("_", " "), situation.expects, *told))
    return rows


def views(_sizes: Sizes, seed: int, tick: Tick) -> Section:
    """Labelled code."""
    return code.section(seed, tick)


SECTIONS: dict[str, Callable[[Sizes, int, Tick], Section]] = {
    "workout": workouts,
    "progress": forecasts,
    "scheduling": times,
    "situations": named,
    "code": views,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run, write the page, say what is missed."""
    options = _arguments(argv)
    chosen = options.only or list(SECTIONS)
    whole = not options.quick and not options.only
    out = options.out or (ROOT / "docs" if whole else DATA)
    log.configure("CRITICAL")
    console = Console()
    bars = Progress(
        TextColumn("{task.description:12}"), BarColumn(30), TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(), console=console, refresh_per_second=2,
    )  # fmt: skip
    sections = []
    with bars:
        tasks = {name: bars.add_task(name, total=None, start=False) for name in chosen}
        for name, task in tasks.items():
            bars.start_task(task)
            tick = _tick(bars, task)
            sections.append(SECTIONS[name](QUICK if options.quick else FULL, options.seed, tick))
    text = page(sections, _facts(options.seed), "evaluation.svg")
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.md").write_text(text)
    (out / "evaluation.svg").write_text(draw([c for s in sections for c in s.charts]))
    console.print(Markdown(text))
    console.print(f"\nWritten: {out / 'evaluation.md'}, {out / 'evaluation.svg'}")
    missed = [f"{s.title}: {line.metric}" for s in sections for line in s.missed]
    for line in missed:
        console.print(f"[red]missed[/] {line}")
    return 1 if missed else 0


def _tick(bars: Progress, task: TaskID) -> Tick:
    def tick(done: int, total: int) -> None:
        bars.update(task, completed=done, total=total or None)

    return tick


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.eval",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="small samples: a few minutes")
    parser.add_argument("--seed", type=int, default=1, help="of the simulators (default 1)")
    parser.add_argument("--only", type=lambda text: text.split(","), metavar="NAMES",
                        help=f"some of {','.join(SECTIONS)}")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the page goes")
    options = parser.parse_args(argv)
    if unknown := set(options.only or []) - set(SECTIONS):
        parser.error(f"--only {', '.join(sorted(unknown))}; expected {', '.join(SECTIONS)}")
    return options


def _facts(seed: int) -> str:
    cores = os.cpu_count() or 1
    today = datetime.now(UTC).date().isoformat()
    return f"{today}, seed {seed}, Python {platform.python_version()}, {cores} cores"


if __name__ == "__main__":
    sys.exit(main())
