"""One review from what is asked to its report: what to read, what to compare with, what is new."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agents.code import collect
from agents.code.collect import Collected, Refused
from agents.code.gate.trial import Trial
from agents.code.history import History, Spans, new_lines
from agents.code.model import Analysis, Finding, Progress
from agents.code.opening import Opened, committed
from agents.code.report import Report
from agents.code.report.sarif import FINGERPRINT
from agents.code.results import Shown
from agents.code.workshop import Memory, Workshop
from daemon import __version__

REPAIR_SECONDS = 20.0
MOST_REPAIRED = 20


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked. repair_seconds: None: 20 where something is compared, else 0. test: what runs
    the project's tests, which a repair must pass."""

    folder: Path
    range: str | None = None
    diff: str | None = None
    baseline: Path | None = None
    kind: str = "comprehensive"
    repair_seconds: float | None = None
    model: bool = False
    test: str | None = None


@dataclass(slots=True)
class Reviewed:
    """report, and for a service that is told of it the files and which of them changed."""

    report: Report
    files: dict[str, str]
    changed: list[str]


@dataclass(slots=True)
class _Subject:
    """What to analyse; before: the same project as it was, None where only lines are known."""

    opened: Opened
    before: Collected | None = None
    known: set[str] = field(default_factory=set)
    compared: bool = False


async def review(wish: Wish, told: Progress | None = None) -> Reviewed:
    """Analyse, compare, repair, explain. Raises Refused."""
    begun = time.monotonic()
    subject = _subject(wish)
    cache = Memory()
    workshop = Workshop(subject.opened, wish.kind, cache, _trial(wish))
    analysis = workshop.analyse(told)
    if subject.compared:
        analysis = _compared(subject, workshop, analysis, wish.kind, cache)
    fresh = [finding for finding in analysis.findings if finding.new is not False]
    seconds = wish.repair_seconds
    if seconds is None:
        seconds = REPAIR_SECONDS if subject.compared else 0.0
    chosen = [finding.fingerprint for finding in fresh[:MOST_REPAIRED]]
    if seconds > 0:
        workshop.repair(chosen, seconds, told)
    if wish.model:
        from daemon.commands.review_model import ask

        await ask(workshop, chosen, told)
    found = {finding.fingerprint for finding in workshop.whole.findings}
    report = Report(
        analysis,
        tuple(workshop.shown(analysis.findings)),
        absent=tuple(sorted(subject.known - found)),
        compared=subject.compared,
        version=__version__,
        seconds=time.monotonic() - begun,
    )
    report = placed(report, _prefix(wish.folder))
    files = dict(subject.opened.collected.files)
    changed = subject.opened.collected.changed
    return Reviewed(report, files, sorted(files if changed is None else changed))


def _trial(wish: Wish) -> Trial | None:
    if wish.test is None:
        return None
    if wish.range is not None or not wish.folder.is_dir():
        raise Refused("--test", "runs in a folder as it stands; leave --range out, name a folder")
    return Trial(wish.test, wish.folder)


def placed(report: Report, prefix: str) -> Report:
    """The report with every file named from the repository's root, as annotations need it."""
    if not prefix:
        return report

    def at(item: Shown) -> Shown:
        steps = tuple({**step, "file": prefix + step["file"]} for step in item.steps)
        diff = item.diff.replace(
            f"--- a/{item.finding.file}", f"--- a/{prefix}{item.finding.file}"
        )
        diff = diff.replace(f"+++ b/{item.finding.file}", f"+++ b/{prefix}{item.finding.file}")
        named = replace(item.finding, file=prefix + item.finding.file)
        return replace(item, finding=named, steps=steps, diff=diff)

    skipped = tuple(replace(item, file=prefix + item.file) for item in report.analysis.skipped)
    return replace(
        report,
        findings=tuple(at(item) for item in report.findings),
        analysis=replace(report.analysis, skipped=skipped),
    )


def _prefix(folder: Path) -> str:
    """Where the folder lies in its repository, with a slash at the end; "" at its root, outside of
    any, and for a single file."""
    if not folder.is_dir():
        return ""
    try:
        history = History(folder)
    except Refused:
        return ""
    try:
        place = history.within(folder)
    finally:
        history.close()
    return f"{place}/" if place else ""


