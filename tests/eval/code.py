"""The code reviewer on labelled views, beside scanners that know sinks by their names.

A case is found when a finding of its file names a weakness of the case's family; in a safe twin
the same is a false alarm. Findings of other families in a file are not counted: a view that runs a
command may well also print what it was given.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.code.analyse import analyse
from agents.code.tool_rules import RUFF
from tests.eval import code_app, code_repairs
from tests.eval.code_cases import Case, cases
from tests.eval.code_cases.single import SINGLE
from tests.eval.report import Bar, Chart, Line, Section

Tick = Callable[[int, int], None]
"""Called with how much is done and how much there is."""

FAMILIES: Mapping[str, frozenset[int]] = {
    "sql": frozenset({89}),
    "nosql": frozenset({943}),
    "command": frozenset({78}),
    "code": frozenset({94, 95}),
    "path": frozenset({22, 73}),
    "xss": frozenset({79, 80, 116}),
    "template": frozenset({1336}),
    "redirect": frozenset({601}),
    "ssrf": frozenset({918}),
    "xxe": frozenset({611, 776, 827}),
    "xpath": frozenset({643}),
    "ldap": frozenset({90}),
    "deserialize": frozenset({502}),
    "assign": frozenset({915}),
    "log": frozenset({117}),
    "header": frozenset({113}),
    "upload": frozenset({434}),
    "trust": frozenset({501}),
    "hash": frozenset({327, 328, 759, 760, 916}),
    "cipher": frozenset({326, 327, 328, 329, 759, 760}),
    "random": frozenset({330, 338}),
    "cookie": frozenset({614, 1004, 1275}),
    "transport": frozenset({319}),
    "certificate": frozenset({295}),
    "signature": frozenset({347}),
    "secret": frozenset({798, 321, 259}),
    "debug": frozenset({489, 94}),
    "leak": frozenset({209}),
    "temporary": frozenset({377, 379}),
    "regex": frozenset({1333}),
    "rights": frozenset({732}),
}
"""Family -> the weaknesses that count as found."""


BREADTH: Sequence[frozenset[int]] = (
    frozenset({94, 95}),
    frozenset({259, 321, 798}),
    frozenset({326, 327, 328, 329, 759, 760, 916}),
    frozenset({330, 338}),
    frozenset({377, 379}),
    frozenset({611, 776, 827}),
    frozenset({614, 1004, 1275}),
)
"""Weaknesses that stand for each other in single files."""


@dataclass(slots=True)
class Score:
    """Right and wrong verdicts. Rates are 0 where nothing is there to be rated."""

    found: int = 0
    missed: int = 0
    false: int = 0
    clean: int = 0

    @property
    def recall(self) -> float:
        """The share of unsafe cases that are found."""
        return self.found / max(self.found + self.missed, 1)

    @property
    def precision(self) -> float:
        """The share of alarms that are true; 1 without any."""
        alarms = self.found + self.false
        return self.found / alarms if alarms else 1.0

    @property
    def youden(self) -> float:
        """Recall minus the share of safe cases that are alarmed on, in percent."""
        return 100 * (self.recall - self.false / max(self.false + self.clean, 1))

    def add(self, case: Case, alarm: bool) -> None:
        """Count one verdict."""
        if case.unsafe:
            self.found += alarm
            self.missed += not alarm
        else:
            self.false += alarm
            self.clean += not alarm


def file_name(case: Case) -> str:
    """Where a case stands in the project of all cases."""
    return f"views/{case.name}.py"


def texts(chosen: Sequence[Case]) -> dict[str, str]:
    """The files of some cases."""
    files = {file_name(case): case.text for case in chosen}
    helpers = {f"views/{case.name}_helper.py": case.helper for case in chosen if case.helper}
    return files | helpers


def ours(chosen: Sequence[Case]) -> dict[str, set[int]]:
    """File -> weaknesses that the reviewer names, each case as a file of one project."""
    answer = analyse(texts(chosen), kind="files")
    found: dict[str, set[int]] = defaultdict(set)
    for finding in answer.findings:
        if finding.cwe is not None:
            found[finding.file].add(finding.cwe)
    return found


def ruff_alone(chosen: Sequence[Case]) -> dict[str, set[int]]:
    """The same of ruff's security rules, as they are."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _lay(chosen, folder)
        program = Path(sys.executable).parent / "ruff"
        out = subprocess.run(
            [program, "check", "--isolated", "--no-cache", "--exit-zero", "--select", "S",
             "--output-format", "json", "."],
            cwd=folder, capture_output=True, check=True,
        ).stdout  # fmt: skip
    found: dict[str, set[int]] = defaultdict(set)
    for item in json.loads(out):
        meaning = RUFF.get(item["code"])
        if meaning is not None and meaning.cwe is not None:
            found[f"views/{Path(item['filename']).name}"].add(meaning.cwe)
    return found


