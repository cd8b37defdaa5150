"""All project rules in one call."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from agents.code.model import Files, Finding
from agents.code.modules import Project
from agents.code.project import database, models, returned, script, settings, views, wiring
from agents.code.project.routes import Web, read_web


@dataclass(slots=True)
class Report:
    """What the project rules say. public_routes: routes without a login, where logins exist."""

    findings: list[Finding] = field(default_factory=list)
    public_routes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def check(project: Project, files: Files, *, alone: bool, unread: Collection[str] = ()) -> Report:
    """Run the rules. alone: one file without its project, so rules across files are left out.
    unread: files of the project that are there and were not read, or do not parse.
    """
    report = Report()
    web = Web()
    with _contained(report, "routes"):
        web = read_web(project)
    themes: dict[str, Callable[[], Iterable[Finding]]] = {
        "scripts": lambda: _scripts(files, web, alone),
        "views": lambda: views.rules(web),
        "database": lambda: database.rules(project, web),
        "settings": lambda: settings.rules(project, web),
        "models": lambda: models.rules(project),
        "what calls return": lambda: returned.rules(project),
    }
    if not alone:
        themes |= {
            "imports": lambda: wiring.imports(project, unread),
            "blueprints": lambda: wiring.blueprints(project, web),
            "entry points": lambda: wiring.entry_points(project, files),
        }
    for name, theme in themes.items():
        with _contained(report, name):
            report.findings += theme()
    if alone:
        report.findings = [item for item in report.findings if item.rule != "missing-auth"]
    report.findings = _once(report.findings)
    report.public_routes = views.public_routes(web)
    return report


@contextlib.contextmanager
def _contained(report: Report, name: str) -> Iterator[None]:
    """What goes wrong in one theme costs that theme alone, and is told."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - any code may come; one theme is not all of it
        report.failed.append(f"the rules on {name} stopped: {type(error).__name__}: {error}"[:300])


def _scripts(files: Files, web: Web, alone: bool) -> Iterator[Finding]:
    asked: list[script.Asked] = []
    for file, text in sorted(files.items()):
        for part in script.scripts(file, text):
            asked += script.requests(part)
            yield from script.harms(part)
    if not alone:
        yield from wiring.unserved(web, asked)


def _once(findings: list[Finding]) -> list[Finding]:
    seen: dict[tuple[str, str, int, str], Finding] = {}
    for finding in findings:
        seen.setdefault((finding.rule, finding.file, finding.line, finding.message), finding)
    return list(seen.values())
