"""``make soak MINUTES=60``: an hour of ordinary life, and everything that could grow, measured.

A run of an hour or more writes docs/soak.md and docs/soak.svg; a shorter one writes to .data/soak/
unless --out says otherwise. Exit code 1 when something is not flat or a promise was broken.
--million sends a million requests that cost nothing through the tables instead, which takes half
an hour or so and is kept for the page of the next run, or of --from.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from tests.soak import chart, million, page
from tests.soak.probe import Sample
from tests.soak.run import DATA, ROOT, Plan, Recording, perform

MILLION = 1_000_000
ROUNDS_FILE = DATA / "million.json"


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=2.0, help="requests a second; default: 2")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the page goes")
    parser.add_argument(
        "--from", dest="recording", type=Path, metavar="FILE", help="the page of an earlier run"
    )
    parser.add_argument(
        "--million", type=int, nargs="?", const=MILLION, metavar="N", help="so many; a million"
    )
    chosen = parser.parse_args(argv)
    console = Console(soft_wrap=True)
    if chosen.million:
        return 0 if fill(chosen.million, console) else 1
    if chosen.recording:
        recording = Recording.load(chosen.recording)
    else:
        plan = Plan(60 * chosen.minutes, chosen.rate, seed=chosen.seed)
        recording = perform(plan, Ticker(plan, console), DATA / "recording.json")
    whole = recording.plan["seconds"] >= page.WHOLE_SECONDS
    out = chosen.out or (ROOT / "docs" if whole else DATA)
    return 0 if publish(recording, out, console) else 1


def publish(recording: Recording, out: Path, console: Console) -> bool:
    """Write page and picture, show the page; whether all is as it should be."""
    verdicts = page.verdicts_of(recording)
    text = page.write(recording, verdicts, million.load(ROUNDS_FILE))
    out.mkdir(parents=True, exist_ok=True)
    (out / "soak.md").write_text(text)
    (out / "soak.svg").write_text(chart.draw(verdicts, recording.plan["seconds"]))
    console.print(Markdown(text))
    console.print(f"\nWritten: {out / 'soak.md'}, {out / 'soak.svg'}")
    return page.passed(recording, verdicts)


def fill(requests: int, console: Console) -> bool:
    """Send so many through the tables; whether these stay as large as what is kept."""

    def tell(one: million.Round) -> None:
        console.print(
            f"{one.requests:9,} requests  {one.per_second:6.0f}/s  {one.kept:,} kept"
            f"  {one.tables_mb:.1f} + {one.indexes_mb:.1f} MB  {one.vacuums} vacuums"
            f"  claim {one.claim_ms:.1f} ms",
            highlight=False,
        )

    rounds = million.million(requests, tell)
    if requests >= MILLION:
        million.save(rounds, ROUNDS_FILE)
    console.print(f"growth after the second round: {million.growth(rounds):+.1%}")
    return million.is_flat(rounds)


class Ticker:
    """A line for a sample now and then: time, rates, memory."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self._plan = plan
        self._console = console
        self._last: Sample | None = None

    def __call__(self, sample: Sample) -> None:
        last = self._last
        if last is None:
            self._last = sample
            return
        passed = sample["seconds"] - last["seconds"]
        if passed < min(30.0, self._plan.seconds / 12):
            return
        self._last = sample
        daemons = sorted({key.split("/")[0] for key in sample if key.startswith("daemon")})
        seconds = [sum(s.get(f"{d}/cpu_seconds", 0) for d in daemons) for s in (last, sample)]
        cpu = (seconds[1] - seconds[0]) / passed
        memory = " + ".join(f"{sample.get(f'{d}/memory_mb', 0):.0f}" for d in daemons)
        handles = " + ".join(f"{sample.get(f'{d}/handles', 0):.0f}" for d in daemons)
        ended = (sample["requests/ended"] - last["requests/ended"]) / passed
        tables = (sample["server/table_bytes"] + sample["server/index_bytes"]) / (1 << 20)
        self._console.print(
            f"{sample['seconds'] / 60:6.1f} of {self._plan.seconds / 60:.0f} min"
            f"  {ended:5.1f} requests/s  {cpu:4.2f} cores  {memory} MB  {handles} handles"
            f"  {sample['server/sessions']:.0f} sessions  {tables:.1f} MB tables"
            f"  p50 {sample.get('requests/p50', float('nan')):.2f} s",
            highlight=False,
        )


if __name__ == "__main__":
    sys.exit(main())
