"""What a Flask `url_value_preprocessor` takes out of, or puts into, the values of a URL.

It is called before the view, with the endpoint and the dict of values that the view will get.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.code.modules import Function
from agents.code.project.found import text_of

NAMES = frozenset({"url_value_preprocessor", "app_url_value_preprocessor"})
ANY = "*"
"""Stands for every name: what is changed cannot be told."""
_LOOKS = frozenset({"get", "items", "keys", "values", "copy"})
_CHANGES = frozenset({"pop", "setdefault"})


def changed(function: Function | None) -> frozenset[str]:
    """The names that ``function`` adds or takes away; ANY among them where that is not plain."""
    arguments = [*function.args.posonlyargs, *function.args.args] if function is not None else []
    if function is None or len(arguments) < 2:
        return frozenset({ANY})
    values = arguments[1].arg
    names: set[str] = set()
    plain: set[int] = set()
    for node in ast.walk(function):
        inner = getattr(node, "value", None)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            names |= _by_call(node, node.func, values)
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            if isinstance(inner, ast.Name) and inner.id == values:
                names.add(text_of(node.slice) or ANY)
        elif isinstance(node, ast.If | ast.IfExp | ast.While):
            plain |= {id(name) for name in _asked(node.test)}
        if isinstance(node, ast.Compare):
            plain |= {id(name) for name in _asked(node)}
        if isinstance(node, ast.Attribute | ast.Subscript):
            plain.add(id(inner))
    elsewhere = any(
        isinstance(node, ast.Name) and node.id == values and id(node) not in plain
        for node in ast.walk(function)
    )
    return frozenset(names | {ANY} if elsewhere else names)


def _by_call(node: ast.Call, func: ast.Attribute, values: str) -> set[str]:
    """The names that a method of the values changes."""
    if not (isinstance(func.value, ast.Name) and func.value.id == values) or func.attr in _LOOKS:
        return set()
    if func.attr in _CHANGES and node.args and (name := text_of(node.args[0])) is not None:
        return {name}
    return {ANY}


def _asked(test: ast.expr) -> Iterator[ast.expr]:
    """What a condition only looks at."""
    if isinstance(test, ast.BoolOp):
        for part in test.values:
            yield from _asked(part)
    elif isinstance(test, ast.UnaryOp):
        yield from _asked(test.operand)
    elif isinstance(test, ast.Compare):
        yield from (test.left, *test.comparators)
    else:
        yield test