def _compared(
    subject: _Subject, workshop: Workshop, analysis: Analysis, kind: str, cache: Memory
) -> Analysis:
    """The analysis with `new` set: not known before, or, where nothing is known, on new lines."""
    if subject.before is not None:
        earlier = Workshop(Opened(subject.before), kind, cache)
        earlier.analyse()
        subject.known |= {finding.fingerprint for finding in earlier.whole.findings}
    elif not subject.known:
        return analysis

    def marked(finding: Finding) -> Finding:
        return replace(finding, new=finding.fingerprint not in subject.known)

    workshop.whole = replace(
        workshop.whole, findings=tuple(marked(finding) for finding in workshop.whole.findings)
    )
    ordered = sorted(workshop.wanted().findings, key=lambda finding: not finding.new)
    return replace(analysis, findings=tuple(ordered))


def _subject(wish: Wish) -> _Subject:
    folder = wish.folder
    if wish.range is not None:
        subject = _range(wish.range, folder)
    elif wish.diff is not None:
        subject = _diff(wish.diff, folder)
    else:
        subject = _Subject(Opened(collect.directory(folder), whole=folder.is_dir()))
    if wish.baseline is not None:
        subject.known |= set(known(wish.baseline))
        subject.compared = True
    return subject


def _range(text: str, folder: Path) -> _Subject:
    from agents.code.history import split_range

    history = History(folder)
    try:
        found, commit = committed(history, text, folder)
        old, new, three = split_range(text)
        old = history.merge_base(old, new) if three else old
        before = collect.tree(history.tree(old, history.within(folder)))
    finally:
        history.close()
    return _Subject(Opened(found, whole=True, commit=commit), before, compared=True)


def _diff(text: str, folder: Path) -> _Subject:
    if text == "-":
        return _patch(sys.stdin.read(), folder)
    if Path(text).is_file():
        return _patch(Path(text).read_text(encoding="utf-8", errors="replace"), folder)
    history = History(folder)
    try:
        base = history.merge_base(text, "HEAD")
        before = collect.tree(history.tree(base, history.within(folder)))
    except Refused:
        raise Refused(
            "--diff", f"is {text[:80]!r}; expected a commit, a file with a diff, or -"
        ) from None
    finally:
        history.close()
    found = collect.directory(folder)
    found.changed = {
        path: new_lines(before.files.get(path, ""), now)
        for path, now in found.files.items()
        if before.files.get(path) != now
    }
    return _Subject(Opened(found, whole=True), before, compared=True)


def _patch(diff: str, folder: Path) -> _Subject:
    """A diff over a folder, which may hold the change already (CI) or not (a proposal)."""
    base = collect.directory(folder)
    spans = _applied_already(diff, base.files)
    if spans is not None:
        base.changed = dict(spans)
        return _Subject(Opened(base, whole=True), compared=True)
    found = collect.diff(diff, base.files)
    found.skipped += base.skipped
    return _Subject(Opened(found, whole=True), base, compared=True)


def _applied_already(diff: str, files: dict[str, str]) -> Spans | None:
    """Spans of the new side, where the files already are that side."""
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    try:
        patches = PatchSet(diff)
    except UnidiffParseError as error:
        raise Refused("--diff", f"is no unified diff: {error}") from None
    spans: Spans = {}
    for patch in patches:
        lines = files.get(patch.path, "").split("\n")
        for line in (line for hunk in patch for line in hunk if line.is_added):
            number = line.target_line_no or 0
            if number > len(lines) or lines[number - 1] != line.value.rstrip("\r\n"):
                if patch.path in files or not patch.is_added_file:
                    return None
                continue
            spans.setdefault(patch.path, []).append((number, number))
    return spans


def known(path: Path) -> Iterable[str]:
    """Fingerprints of an earlier report in any form that carries them. Raises Refused."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Refused("--baseline", f"cannot be read: {error.strerror}") from None
    try:
        documents = [json.loads(text)]
    except ValueError:
        try:
            documents = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            raise Refused("--baseline", "is no report in json, jsonl or sarif") from None
    return [name for document in documents for name in _fingerprints(document)]


def _fingerprints(document: Any) -> Iterable[str]:
    if not isinstance(document, dict):
        return
    if isinstance(document.get("fingerprint"), str):
        yield document["fingerprint"]
    for finding in document.get("findings", ()):
        yield from _fingerprints(finding)
    for run in document.get("runs", ()):
        for result in run.get("results", ()):
            name = result.get("partialFingerprints", {}).get(FINGERPRINT)
            if name and result.get("baselineState") != "absent":
                yield name
