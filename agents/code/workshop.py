"""All work on one request's code, where the code stays: in the worker process, or in the CLI.

What leaves it is masked: findings, explanations, questions to the model. What comes back from the
model is restored here, judged by the gate, and masked again.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from agents.code import results, words
from agents.code.analyse import NO_STYLE, analyse
from agents.code.fix import propose
from agents.code.gate import Proposal, judge
from agents.code.gate.judge import Tests
from agents.code.model import Analysis, Cache, Finding, IssueType, Progress
from agents.code.neighbours import MOST_FILES, Neighbours
from agents.code.opening import Opened
from agents.code.results import Proposed, Shown
from agents.code.secrets import Mask
from agents.code.traceback import Explained, explain, read

TYPES: Final[Mapping[str, frozenset[IssueType]]] = {
    "comprehensive": NO_STYLE,
    "bug": frozenset({"bug", "error"}),
    "security": frozenset({"security"}),
    "performance": frozenset({"performance"}),
    "style": frozenset({"style"}),
}
"""What each analysis_type reports."""


class Memory(dict[str, str]):
    """A cache as long as the process lives."""

    def put(self, key: str, value: str) -> None:
        self[key] = value


@dataclass(frozen=True, slots=True)
class Answered:
    """What a model said of one finding. id: as the question named it."""

    id: str
    explanation: str
    existing_code: str
    replacement_code: str
    cost_usd: float | None = None


class Workshop:
    """analysis_type: a key of TYPES. The code stays in `opened`. tests: see the gate's judge."""

    def __init__(
        self,
        opened: Opened,
        analysis_type: str = "comprehensive",
        cache: Cache | None = None,
        tests: Tests | None = None,
    ) -> None:
        self.opened = opened
        self._tests = tests
        self._types = NO_STYLE | TYPES[analysis_type]
        self._wanted = TYPES[analysis_type]
        self._cache: Cache = cache if cache is not None else Memory()
        self._mask = Mask()
        self._proposed: dict[str, Proposed] = {}
        self._explanations: dict[str, str] = {}
        self._explained: Explained | None = None
        self._neighbours: Neighbours | None = None
        self._parts: dict[str, tuple[frozenset[str], Analysis]] = {}
        self.whole = Analysis(opened.collected.kind, skipped=tuple(opened.collected.skipped))

    @property
    def files(self) -> Mapping[str, str]:
        return self.opened.collected.files

    def analyse(self, progress: Progress | None = None) -> Analysis:
        """What is wrong, of the kinds that were asked for; `whole` keeps the other kinds too."""
        collected = self.opened.collected
        self.whole = analyse(
            self.files,
            kind=collected.kind,
            changed=collected.changed,
            cache=self._cache,
            types=self._types,
            progress=progress,
            skipped=collected.skipped,
        )
        return self.wanted()

    def told(self, silent: Collection[str] = ()) -> dict[str, Any]:
        """The analysis as plain JSON without its findings: counts, tools, what was skipped; `seen`
        has every fingerprint, `order` those that were asked for, best first."""
        analysis = self.wanted(silent)
        skipped = [
            {"file": item.file, "reason": item.reason, "detail": self._mask.text(item.detail)}
            for item in analysis.skipped
        ]
        return {
            "kind": analysis.kind,
            "counts": analysis.counts(),
            "skipped": skipped,
            "tools": [
                {
                    "name": run.name,
                    "version": run.version,
                    "status": run.status,
                    "findings": run.findings,
                }
                for run in analysis.tools
            ],
            "notes": list(analysis.notes),
            "files": analysis.files,
            "lines": analysis.lines,
            "public_routes": list(analysis.public_routes),
            "suppressed": len(analysis.suppressed),
            "seen": [finding.fingerprint for finding in self.whole.findings],
            "order": [finding.fingerprint for finding in analysis.findings],
            "new": [finding.fingerprint for finding in analysis.findings if finding.new],
        }

    def failure(self, error: str, stack_trace: str, more: Sequence[str]) -> dict[str, Any] | None:
        """An explained error as plain JSON: `explain`'s, with its `text` and `suggestion`."""
        explained = self.explain(error, stack_trace, more)
        if explained is None:
            return None
        known, culprit = explained.known, explained.culprit
        told = explained.json()
        return {
            **self._mask.value(told),
            # These are our own, and look like keys.
            "fingerprint": told["fingerprint"],
            "related": told["related"],
            "text": self._mask.text(explained.text()),
            "suggestion": known.cure if known else "Start at the line in question.",
            "rule": f"error:{known.id if known else explained.trace.root.name}"[:120],
            "at": None if culprit is None else [culprit.file, culprit.line, culprit.function],
        }

    def findings(self, fingerprints: Sequence[str]) -> list[dict[str, Any]]:
        """Findings as plain JSON, masked, in this order; with `snippet` and what a row needs."""
        by_name = {finding.fingerprint: finding for finding in self.whole.findings}
        chosen = [by_name[name] for name in fingerprints if name in by_name]
        return [
            item.json()
            | {
                "snippet": item.snippet,
                "existing_code": item.existing,
                "replacement_code": item.replacement,
                "base_blob": item.base_blob,
                "cost_usd": item.cost_usd,
            }
            for item in self.shown(chosen)
        ]

    def wanted(self, silent: Collection[str] = ()) -> Analysis:
        """The analysis without kinds that nobody asked for, and without silenced findings."""
        kept = tuple(
            finding
            for finding in self.whole.findings
            if finding.issue_type in self._wanted and finding.fingerprint not in silent
        )
        return replace(self.whole, findings=kept)

    def explain(self, error: str, stack_trace: str, more: Iterable[str] = ()) -> Explained | None:
        """What an error means; None where the text holds none. more: other texts to learn from."""
        for text in (error, stack_trace, *more):
            self._mask.learn(text, traceback=True)
        for path, text in self.files.items():
            self._mask.learn(text, path)
        trace = read(
            self._mask.text(stack_trace, traceback=True), self._mask.text(error, traceback=True)
        )
        if trace is None:
            return None
        masked = {path: self._mask.text(text, path) for path, text in self.files.items()}
        self._explained = explain(trace, masked, self.whole.findings)
        return self._explained

    def repair(
        self, fingerprints: Sequence[str], seconds: float, progress: Progress | None = None
    ) -> int:
        """Try the repairs that need no model, for at most so long; returns how many passed."""
        end = time.monotonic() + seconds
        passed = 0
        for number, fingerprint in enumerate(fingerprints):
            if time.monotonic() > end:
                break
            if progress is not None:
                progress("repairs", number, len(fingerprints))
            finding = self._finding(fingerprint)
            if finding is None or finding.file not in self.files:
                continue
            for proposal in propose(finding, self.files[finding.file]):
                if self._judged(finding, proposal):
                    passed += 1
                    break
        if progress is not None:
            progress("repairs", len(fingerprints), len(fingerprints))
        return passed

    def question(self, fingerprints: Sequence[str], rewrites: int) -> dict[str, Any]:
        """What the model is asked of these findings and the error, masked; empty without any."""
        chosen = [found for name in fingerprints if (found := self._finding(name)) is not None]
        shown = self.shown(chosen)
        return words.question(shown, self.files, self._mask, self._explained, rewrites)

    def answer(self, answers: Sequence[Answered]) -> dict[str, str]:
        """Take a model's words, judge its code; returns id -> reason for what was refused."""
        refused: dict[str, str] = {}
        for answered in answers:
            finding = self._finding(answered.id)
            if finding is None:
                continue
            if answered.explanation:
                self._explanations[finding.fingerprint] = answered.explanation
            kept = self._proposed.get(finding.fingerprint)
            if not answered.replacement_code or (kept is not None and kept.verdict.accepted):
                continue
            proposal = Proposal(
                finding.file,
                self._mask.restore(answered.existing_code),
                self._mask.restore(answered.replacement_code),
                "model",
                answered.explanation,
            )
            if not self._judged(finding, proposal, answered.cost_usd):
                refused[answered.id] = self._proposed[finding.fingerprint].verdict.reason
        return refused

    def shown(self, findings: Sequence[Finding]) -> list[Shown]:
        """Findings without secrets, with what was proposed and explained."""
        items = results.shown(findings, self.files, self._mask, self._proposed)
        return [
            replace(item, explanation=said)
            if (said := self._explanations.get(item.finding.fingerprint))
            else item
            for item in items
        ]

    def masked(self, text: str) -> str:
        """A text without secrets."""
        return self._mask.text(text, traceback=True)

    def _finding(self, fingerprint: str) -> Finding | None:
        return next(
            (found for found in self.whole.findings if found.fingerprint == fingerprint), None
        )

    def _judged(self, finding: Finding, proposal: Proposal, cost_usd: float | None = None) -> bool:
        part, before = self._part(finding.file)
        if not any(found.fingerprint == finding.fingerprint for found in before.findings):
            # It takes the whole project to see this one.
            part, before = frozenset(self.files), self.whole
        verdict = judge(
            proposal,
            finding,
            self.files,
            before,
            lambda files: self._scan({path: files[path] for path in part}),
            self._tests,
        )
        self._proposed[finding.fingerprint] = Proposed(proposal, verdict, cost_usd)
        return verdict.accepted

    def _part(self, file: str) -> tuple[frozenset[str], Analysis]:
        """The files by which a change to this one is judged, and what is wrong in them."""
        if len(self.files) <= MOST_FILES:
            return frozenset(self.files), self.whole
        if self._neighbours is None:
            self._neighbours = Neighbours(self.files)
        if file not in self._parts:
            part = self._neighbours.of(file)
            self._parts[file] = part, self._scan({path: self.files[path] for path in part})
        return self._parts[file]

    def _scan(self, files: Mapping[str, str]) -> Analysis:
        kind = self.opened.collected.kind
        return analyse(files, kind=kind, cache=self._cache, types=self._types)
