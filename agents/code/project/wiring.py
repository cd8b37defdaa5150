"""Rules across files: what one file expects of another and does not find there."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

from agents.code.model import Files, Finding
from agents.code.modules import Module, Project, absolute, dotted
from agents.code.project.found import found
from agents.code.project.routes import Web, pattern
from agents.code.project.script import Asked

_SERVER = re.compile(
    r"(?:gunicorn|uvicorn|hypercorn|waitress-serve|uwsgi)\b[^\n;&|]*?\s"
    r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)(\([^)]*\))?"
)
_CHDIR = re.compile(r"(?:--chdir[= ]|\bcd\s+)([\w./-]+)")


def imports(project: Project, unread: Collection[str] = ()) -> Iterator[Finding]:
    """``from ours import name`` where our module has no such name, nor an unread file."""
    hidden = {dotted(file) for file in unread}
    for module in project.modules:
        tried = _tried(module)
        for node in module.nodes:
            if not isinstance(node, ast.ImportFrom) or id(node) in tried:
                continue
            target = project.module(absolute(module, node))
            if target is None or target is module or target.stars:
                continue
            known = _names(target)
            if "__getattr__" in known:
                continue
            package = absolute(module, node)
            for alias in node.names:
                if alias.name in known or alias.name == "*":
                    continue
                inner = f"{package}.{alias.name}" if package else alias.name
                if project.module(inner) is not None:
                    continue
                if target.file.endswith("__init__.py") and (
                    f"{target.name}.{alias.name}" in hidden or _maybe(project, target, alias.name)
                ):
                    continue
                message = f"{target.file} has no {alias.name}: the import fails at start"
                yield found(module, node, "import-of-missing-name", message, "bug", "high")


def _maybe(project: Project, target: Module, name: str) -> bool:
    """A subpackage without an ``__init__`` of its own."""
    folder = target.file.removesuffix("__init__.py") + name
    return any(item.file.startswith(f"{folder}/") for item in project.modules)


def _tried(module: Module) -> set[int]:
    return {
        id(inner)
        for node in module.nodes
        if isinstance(node, ast.Try) or (isinstance(node, ast.If) and "TYPE_CHECKING" in
                                         ast.unparse(node.test))
        for inner in ast.walk(node)
        if isinstance(inner, ast.ImportFrom)
    }  # fmt: skip


def _names(module: Module) -> set[str]:
    """All names a module's top level may set."""
    known: set[str] | None = module.__dict__.get("_names")
    if known is None:
        known = module.__dict__["_names"] = _read_names(module)
    return known


def _read_names(module: Module) -> set[str]:
    names = {place.split(".")[0] for place in module.places} | set(module.imports)
    for node in module.nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Global):
            names |= set(node.names)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
    return names | {"__file__", "__name__", "__doc__", "__path__", "__package__"}


def blueprints(project: Project, web: Web) -> Iterator[Finding]:
    """A blueprint that nobody registers serves nothing."""
    if web.blind or not (web.apps or web.registered):
        return
    nested = set(web.registered)
    for (file, name), (_, node) in web.blueprints.items():
        if (file, name) in nested:
            continue
        module = project.by_file[file]
        if not any(route.place.module.file == file for route in web.routes):
            continue
        message = f"The blueprint {name} is registered nowhere: none of its routes is served"
        yield found(module, node, "blueprint-not-registered", message, "bug", "high")


def entry_points(project: Project, files: Files) -> Iterator[Finding]:
    """Procfile, railway.json and their like start a module and an app that must exist."""
    for file, text in files.items():
        name = PurePosixPath(file).name
        if name not in {"Procfile", "railway.json", "railway.toml", "Dockerfile", "nixpacks.toml"}:
            continue
        for command in _commands(name, text):
            for match in _SERVER.finditer(command):
                parent = PurePosixPath(file).parent
                folder = "" if parent == PurePosixPath() else parent.as_posix()
                chdir = _CHDIR.search(command)
                yield from _entry(project, file, text, match, folder, chdir[1] if chdir else "")


def _commands(name: str, text: str) -> list[str]:
    try:
        if name.endswith(".json"):
            return [str(json.loads(text).get("deploy", {}).get("startCommand", ""))]
        if name.endswith(".toml"):
            data = tomllib.loads(text)
            parts = (data.get("deploy", {}).get("startCommand"), data.get("start", {}).get("cmd"))
            return [str(part) for part in parts if part]
    except (ValueError, AttributeError):
        return []
    return [line.replace('", "', " ").replace('","', " ") for line in text.split("\n")]


def _entry(
    project: Project, file: str, text: str, match: re.Match[str], folder: str, chdir: str
) -> Iterator[Finding]:
    module_name, name, call = match[1], match[2], match[3]
    path = module_name.replace(".", "/")
    bases = list(dict.fromkeys((chdir.strip("./"), folder, "")))
    module = None
    for base in bases:
        prefix = f"{base}/" if base else ""
        for candidate in (f"{prefix}{path}.py", f"{prefix}{path}/__init__.py"):
            module = module or project.by_file.get(candidate)
    wrong = ""
    if module is None:
        if not any(item.file.endswith(f"{path}.py") for item in project.modules):
            wrong = f"there is no module {module_name}"
    elif name not in _names(module):
        wrong = f"{module.file} has no {name}"
    if not wrong:
        return
    del call
    line = next((n for n, row in enumerate(text.split("\n"), 1) if match[1] in row), 1)
    yield Finding(
        rule="entry-point-misses-app", file=file, line=line, end_line=line,
        message=f"The start command names {module_name}:{name}, but {wrong}", issue_type="bug",
        severity="high", confidence="high", evidence=text.split("\n")[line - 1],
        sources=("project",),
    )  # fmt: skip


def unserved(web: Web, asked: list[Asked]) -> Iterator[Finding]:
    """Pages that ask for a path or method that no route serves."""
    if web.more or not web.routes or any(route.path is None for route in web.routes):
        return
    served = [(pattern(route.path), route.methods) for route in web.routes if route.path]
    roots = {route.path.strip("/").split("/")[0] for route in web.routes if route.path}
    for item in asked:
        path = item.path.split("?")[0].split("#")[0].strip("/")
        first = path.split("/")[0]
        if first not in roots or "<" in first or not first or first == "*":
            continue
        methods = [methods for expected, methods in served if expected.fullmatch(path)]
        if not methods:
            told = f"No route serves /{path}"
        elif item.method and not any(item.method in some or "*" in some for some in methods):
            told = f"/{path} is served, but not for {item.method}"
        else:
            continue
        yield Finding(
            rule="route-not-served", file=item.file, line=item.line, end_line=item.line,
            column=item.column, message=told, issue_type="bug", severity="medium",
            confidence="medium" if "*" in path else "high", evidence=item.evidence,
            scope=item.scope, sources=("project",),
        )  # fmt: skip
