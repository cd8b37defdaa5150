"""Assignments: to names, items, attributes; and the harm some of them do."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from agents.code.taint import guards
from agents.code.taint.heap import joined, only, whole, write
from agents.code.taint.run import Frame, Run
from agents.code.taint.sinks import stored
from agents.code.taint.values import Sequence, State, Table, Thing, Value, constant


def assign(run: Run, frame: Frame, target: ast.expr, value: Value, state: State) -> None:
    """Let a target hold a value."""
    if isinstance(target, ast.Name):
        noted = run.noted(value, frame, target, f"into {target.id}")
        state.env[target.id] = noted
        stored.name(run, frame, target, noted, state)
    elif isinstance(target, ast.Tuple | ast.List):
        _unpack(run, frame, target.elts, value, state)
    elif isinstance(target, ast.Starred):
        assign(run, frame, target.value, value, state)
    elif isinstance(target, ast.Subscript):
        _item(run, frame, target, value, state)
    elif isinstance(target, ast.Attribute):
        owner = run.evaluate(frame, target.value, state)
        stored.attribute(run, frame, target, owner, value, state)

        def change(content: Any) -> Any:
            if isinstance(content, Thing):
                return Thing(content.of, {**content.attrs, target.attr: value})
            return None

        write(run, state, owner, change)


def _unpack(run: Run, frame: Frame, targets: list[ast.expr], value: Value, state: State) -> None:
    sequence = only(run, state, value, Sequence)
    items: list[Value] = []
    if sequence is not None and sequence.exact:
        items = list(sequence.items)
    elif value.known and isinstance(value.const, str | tuple):
        items = [constant(item) for item in value.const]
    starred = next((n for n, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
    if starred is None and len(items) == len(targets):
        for target, item in zip(targets, items, strict=True):
            assign(run, frame, target, item, state)
        return
    if sequence is not None:
        part = joined(run, sequence.items)
    else:
        part = run.derived(whole(run, state, value), kind="str" if value.kind == "str" else "")
    for target in targets:
        assign(run, frame, target, part, state)


def _item(run: Run, frame: Frame, target: ast.Subscript, value: Value, state: State) -> None:
    owner = run.evaluate(frame, target.value, state)
    if isinstance(target.slice, ast.Slice):
        key = Value()
    else:
        key = run.evaluate(frame, target.slice, state)
    stored.item(run, frame, target, owner, key, value, state)
    section = _section(run, frame, target, state)

    def change(content: Any) -> Any:
        if isinstance(content, Table) and content.kind == "configparser":
            return _config(run, state, content, key, value, section)
        if isinstance(content, Table):
            if key.known and guards.hashable(key.const):
                return replace(content, items={**content.items, key.const: value})
            rest = value if content.rest is None else joined(run, [content.rest, value])
            return replace(content, rest=rest)
        if isinstance(content, Sequence):
            return _placed(run, content, key, value)
        return None

    if section is not None:
        parser = run.evaluate(frame, target.value.value, state)  # type: ignore[attr-defined]
        write(run, state, parser, change)
    else:
        write(run, state, owner, change)


def _section(run: Run, frame: Frame, target: ast.Subscript, state: State) -> Any:
    """The section of ``parser["section"]["option"] = …``; None for anything else."""
    inner = target.value
    if not isinstance(inner, ast.Subscript) or isinstance(inner.slice, ast.Slice):
        return None
    parser = run.evaluate(frame, inner.value, state)
    table = only(run, state, parser, Table)
    if table is None or table.kind != "configparser":
        return None
    key = run.evaluate(frame, inner.slice, state)
    return key.const if key.known else None


def _config(
    run: Run, state: State, content: Table, key: Value, value: Value, section: Any
) -> Table:
    items = dict(content.items)
    if section is not None:
        items[section, str(key.const).lower() if key.known else None] = value
        return replace(content, items=items)
    table = only(run, state, value, Table)
    for option, item in table.items.items() if table is not None else ():
        items[key.const if key.known else None, str(option).lower()] = item
    return replace(content, items=items)


def _placed(run: Run, content: Sequence, key: Value, value: Value) -> Sequence:
    index = key.const
    if key.known and isinstance(index, int) and content.exact:
        if -len(content.items) <= index < len(content.items):
            items = list(content.items)
            items[index] = value
            return replace(content, items=tuple(items))
        return content
    return Sequence((joined(run, [*content.items, value]),), False, content.kind)
