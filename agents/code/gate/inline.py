"""Puts simple variables back where they are used, so that nothing is hidden behind a new name."""

from __future__ import annotations

import ast
import copy
from collections import Counter

_PURE = (
    ast.Constant, ast.Name, ast.Attribute, ast.JoinedStr, ast.FormattedValue, ast.BinOp, ast.Tuple,
    ast.List, ast.Dict, ast.operator, ast.expr_context, ast.UnaryOp, ast.unaryop, ast.keyword,
)  # fmt: skip
ROUNDS = 3


def inlined(text: str) -> str:
    """The same program with every name that is set once, to something simple, replaced by that."""
    tree = ast.parse(text)
    for _ in range(ROUNDS):
        for scope in ast.walk(tree):
            if isinstance(scope, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
                _inline(scope)
    return ast.unparse(ast.fix_missing_locations(tree))


def _inline(scope: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    own = [node for child in scope.body for node in _own(child)]
    stored = Counter(
        node.id for node in ast.walk(scope)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    )  # fmt: skip
    taken = {argument.arg for node in ast.walk(scope) if isinstance(node, ast.arguments)
             for argument in (*node.posonlyargs, *node.args, *node.kwonlyargs)}  # fmt: skip
    values: dict[str, ast.expr] = {}
    for node in own:
        if not (isinstance(node, ast.Assign) and len(node.targets) == 1):
            continue
        target = node.targets[0]
        if isinstance(target, ast.Name) and stored[target.id] == 1 and target.id not in taken:
            pure = all(isinstance(part, _PURE) for part in ast.walk(node.value))
            names = {part.id for part in ast.walk(node.value) if isinstance(part, ast.Name)}
            if pure and all(stored[name] <= 1 for name in names) and target.id not in names:
                values[target.id] = node.value
    if values:
        for child in scope.body:
            _Replace(values).visit(child)


def _own(node: ast.AST) -> list[ast.AST]:
    """Statements below, functions inside left out."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return []
    found = [node]
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler):
            found += _own(child)
    return found


class _Replace(ast.NodeTransformer):
    def __init__(self, values: dict[str, ast.expr]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load) and node.id in self._values:
            return copy.deepcopy(self._values[node.id])
        return node
