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
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.code.analyse import analyse
from agents.code.tool_rules import RUFF
from tests.eval.code_cases import Case, cases
from tests.eval.code_cases.single import SINGLE

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


__all__ = ["FAMILIES", "Case", "Score", "bandit_alone", "cases", "ours", "ruff_alone", "scores"]
