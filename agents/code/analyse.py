"""From files to ranked findings: a pure function that needs no model, no graph and no database.

It may run in a worker process: everything in and out can be pickled. Tools run beside the own
rules, each file's part is kept by what it depends on (the tool, its version, the version of the
own rules, the text), so that a second run over changed code pays for the change alone.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any, Final

from agents.code import tools
from agents.code.arbitrate import arbitrated
from agents.code.fingerprint import fingerprinted
from agents.code.model import (
    Analysis,
    Cache,
    Files,
    Finding,
    IssueType,
    Kind,
    Lines,
    Progress,
    Skipped,
    Step,
    ToolRun,
)
from agents.code.modules import Project, holds_tests, read_project
from agents.code.project import rules as project_rules
from agents.code.ranking import ranked
from agents.code.taint.engine import Judged, judge
from agents.code.taint.rules import VERSION
from agents.code.taint.run import Part

NO_STYLE: Final[frozenset[IssueType]] = frozenset({"bug", "security", "performance", "error"})
ALONE: Final = (
    "Rules across files did not run: one file was given without its project, so routes, imports"
    " and models of other files are unknown."
)


def analyse(
    files: Files,
    *,
    kind: Kind,
    changed: Lines | None = None,
    cache: Cache | None = None,
    only: Collection[str] | None = None,
    types: Collection[IssueType] = NO_STYLE,
    progress: Progress | None = None,
    skipped: Iterable[Skipped] = (),
    crashed: Collection[tuple[str, str]] = (),
) -> Analysis:
    """Everything that is wrong in some files, the most pressing first.

    files: relative path with ``/`` -> text; they are the whole project unless kind is ``snippet``.
    changed: spans of changed lines by file; findings elsewhere get ``new=False``. only: report on
    these files, the rest is context. types: what to report; style only when asked for. progress is
    called with a word, how much is done and how much there is. skipped: what the collection left
    out already. crashed: file and function of recent failures, which rank higher.

    Never raises for what stands in the files: a file that cannot be analysed is in `skipped`.
    """
    told = progress or (lambda _what, _done, _all: None)
    project, failed = read_project(files)
    lost = [*skipped, *(Skipped(file, "syntax_error", f"{why}; only ruff read it")
                        for file, why in failed.items())]  # fmt: skip
    kept = Kept(cache)
    with ThreadPoolExecutor(max_workers=len(tools.TOOLS)) as pool:
        waiting = [pool.submit(_tool, tool, files, kept) for tool in tools.TOOLS]
        judged, run = _taint(project, cache, told)
        begun = time.monotonic()
        told("project rules", 0, 1)
        unread = {item.file for item in lost}
        report = project_rules.check(project, files, alone=kind == "snippet", unread=unread)
        told("project rules", 1, 1)
        spent = round(time.monotonic() - begun, 3)
        count = len(report.findings)
        runs = [run, ToolRun("project rules", VERSION, "ok", spent, count)]
        answers = []
        for number, item in enumerate(waiting):
            told("tools", number, len(waiting))
            answers.append(item.result())
        told("tools", len(waiting), len(waiting))
    for answer in answers:
        runs.append(answer.run)
        lost += answer.skipped
    others = [finding for answer in answers for found in answer.findings.values()
              for finding in found]  # fmt: skip
    lost += [Skipped("", "internal", why) for why in report.failed]
    for file, scope in sorted(judged.incomplete):
        name = scope or "the module"
        why = judged.failed.get((file, scope))
        detail = f"{name} was not followed: {why}" if why else f"{name} takes too long to follow"
        lost.append(Skipped(file, "internal" if why else "limit", detail))
    own = [*judged.findings, *report.findings]
    standing, suppressed = arbitrated(project, judged, own, others)
    scoped = [_scoped(_in_test(finding), project, files) for finding in standing]
    named = fingerprinted(sorted(scoped, key=lambda f: (f.file, f.line, f.column, f.rule)))
    found = [_newness(f, changed) for f in named if f.issue_type in types]
    if only is not None:
        found = [finding for finding in found if finding.file in only]
    return Analysis(
        kind=kind,
        findings=tuple(ranked(found, crashed)),
        suppressed=tuple(suppressed),
        skipped=tuple(sorted(set(lost), key=lambda item: (item.file, item.reason, item.detail))),
        tools=tuple(runs),
        files=len(files),
        lines=sum(text.count("\n") + 1 for text in files.values()),
        notes=(ALONE,) if kind == "snippet" else (),
        public_routes=tuple(report.public_routes),
    )


def _scoped(finding: Finding, project: Project, files: Files) -> Finding:
    module = project.by_file.get(finding.file)
    scope = finding.scope or (module.scope_at(finding.line) if module is not None else "")
    evidence = finding.evidence
    if not evidence and finding.file in files:
        lines = files[finding.file].split("\n")
        evidence = lines[finding.line - 1] if 0 < finding.line <= len(lines) else ""
    return replace(finding, scope=scope, evidence=evidence)


_GENERIC = ("Secret Keyword", "Basic Auth", "Entropy", "S10")
"""Kinds of any literal beside a telling name; a key of a known shape has its own kind."""


def _in_test(finding: Finding) -> Finding:
    """Passwords that a test makes up for its own users are nobody's; a real key in it is one."""
    if finding.rule != "hardcoded-secret" or not holds_tests(finding.file):
        return finding
    if any(not any(word in alias for word in _GENERIC) for alias in finding.aliases):
        return finding
    return replace(finding, severity="low")


