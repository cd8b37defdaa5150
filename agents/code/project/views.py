"""Rules about single views: parameters, swallowed answers, logins, state."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agents.code.model import Finding
from agents.code.modules import Function, Place
from agents.code.project.found import called, found, name_of, text_of, within
from agents.code.project.preprocessors import ANY
from agents.code.project.routes import Route, Web

BROAD = frozenset({"Exception", "BaseException"})
_CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_QUIET = frozenset({"HEAD", "OPTIONS"})
_OPEN = re.compile(r"login|log_in|signin|sign_in|signup|register|auth|token|refresh|forgot|reset|"
                   r"verify|webhook|callback|health|ping|status|contact|public|csp|logout",
                   re.IGNORECASE)  # fmt: skip
_DDL = re.compile(r"\s*(?:create|alter|drop|truncate)\s+(?:table|index|schema|database|column)",
                  re.IGNORECASE)  # fmt: skip
_SENT = re.compile(r"request\.(?:args|form|values|json|headers|cookies|get_json)\b")
_FILLING = frozenset({"fastapi", "litestar", "sanic", "robyn"})
"""Frameworks that fill a view's parameters from the query, the body and more."""
_VARIABLE = re.compile(r"<(?:[^:<>]+:)?(\w+)>")


def rules(web: Web) -> Iterator[Finding]:
    """Every rule of this module over all views."""
    seen: set[int] = set()
    for route in web.routes:
        yield from _parameters(route)
        node = route.place.node
        if id(node) in seen or isinstance(node, ast.ClassDef):
            continue
        seen.add(id(node))
        yield from _swallowed(route.place, node)
        yield from _unchecked(route.place, node)
        yield from _ddl(route.place, node)
        yield from _state(route.place, node)
    yield from _logins(web)


def _parameters(route: Route) -> Iterator[Finding]:
    """A view that does not take what its route passes fails on each call."""
    node = route.place.node
    assert not isinstance(node, ast.ClassDef)
    if route.place.module.frameworks & _FILLING:
        return
    if len(node.decorator_list) > 1 and route.protected is False and _wrapped(node):
        return
    taken = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    passed = set(_VARIABLE.findall(route.written)) | set(
        _VARIABLE.findall(route.path or "") if route.path != route.written else ()
    )
    defaults = _defaults(route.node)
    missing = sorted(passed - set(taken)) if node.args.kwarg is None else []
    needed = set(taken) - _with_defaults(node) - {"self", "cls"}
    lacking = sorted(needed - passed - defaults) if not _wrapped(node) else []
    if ANY in route.changed:
        return
    missing = [name for name in missing if name not in route.changed]
    lacking = [name for name in lacking if name not in route.changed]
    if not missing and not lacking:
        return
    told = []
    if missing:
        told.append(f"the route passes {', '.join(missing)}, which the view does not take")
    if lacking:
        told.append(f"the view needs {', '.join(lacking)}, which the route does not pass")
    message = "Each call fails with a TypeError: " + "; ".join(told)
    yield found(route.place.module, route.node, "route-parameter-mismatch", message, "bug", "high",
                "high" if missing and not _wrapped(node) else "medium")  # fmt: skip


def _wrapped(node: Function) -> bool:
    """Other decorators may pass arguments of their own, such as the current user."""
    return any(
        name_of(decorator).split(".")[-1] not in {"route", "get", "post", "put", "delete", "patch"}
        for decorator in node.decorator_list
    )


def _defaults(node: ast.AST) -> set[str]:
    for item in getattr(node, "keywords", []):
        if item.arg == "defaults" and isinstance(item.value, ast.Dict):
            return {text for key in item.value.keys if (text := text_of(key)) is not None}
    return set()


def _with_defaults(node: Function) -> set[str]:
    args = [*node.args.posonlyargs, *node.args.args]
    named = {arg.arg for arg in args[len(args) - len(node.args.defaults) :]} if (
        node.args.defaults) else set()  # fmt: skip
    pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return named | {arg.arg for arg, default in pairs if default is not None}


def _swallowed(place: Place, node: Function) -> Iterator[Finding]:
    """``get_or_404`` inside ``except Exception``: the 404 becomes a 500."""
    for block in within(node):
        if not isinstance(block, ast.Try):
            continue
        if not _catches_all(block):
            continue
        for inner in _guarded(block.body):
            if isinstance(inner, ast.Call) and (
                called(inner).endswith("_or_404")
                or name_of(inner.func) in {"abort", "flask.abort"}
            ):
                name = called(inner)
                message = (
                    f"{name}() raises inside a try whose `except Exception` turns the answer"
                    " into an error 500; let HTTPException pass"
                )
                yield found(place.module, inner, "swallowed-404", message, "bug", "medium")


def _catches_all(block: ast.Try) -> bool:
    for handler in block.handlers:
        kinds = handler.type
        listed = kinds.elts if isinstance(kinds, ast.Tuple) else [kinds]
        names = [name_of(kind).split(".")[-1] for kind in listed]
        if any(name in {"HTTPException", "NotFound"} for name in names):
            return False
        if any(name in BROAD or name == "" for name in names):
            first = handler.body[0] if handler.body else None
            raises = any(isinstance(item, ast.Raise) and item.exc is None for item in handler.body)
            checks = isinstance(first, ast.If) and "HTTPException" in ast.unparse(first.test)
            return not raises and not checks
    return False


