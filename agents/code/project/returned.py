"""What a call gives back and nobody looks at: coroutines, rows that may be None, signatures."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agents.code.model import Finding
from agents.code.modules import Module, Place, Project, holds_tests
from agents.code.project.found import called, found, name_of

_MAYBE = frozenset({"first", "one_or_none", "scalar_one_or_none"})
_DIGEST = re.compile(r"hmac\.\w*|hexdigest|digest")
_SENT = re.compile(r"\brequest\.(?:headers|args|form|values|json|get_json)|[sS]ignature|\bsig\b")


def rules(project: Project) -> Iterator[Finding]:
    """Every rule of this module."""
    for module in project.modules:
        if holds_tests(module.file):
            continue  # a test knows which rows there are, and fails well without one
        signed = "hmac" in module.text
        for node in module.nodes:
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                yield from _coroutine(project, module, node.value)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call):
                yield from _row(module, node, node.value)
            elif isinstance(node, ast.Compare) and signed:
                yield from _compared(module, node)


def _coroutine(project: Project, module: Module, call: ast.Call) -> Iterator[Finding]:
    """``save(client)`` of an ``async def save``: nothing of it ever runs."""
    place = _callee(project, module, call.func)
    node = place.node if place is not None else None
    if not isinstance(node, ast.AsyncFunctionDef) or node.decorator_list:
        return  # what a decorator makes of it, a task or a command, is its own matter
    if any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in ast.walk(node)):
        return
    message = f"{node.name}() is async and is not awaited: nothing of it runs"
    yield found(module, call, "coroutine-not-awaited", message, "bug", "high")


def _callee(project: Project, module: Module, func: ast.expr) -> Place | None:
    if isinstance(func, ast.Name):
        scope = module.scope_at(func.lineno)
        inner = [module.places.get(f"{part}.{func.id}") for part in _outwards(scope)]
        near = next((place for place in inner if place is not None), None)
        if near is not None and not isinstance(near.within and near.within.node, ast.ClassDef):
            return near
        if func.id in module.imports:
            return project.find(module.imports[func.id])
        return module.top(func.id)
    if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
        if func.value.id == "self":
            owner = module.scope_at(func.lineno).split(".")[0]
            return module.places.get(f"{owner}.{func.attr}")
        if func.value.id in module.imports:
            return project.find(f"{module.imports[func.value.id]}.{func.attr}")
    return None


def _outwards(scope: str) -> Iterator[str]:
    while scope:
        yield scope
        scope = scope.rpartition(".")[0]


def _row(module: Module, node: ast.Attribute, call: ast.Call) -> Iterator[Finding]:
    """``query.filter_by(…).first().name`` where no row may fit."""
    chain = name_of(call.func)
    asked = any(word in chain for word in ("query", "filter", "execute", "scalars", "select"))
    if called(call) not in _MAYBE or call.args or call.keywords or not asked:
        return
    if re.search(r"\bfunc\.|\bcount\(", ast.unparse(call)):
        return  # an aggregate always has a row
    message = (
        f"{called(call)}() gives None where no row fits, and .{node.attr} of None is an error 500;"
        " look first, or use first_or_404()"
    )
    yield found(module, node, "none-after-query", message, "bug", "medium", "medium")


def _compared(module: Module, node: ast.Compare) -> Iterator[Finding]:
    """A signature compared with ``==``: the time it takes tells how much of it is right."""
    if len(node.ops) != 1 or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return
    sides = (node.left, node.comparators[0])
    for own, sent in (sides, sides[::-1]):
        if _made(module, own) and _SENT.search(ast.unparse(sent)):
            message = (
                "A signature is compared with ==, which takes longer the more of it is right;"
            )
            yield found(module, node, "timing-compare", f"{message} use hmac.compare_digest()",
                        "security", "medium", "high", 208)  # fmt: skip
            return


def _made(module: Module, node: ast.expr) -> bool:
    """Whether an expression is a digest made with hmac, here or a few lines above."""
    if isinstance(node, ast.Call):
        text = ast.unparse(node)
        return called(node) in {"hexdigest", "digest"} and ("hmac" in text or _above(module, node))
    return isinstance(node, ast.Name) and _above(module, node)


def _above(module: Module, node: ast.expr) -> bool:
    name = next((n.id for n in ast.walk(node) if isinstance(n, ast.Name)), "")
    scope = module.scope_at(node.lineno)
    for other in module.nodes:
        if not isinstance(other, ast.Assign) or module.scope_at(other.lineno) != scope:
            continue
        if any(isinstance(target, ast.Name) and target.id == name for target in other.targets):
            text = ast.unparse(other.value)
            if "hmac." in text and _DIGEST.search(text):
                return True
    return False
