"""Repairs of secrets that stand in the code as the value in case no other is set."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.code.fix.edit import Source, called, literal
from agents.code.gate.patch import Proposal

_WHY = (
    "Without the literal a deployment that forgot the variable stops at once, instead of running"
    " with a secret that everybody can read."
)


def fallback(source: Source) -> Iterator[Proposal]:
    """``literal-secret-fallback`` and ``hardcoded-secret`` beside ``os.environ``."""
    for either in source.near(ast.BoolOp):
        if isinstance(either.op, ast.Or) and isinstance(either.values[-1], ast.Constant):
            name = _variable(either.values[0])
            if name is not None and len(either.values) == 2:
                yield source.proposal("fallback", [(*source.span(either), _needed(name))], _WHY)
                return
    for call in source.near(ast.Call):
        name = _variable(call)
        if name is not None and (len(call.args) == 2 or call.keywords):
            imports = () if _has(source, "os") else ("import os",)
            yield source.proposal("fallback", [(*source.span(call), _needed(name))], _WHY, imports)
            return


def _has(source: Source, name: str) -> bool:
    return any(
        isinstance(node, ast.Import) and any(alias.name == name for alias in node.names)
        for node in ast.walk(source.tree)
    )


def _variable(node: ast.expr) -> str | None:
    """The variable that ``os.getenv``, ``os.environ.get`` or their like read."""
    if not isinstance(node, ast.Call) or not node.args:
        return None
    name = literal(node.args[0])
    reads = called(node) in {"os.getenv", "os.environ.get"}
    return name if reads and isinstance(name, str) and name.isidentifier() else None


def _needed(name: str) -> str:
    return f'os.environ["{name}"]'