def _newness(finding: Finding, changed: Lines | None) -> Finding:
    if changed is None:
        return finding
    last = max(finding.end_line, finding.line)
    spans = changed.get(finding.file, ())
    new = any(first <= last and finding.line <= end for first, end in spans)
    return replace(finding, new=new)


class Kept:
    """The cache as the parts of an analysis use it: findings by a key of what they depend on."""

    def __init__(self, cache: Cache | None) -> None:
        self._cache = cache

    def get(self, *parts: str) -> list[Finding] | None:
        """The kept findings, None where there are none or they cannot be read."""
        text = self._cache.get(_key(parts)) if self._cache is not None else None
        if text is None:
            return None
        try:
            return [_read(item) for item in json.loads(text)]
        except (ValueError, TypeError, KeyError):
            return None

    def put(self, findings: Iterable[Finding], *parts: str) -> None:
        """Keep findings."""
        if self._cache is not None:
            text = json.dumps([asdict(finding) for finding in findings])
            self._cache.put(_key(parts), text)


class KeptParts:
    """The cache as the interpretation uses it."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def get(self, what: str) -> Part | None:
        """A kept part, None where there is none or it cannot be read."""
        text = self._cache.get(_key(("taint", what)))
        if text is None:
            return None
        try:
            item = json.loads(text)
            found = [_read(finding) for finding in item["findings"]]
            return Part(
                {(f.rule, f.file, f.line): f for f in found},
                {file: set(lines) for file, lines in item["visited"].items()},
                set(),
                {(file, scope) for file, scope in item["reached"]},
            )
        except (ValueError, TypeError, KeyError):
            return None

    def put(self, what: str, part: Part) -> None:
        """Keep a part."""
        item = {
            "findings": [asdict(finding) for finding in part.findings.values()],
            "visited": {file: sorted(lines) for file, lines in part.visited.items()},
            "reached": sorted(part.reached),
        }
        self._cache.put(_key(("taint", what)), json.dumps(item))


def _key(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join((*parts, VERSION)).encode()).hexdigest()


def _read(item: dict[str, Any]) -> Finding:
    item["taint_path"] = tuple(Step(**step) for step in item["taint_path"])
    for name in ("sources", "aliases"):
        item[name] = tuple(item[name])
    return Finding(**item)


def blob(text: str) -> str:
    """The hash of a file's text, as git names it."""
    data = text.encode("utf-8", "surrogatepass")
    header = b"blob %d\0" % len(data)
    return hashlib.sha1(header + data, usedforsecurity=False).hexdigest()


def _tool(tool: tools.Tool, files: Files, kept: Kept) -> tools.ToolAnswer:
    """One tool over the files that the cache does not know."""
    version = tools.version(tool.package)
    known: dict[str, list[Finding]] = {}
    fresh: dict[str, str] = {}
    for name, text in files.items():
        if not tool.wants(name):
            continue
        before = kept.get(tool.name, version, name, blob(text))
        if before is None:
            fresh[name] = text
        else:
            known[name] = before
    if known and not fresh:
        run = ToolRun(tool.name, version, "ok", 0.0, sum(len(found) for found in known.values()))
        return tools.ToolAnswer(run, known)
    answer = tools.run(tool, fresh)
    if answer.run.status == "ok":
        for name, found in answer.findings.items():
            kept.put(found, tool.name, version, name, blob(fresh.get(name, "")))
    answer.findings = {**known, **answer.findings}
    return answer


def _taint(project: Project, cache: Cache | None, told: Progress) -> tuple[Judged, ToolRun]:
    """The taint rules; what they say of a file is kept as long as all it imports is the same."""
    begun = time.monotonic()
    keep = KeptParts(cache) if cache is not None else None
    judged = judge(project, keep, lambda done, most: told("data flow", done, most))
    spent = round(time.monotonic() - begun, 3)
    return judged, ToolRun("taint", VERSION, "ok", spent, len(judged.findings))
