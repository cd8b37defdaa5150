"""All routes of a Flask project: their full paths, methods and views, and what protects them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agents.code.modules import Function, Module, Place, Project
from agents.code.project.found import called, keyword, name_of, text_of
from agents.code.project.preprocessors import NAMES, changed
from agents.code.taint.entries import LOGIN, VERBS, protected, routes


@dataclass(frozen=True, slots=True)
class Route:
    """path: as written, with the blueprint's prefixes; None where it cannot be known. changed: the
    values of the URL that a preprocessor may add or take away before the view."""

    path: str | None
    written: str
    methods: frozenset[str]
    place: Place
    protected: bool
    node: ast.AST
    changed: frozenset[str] = frozenset()


@dataclass(slots=True)
class Web:
    """What a project serves.

    blueprints: module and name of each -> its own prefix and where it is made. registered: those
    that some `register_blueprint` names -> the prefixes that hold, None for one that cannot be
    known. blind: a registration whose blueprint cannot be told. more: routes are made in ways that
    are not read here. logins: names of the decorators that ask for a login. changed: which values
    of a URL its preprocessors change, by blueprint; None for those of the whole app.
    """

    routes: list[Route] = field(default_factory=list)
    blueprints: dict[tuple[str, str], tuple[str | None, ast.Call]] = field(default_factory=dict)
    registered: dict[tuple[str, str], list[str | None]] = field(default_factory=dict)
    blind: bool = False
    more: bool = False
    apps: list[tuple[Module, str, ast.AST]] = field(default_factory=list)
    logins: set[str] = field(default_factory=set)
    changed: dict[tuple[str, str] | None, frozenset[str]] = field(default_factory=dict)
    guarded_files: set[str] = field(default_factory=set)
    """Files whose `before_request` looks at a login."""


_ELSEWHERE = re.compile(r"\.(?:add_url_rule|add_resource|add_namespace)\(")


def read_web(project: Project) -> Web:
    """Find apps, blueprints and routes."""
    web = Web()
    for module in project.modules:
        web.more = web.more or _ELSEWHERE.search(module.text) is not None
        if "flask" in module.text or "Blueprint" in module.text or ".route(" in module.text:
            _makers(web, module)
    for module in project.modules:
        _registrations(web, project, module)
        _preprocessors(web, project, module)
    for module in project.modules:
        for place in module.places.values():
            if not isinstance(place.node, ast.ClassDef):
                web.routes += _routes(web, project, place)
    return web


def _makers(web: Web, module: Module) -> None:
    for node in module.nodes:
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
            continue
        name = called(node.value)
        for target in node.targets:
            if not isinstance(target, ast.Name):
                continue
            if name == "Blueprint":
                prefix = keyword(node.value, "url_prefix")
                own = "" if prefix is None else text_of(prefix)
                web.blueprints[module.file, target.id] = (own, node.value)
            elif name == "Flask":
                web.apps.append((module, target.id, node))


def _origin(project: Project, module: Module, node: ast.expr) -> tuple[str, str] | None:
    """Where a blueprint named in a registration is made."""
    if isinstance(node, ast.Name):
        if node.id in module.imports:
            found = project.split(module.imports[node.id])
            if found is None:
                return None
            again = found[0].imports.get(found[1])
            if again and found[1] and (deeper := project.split(again)) is not None:
                return deeper[0].file, deeper[1]
            return found[0].file, found[1]
        return module.file, node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        found = project.split(module.imports.get(node.value.id, node.value.id))
        if found is not None and not found[1]:
            return found[0].file, node.attr
    return None


def _registrations(web: Web, project: Project, module: Module) -> None:
    if "register_blueprint" not in module.text and "before_request" not in module.text:
        return
    for node in module.nodes:
        if isinstance(node, ast.Call) and called(node) == "register_blueprint" and node.args:
            origin = _origin(project, module, node.args[0])
            if origin is None or origin not in web.blueprints:
                web.blind = True
                continue
            web.registered.setdefault(origin, []).append(_prefix(web, project, module, node))
        elif isinstance(node, ast.FunctionDef) and any(
            name_of(decorator).endswith(("before_request", "before_app_request"))
            for decorator in node.decorator_list
        ):
            text = ast.unparse(node)
            if LOGIN.search(text) and ("abort" in text or "return" in text):
                web.guarded_files.add(module.file)


def _preprocessors(web: Web, project: Project, module: Module) -> None:
    if "url_value_preprocessor" not in module.text:
        return
    for node in module.nodes:
        function: Function | None = None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function, makers = node, node.decorator_list
        elif isinstance(node, ast.Call) and node.args:
            makers = [node.func]
            given = node.args[0]
            place = module.top(given.id) if isinstance(given, ast.Name) else None
            if place is not None and not isinstance(place.node, ast.ClassDef):
                function = place.node
        else:
            continue
        for maker in makers:
            if isinstance(maker, ast.Attribute) and maker.attr in NAMES:
                origin = _origin(project, module, maker.value)
                whole = maker.attr.startswith("app_") or origin not in web.blueprints
                key = None if whole else origin
                web.changed[key] = web.changed.get(key, frozenset()) | changed(function)


def _prefix(web: Web, project: Project, module: Module, node: ast.Call) -> str | None:
    """The prefix that a registration gives a blueprint; None where it cannot be known."""
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    if owner is not None and _origin(project, module, owner) in web.blueprints:
        return None  # inside another one, whose own prefixes come before
    given = keyword(node, "url_prefix")
    if given is None or (isinstance(given, ast.Constant) and given.value is None):
        origin = _origin(project, module, node.args[0])
        return web.blueprints[origin][0] if origin is not None else None
    return text_of(given)


def _routes(web: Web, project: Project, place: Place) -> Iterator[Route]:
    node = place.node
    for decorator in node.decorator_list:
        if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute)):
            _note_login(web, decorator)
            continue
        if not routes(decorator):
            _note_login(web, decorator)
            continue
        first = decorator.args[0] if decorator.args else keyword(decorator, "rule")
        written = text_of(first)
        if written is None:
            web.more = web.more or decorator.func.attr == "route"
            continue
        owner = decorator.func.value
        yield from _placed(web, project, place, decorator, written, owner, _methods(decorator))


def _note_login(web: Web, decorator: ast.expr) -> None:
    name = name_of(decorator).split(".")[-1]
    if LOGIN.search(name):
        web.logins.add(name)


def _methods(decorator: ast.Call) -> frozenset[str]:
    assert isinstance(decorator.func, ast.Attribute)
    if decorator.func.attr in VERBS:
        return frozenset({decorator.func.attr.upper()})
    given = keyword(decorator, "methods")
    if isinstance(given, ast.List | ast.Tuple | ast.Set):
        texts = [text_of(item) for item in given.elts]
        return frozenset(text.upper() for text in texts if text) | {"OPTIONS"}
    return frozenset({"GET", "HEAD", "OPTIONS"}) if given is None else frozenset({"*"})


def _placed(
    web: Web,
    project: Project,
    place: Place,
    decorator: ast.Call,
    written: str,
    owner: ast.expr,
    methods: frozenset[str],
) -> Iterator[Route]:
    safe = protected(place.node) or place.module.file in web.guarded_files
    origin = _origin(project, place.module, owner) if isinstance(owner, ast.Name) else None
    altered = web.changed.get(None, frozenset())
    if origin is None or origin not in web.blueprints:
        yield Route(written, written, methods, place, safe, decorator, altered)
        return
    altered |= web.changed.get(origin, frozenset())
    if web.blind or None in web.registered.get(origin, ()):
        # It may be inside another blueprint, whose preprocessors come first.
        altered = altered.union(*web.changed.values())
    own, _ = web.blueprints[origin]
    given = web.registered.get(origin)
    if not given:
        path = None if own is None or web.blind else own + written
        yield Route(path, written, methods, place, safe, decorator, altered)
        return
    for base in given:
        path = None if base is None else base.rstrip("/") + written
        yield Route(path, written, methods, place, safe, decorator, altered)


_PARAMETER = re.compile(r"<[^>]*>")


def pattern(path: str) -> re.Pattern[str]:
    """What matches the requests a route answers; ``*`` in a request stands for anything."""
    parts = []
    for piece in path.strip("/").split("/"):
        if "<path:" in piece:
            parts.append(".+")
        elif _PARAMETER.search(piece):
            parts.append(r"(?:[^/]+)")
        else:
            parts.append(f"(?:{re.escape(piece)}|\\*)")
    return re.compile("/".join(parts) + "/?")
