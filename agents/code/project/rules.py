"""All project rules in one call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from agents.code.model import Files, Finding
from agents.code.modules import Project
from agents.code.project import database, models, script, settings, views, wiring
from agents.code.project.routes import Web, read_web


@dataclass(slots=True)
class Report:
    """What the project rules say. public_routes: routes without a login, where logins exist."""

    findings: list[Finding] = field(default_factory=list)
    public_routes: list[str] = field(default_factory=list)


def check(project: Project, files: Files, *, alone: bool) -> Report:
    """Run the rules. alone: one file without its project, so rules across files are left out."""
    web = read_web(project)
    findings = [
        *_scripts(files, web, alone),
        *views.rules(web),
        *database.rules(project, web),
        *settings.rules(project, web),
        *models.rules(project),
    ]
    if not alone:
        findings += wiring.imports(project)
        findings += wiring.blueprints(project, web)
        findings += wiring.entry_points(project, files)
    if alone:
        findings = [finding for finding in findings if finding.rule != "missing-auth"]
    return Report(_once(findings), views.public_routes(web))


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
