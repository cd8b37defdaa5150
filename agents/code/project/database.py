"""Rules about queries and transactions: one per row, whole tables, lost writes, open doors."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.code.model import Finding
from agents.code.modules import Function, Module, Place, Project
from agents.code.project.found import called, found, name_of, text_of, within
from agents.code.project.routes import Web

_ENDS = frozenset({
    "first", "all", "one", "one_or_none", "scalar", "scalars", "count", "get", "get_or_404",
    "first_or_404", "fetchone", "fetchall", "paginate", "scalar_one", "scalar_one_or_none",
})  # fmt: skip
_NARROWS = frozenset({
    "filter", "filter_by", "limit", "paginate", "where", "join", "offset", "group_by", "distinct",
    "slice", "having", "with_entities",
})  # fmt: skip
_CONNECTS = frozenset({
    "sqlite3.connect", "psycopg2.connect", "psycopg.connect", "pymysql.connect",
    "MySQLdb.connect", "mysql.connector.connect",
})  # fmt: skip


def rules(project: Project, web: Web) -> Iterator[Finding]:
    """Every rule of this module."""
    committing = _committing(project)
    views = {id(route.place.node): route for route in web.routes}
    for module in project.modules:
        if not any(word in module.text for word in ("query", "session", "execute", "connect")):
            continue
        for place in module.places.values():
            node = place.node
            if isinstance(node, ast.ClassDef):
                continue
            yield from _loops(module, node)
            yield from _lengths(module, node)
            yield from _connections(place, node)
            route = views.get(id(node))
            if route is not None:
                yield from _unbounded(module, node)
                yield from _uncommitted(module, node, committing)


def _chain(node: ast.AST) -> list[str]:
    """The names of a chain of calls and attributes, the outermost last."""
    names: list[str] = []
    while True:
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Subscript):
            node = node.value
        else:
            if isinstance(node, ast.Name):
                names.append(node.id)
            return names[::-1]


def _queries(node: ast.Call) -> bool:
    """Whether a call sends a query: ``Model.query.filter_by().first()`` and its like."""
    names = _chain(node)
    if not names:
        return False
    last = names[-1]
    if last in _ENDS and "query" in names[:-1]:
        return True
    if last in {"get", "scalar", "scalars", "execute"} and "session" in names[:-1]:
        return names[-2] == "session" and (
            names[-3:-2] == ["db"] or names[0] in {"session", "db_session"}
        )
    return (
        last == "execute"
        and names[0] in {"cur", "cursor", "conn", "connection", "con"}
        and (
            (statement := text_of(node.args[0]) if node.args else None) is not None
            and statement.lstrip().upper().startswith("SELECT")
        )
    )


def _loops(module: Module, node: Function) -> Iterator[Finding]:
    seen: set[int] = set()
    for loop in within(node):
        if isinstance(loop, ast.For | ast.AsyncFor):
            if _constant(loop.iter):
                continue
            bodies: list[ast.AST] = list(loop.body)
        elif isinstance(loop, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            if _constant(loop.generators[0].iter):
                continue
            bodies = [loop.value, loop.key] if isinstance(loop, ast.DictComp) else [loop.elt]
        else:
            continue
        for body in bodies:
            for inner in ast.walk(body):
                if not isinstance(inner, ast.Call) or inner.lineno in seen:
                    continue
                names = _chain(inner)
                if names[-1:] == ["commit"] and len(names) > 1:
                    seen.add(inner.lineno)
                    message = "Each round commits: slow, and a failure leaves half of it done"
                    yield found(module, inner, "commit-in-loop", message, "performance", "medium",
                                "medium")  # fmt: skip
                elif _queries(inner):
                    seen.add(inner.lineno)
                    message = "Each round sends a query; ask once for all rows"
                    yield found(module, inner, "query-in-loop", message, "performance", "medium",
                                "medium")  # fmt: skip


def _constant(node: ast.AST) -> bool:
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return len(node.elts) <= 6
    if isinstance(node, ast.Call) and called(node) == "range" and len(node.args) == 1:
        return isinstance(node.args[0], ast.Constant) and int(node.args[0].value) <= 12  # type: ignore[arg-type]
    return False


def _lengths(module: Module, node: Function) -> Iterator[Finding]:
    for inner in within(node):
        if not (isinstance(inner, ast.Call) and name_of(inner.func) == "len" and inner.args):
            continue
        argument = inner.args[0]
        if isinstance(argument, ast.Call) and called(argument) == "all" and _queries(argument):
            message = "All rows are fetched to be counted; use count()"
            yield found(module, inner, "len-of-all", message, "performance", "low")


def _unbounded(module: Module, node: Function) -> Iterator[Finding]:
    """A view that fetches a whole table."""
    counted = {
        id(inner.args[0])
        for inner in within(node)
        if isinstance(inner, ast.Call) and name_of(inner.func) in {"len", "sum"} and inner.args
    }
    for inner in within(node):
        if not (isinstance(inner, ast.Call) and called(inner) == "all" and not inner.args):
            continue
        names = _chain(inner)
        if "query" not in names[:-1] or set(names) & _NARROWS or id(inner) in counted:
            continue
        text = ast.unparse(inner)
        if "func." in text:
            continue  # an aggregate gives few rows
        message = "The view fetches the whole table; use limit() or pages"
        yield found(module, inner, "unbounded-all", message, "performance", "low", "medium")


def _committing(project: Project) -> set[str]:
    """Names of functions that commit, or call one that does."""
    calls: dict[str, set[str]] = {}
    commits: set[str] = set()
    for module in project.modules:
        for place in module.places.values():
            if isinstance(place.node, ast.ClassDef):
                continue
            names = {called(c) for c in ast.walk(place.node) if isinstance(c, ast.Call)}
            calls.setdefault(place.node.name, set()).update(names)
            if names & {"commit", "begin"}:
                commits.add(place.node.name)
    for _ in range(4):
        commits |= {name for name, used in calls.items() if used & commits}
    return commits


def _uncommitted(module: Module, node: Function, committing: set[str]) -> Iterator[Finding]:
    first: ast.Call | None = None
    for inner in within(node):
        if not isinstance(inner, ast.Call):
            continue
        names = _chain(inner)
        if names[-1:] in (["commit"], ["begin"]) or (names and names[-1] in committing):
            return
        if (
            len(names) >= 2
            and names[-2] == "session"
            and names[-1] in {"add", "add_all", "delete"}
        ):
            first = inner if first is None or inner.lineno < first.lineno else first
    if first is not None and "session.begin" not in module.text:
        message = "What is written here is never committed: it is gone when the request ends"
        yield found(module, first, "write-without-commit", message, "bug", "high", "medium")


def _connections(place: Place, node: Function) -> Iterator[Finding]:
    """A connection opened by hand that no path closes."""
    opened: list[tuple[str, ast.Call]] = []
    managed: set[int] = set()
    closed: set[str] = set()
    for inner in within(node):
        if isinstance(inner, ast.With | ast.AsyncWith):
            for item in inner.items:
                managed |= {id(sub) for sub in ast.walk(item.context_expr)}
                closed |= {n.id for n in ast.walk(item.context_expr) if isinstance(n, ast.Name)}
        elif isinstance(inner, ast.Assign) and isinstance(inner.value, ast.Call):
            name = name_of(inner.value.func)
            full = ".".join([place.module.imports.get(name.split(".")[0], name.split(".")[0]),
                             *name.split(".")[1:]])  # fmt: skip
            target = inner.targets[0]
            if full in _CONNECTS and isinstance(target, ast.Name):
                opened.append((target.id, inner.value))
        elif isinstance(inner, ast.Call) and called(inner) == "close":
            closed.add(name_of(inner.func).split(".")[0])
        elif isinstance(inner, ast.Return | ast.Yield) and inner.value is not None:
            closed |= {n.id for n in ast.walk(inner.value) if isinstance(n, ast.Name)
                       and not _used(inner.value, n)}  # fmt: skip
    for name, call in opened:
        if id(call) not in managed and name not in closed:
            message = f"{name} is never closed; use `with closing({name})`"
            yield found(place.module, call, "connection-not-closed", message, "performance",
                        "medium", "medium")  # fmt: skip


def _used(value: ast.AST, name: ast.Name) -> bool:
    """Whether a returned expression only uses the name, as in ``con.execute().fetchall()``."""
    return any(isinstance(n, ast.Attribute) and n.value is name for n in ast.walk(value))