def _guarded(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Nodes of a try's body that its handlers see: inner tries that catch all are left out."""
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Try) and _catches_all(node):
            continue
        stack += ast.iter_child_nodes(node)


def _unchecked(place: Place, node: Function) -> Iterator[Finding]:
    """``int(request.args[...])`` outside a try: a letter in the URL is an error 500."""
    safe = {
        id(inner)
        for block in within(node)
        if isinstance(block, ast.Try)
        for statement in block.body
        for inner in ast.walk(statement)
    }
    for inner in within(node):
        if not (isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name)):
            continue
        if inner.func.id not in {"int", "float"} or not inner.args or id(inner) in safe:
            continue
        text = ast.unparse(inner.args[0])
        if _SENT.match(text):
            cast = inner.func.id
            message = f"{cast}() of what the client sent fails with an error 500; use type={cast}"
            yield found(place.module, inner, "unchecked-int", message, "bug", "low", "medium")


def _ddl(place: Place, node: Function) -> Iterator[Finding]:
    for inner in within(node):
        if not isinstance(inner, ast.Call):
            continue
        name = called(inner)
        statement = text_of(inner.args[0]) if inner.args else None
        if isinstance(inner.args[0] if inner.args else None, ast.Call):
            nested = inner.args[0]
            assert isinstance(nested, ast.Call)
            statement = text_of(nested.args[0]) if nested.args else None
        if name in {"create_all", "drop_all"} or (
            name in {"execute", "executescript"} and statement and _DDL.match(statement)
        ):
            message = "A request changes the schema: it locks tables and races with others"
            yield found(place.module, inner, "ddl-in-request", message, "bug", "medium", "medium")


def _state(place: Place, node: Function) -> Iterator[Finding]:
    """What a view keeps in its module is another worker's nothing."""
    for inner in within(node):
        if isinstance(inner, ast.Global):
            names = [n for n in inner.names if _assigns(node, n)]
            if names:
                message = (
                    f"The view keeps {', '.join(names)} in the module: each worker has its own,"
                    " and a restart forgets it"
                )
                yield found(place.module, inner, "request-state-in-module", message, "bug",
                            "medium", "medium")  # fmt: skip


def _assigns(node: Function, name: str) -> bool:
    for inner in within(node):
        targets = inner.targets if isinstance(inner, ast.Assign) else (
            [inner.target] if isinstance(inner, ast.AugAssign) else [])  # fmt: skip
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return True
    return False


def _logins(web: Web) -> Iterator[Finding]:
    """Routes that change something without a login, where the project has logins."""
    changing = [
        route
        for route in web.routes
        if route.methods & _CHANGES and not route.protected and not _open(route)
        and not _asks(route.place.node) and not _forwards(route.place.node)
    ]  # fmt: skip
    if not changing:
        return
    uses = any(route.protected for route in web.routes)
    if not uses:
        first = changing[0]
        message = f"No route of this project asks for a login, {len(changing)} of them change data"
        yield found(first.place.module, first.node, "missing-auth", message, "security", "medium",
                    "low", 306)  # fmt: skip
        return
    for route in changing:
        methods = ", ".join(sorted(route.methods & _CHANGES))
        message = f"{methods} {route.path or route.written} asks for no login, others here do"
        yield found(route.place.module, route.node, "missing-auth", message, "security", "high",
                    "medium", 306)  # fmt: skip


def _asks(node: ast.AST) -> bool:
    """Whether the view itself refuses: it answers 401 or 403, or looks at who is there."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call) and called(inner) == "abort" and inner.args:
            if isinstance(inner.args[0], ast.Constant) and inner.args[0].value in {401, 403}:
                return True
        elif isinstance(inner, ast.Raise) and inner.exc is not None:
            raised = inner.exc.func if isinstance(inner.exc, ast.Call) else inner.exc
            if name_of(raised).split(".")[-1] in {"Forbidden", "Unauthorized", "PermissionDenied"}:
                return True
        elif isinstance(inner, ast.If) and _WHO.search(ast.unparse(inner.test)):
            leaves = (ast.Return, ast.Raise)
            if any(isinstance(item, leaves) for item in (*inner.body, *inner.orelse)):
                return True
    return False


_WHO = re.compile(
    r"current_user\b|\bg\.user\b|is_authenticated|is_anonymous|is_admin|\bsession\b.*(?:user|logged)"
    r"|user.*\bin session\b|\.can\(|has_permission"
)


def _forwards(node: ast.AST) -> bool:
    """Whether the view does nothing but send the browser to another one."""
    body = [item for item in getattr(node, "body", []) if not isinstance(item, ast.Expr)]
    value = body[0].value if len(body) == 1 and isinstance(body[0], ast.Return) else None
    return isinstance(value, ast.Call) and called(value) == "redirect"


def _open(route: Route) -> bool:
    name = getattr(route.place.node, "name", "")
    return _OPEN.search(f"{route.path or route.written} {name}") is not None


def public_routes(web: Web) -> list[str]:
    """Routes without a login, where the project has logins; by path."""
    if not any(route.protected for route in web.routes):
        return []
    return sorted(
        {
            f"{','.join(sorted(route.methods - _QUIET))} {route.path or route.written}"
            for route in web.routes
            if not route.protected
        }
    )
