"""Repairs of views whose parameters are not those of their route."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agents.code.fix.edit import Edit, Source
from agents.code.gate.patch import Proposal

_VARIABLE = re.compile(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>")
_CONTEXT = frozenset({"self", "cls"})


def parameters(source: Source) -> Iterator[Proposal]:
    """``route-parameter-mismatch``: the function takes what its route gives."""
    for function in source.near(ast.FunctionDef):
        paths = list(_paths(function))
        if not paths:
            continue
        given = set(_VARIABLE.findall(paths[0]))
        if any(set(_VARIABLE.findall(path)) != given for path in paths):
            return
        arguments = function.args
        own = [argument for argument in arguments.args if argument.arg not in _CONTEXT]
        needed = own[: len(own) - len(arguments.defaults)]
        missing = sorted(given - {argument.arg for argument in own})
        surplus = [argument for argument in needed if argument.arg not in given]
        if len(missing) == 1 and len(surplus) == 1:
            yield from _renamed(source, function, surplus[0], missing[0])
        elif len(missing) == 1 and not surplus and not arguments.vararg and not arguments.kwarg:
            yield source.proposal(
                "parameters", [_added(source, function, missing[0])], _why(missing[0])
            )
        return


def _paths(function: ast.FunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and decorator.args:
            first = decorator.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def _renamed(
    source: Source, function: ast.FunctionDef, argument: ast.arg, name: str
) -> Iterator[Proposal]:
    used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    if name in used or any(
        isinstance(node, ast.FunctionDef | ast.Lambda) for node in ast.walk(function)
        if node is not function
    ):  # fmt: skip
        return
    start = source.at(argument.lineno, argument.col_offset)
    edits: list[Edit] = [(start, start + len(argument.arg), name)]
    edits += [
        (*source.span(node), name)
        for part in function.body
        for node in ast.walk(part)
        if isinstance(node, ast.Name) and node.id == argument.arg
    ]
    yield source.proposal("parameters", edits, _why(name))


def _added(source: Source, function: ast.FunctionDef, name: str) -> Edit:
    own = function.args.args
    if own:
        last = own[len(own) - len(function.args.defaults) - 1]
        if len(own) == len(function.args.defaults):
            start = source.span(own[0])[0]
            return start, start, f"{name}, "
        end = source.span(last)[1]
        return end, end, f", {name}"
    start = source.text.index("(", source.at(function.lineno, function.col_offset)) + 1
    return start, start, name


def _why(name: str) -> str:
    return f"Flask calls the function with {name}, as the route names it; now it is taken."