def bandit_alone(chosen: Sequence[Case]) -> dict[str, set[int]] | None:
    """The same of bandit; None where it is not installed."""
    if importlib.util.find_spec("bandit") is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _lay(chosen, folder)
        out = subprocess.run(
            [sys.executable, "-m", "bandit", "-q", "-r", "-f", "json", "--exit-zero", "views"],
            cwd=folder, capture_output=True, check=True,
        ).stdout  # fmt: skip
    found: dict[str, set[int]] = defaultdict(set)
    for item in json.loads(out)["results"]:
        found[f"views/{Path(item['filename']).name}"].add(int(item["issue_cwe"].get("id", 0)))
    return found


def _lay(chosen: Sequence[Case], folder: Path) -> None:
    (folder / "views").mkdir()
    for name, text in texts(chosen).items():
        (folder / name).write_text(text)


def scores(
    chosen: Collection[Case], found: Mapping[str, set[int]]
) -> tuple[Score, dict[str, Score]]:
    """All cases together, and by family."""
    whole = Score()
    families: dict[str, Score] = defaultdict(Score)
    for case in chosen:
        alarm = bool(found.get(file_name(case), set()) & FAMILIES[case.family])
        whole.add(case, alarm)
        families[case.family].add(case, alarm)
    return whole, families


def wrong(chosen: Collection[Case], found: Mapping[str, set[int]]) -> list[Case]:
    """The cases that were judged wrongly."""
    return [
        case
        for case in chosen
        if bool(found.get(file_name(case), set()) & FAMILIES[case.family]) != case.unsafe
    ]


def breadth() -> tuple[int, list[tuple[int, str]]]:
    """How many of the single files are found, and which are not (weakness and name)."""
    files = {f"single/{cwe}_{name}.py": text for cwe, name, text in SINGLE}
    missed = []
    for (cwe, name, text), file in zip(SINGLE, files, strict=True):
        answer = analyse({file: text}, kind="snippet")
        family = next((group for group in BREADTH if cwe in group), frozenset({cwe}))
        if not any(finding.cwe in family for finding in answer.findings):
            missed.append((cwe, name))
    return len(SINGLE) - len(missed), missed


def section(seed: int, tick: Tick) -> Section:
    """The part of the evaluation's page about code."""
    del seed
    chosen = cases()
    tick(0, 4)
    found = {"reviewer": ours(chosen)}
    tick(1, 4)
    found["ruff S"] = ruff_alone(chosen)
    bandit = bandit_alone(chosen)
    if bandit is not None:
        found["bandit"] = bandit
    tick(2, 4)
    single, missed = breadth()
    tick(3, 4)
    noise = len(analyse(code_app.clean(), kind="directory").findings)
    files = code_app.large()
    begun = time.monotonic()
    analyse(files, kind="directory")
    spent = time.monotonic() - begun
    tick(4, 4)
    judged = {name: scores(chosen, alarms) for name, alarms in found.items()}
    whole, families = judged["reviewer"]
    lines = [
        Line.least("recall on labelled views", whole.recall, 0.9),
        Line.least("precision on labelled views", whole.precision, 0.95),
        Line.least(
            "lowest Youden index of a family", min(f.youden for f in families.values()), 70
        ),
        Line.least("recall on single files", single / len(SINGLE), 0.75),
        Line.most("findings on a clean app of four parts", noise, 5),
        Line.most("seconds for 18,000 lines", spent, 20),
        *code_repairs.lines(),
        *(Line(f"Youden index, {name}", score.youden) for name, (score, _) in judged.items()),
    ]
    bars = [Bar(name, score.youden, name == "reviewer") for name, (score, _) in judged.items()]
    lost = ", ".join(f"{name} ({cwe})" for cwe, name in missed) or "none"
    return Section(
        "Code",
        f"{len(chosen)} labelled Flask views and small programs, half of them safe twins, and"
        f" {len(SINGLE)} single files of libraries, scripts and other frameworks. The labels are"
        " of our own making, and the rules were mended on them: foreign code is found less well."
        " On 2026-11-25, before that, the first 386 views gave a recall of 0.96 and a precision of"
        " 0.98, 74 whole programs written later 0.92 and 0.94; 75 of 82 single files were found."
        f" Single files not found today: {lost}.",
        lines,
        [Chart("Youden index on labelled views (recall minus false alarms, percent)", bars)],
        list(_rows(judged)),
    )


def _rows(
    judged: Mapping[str, tuple[Score, Mapping[str, Score]]],
) -> Iterator[tuple[str, ...]]:
    names = list(judged)
    yield ("family", "cases", *(f"{name}: recall, precision" for name in names))
    for family, score in sorted(judged["reviewer"][1].items()):
        count = score.found + score.missed + score.false + score.clean
        cells = [judged[name][1][family] for name in names]
        yield (family, str(count), *(f"{cell.recall:.2f}, {_precise(cell)}" for cell in cells))


def _precise(score: Score) -> str:
    return f"{score.precision:.2f}" if score.found + score.false else "-"
