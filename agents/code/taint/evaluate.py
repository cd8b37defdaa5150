"""Expressions: what each is worth in a state.

`evaluate` is the way in; a table leads from the kind of node to its function. Calls are in
`calls`, attributes and names in `names`, comparisons in `guards`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from agents.code.taint import calls, fold, guards, names, stores
from agents.code.taint.heap import held, joined, made, only, whole
from agents.code.taint.library.text import concatenated
from agents.code.taint.run import Exit, Frame, Run
from agents.code.taint.values import (
    FLOW,
    NOTHING,
    UNKNOWN,
    Guards,
    Sequence,
    State,
    Table,
    Value,
    all_of,
    cleaned,
    constant,
    either,
    settled,
    telling,
)

MOST_ITEMS: Final = 12


def evaluate(run: Run, frame: Frame, node: ast.expr, state: State) -> Value:
    """The value of an expression. Raises OutOfBudget, and Stops where a call never returns."""
    run.spend()
    work = _WORK.get(type(node))
    return work(run, frame, node, state) if work else _parts(run, frame, node, state)


def _parts(run: Run, frame: Frame, node: ast.expr, state: State) -> Value:
    values = [
        evaluate(run, frame, child, state)
        for child in ast.iter_child_nodes(node)
        if isinstance(child, ast.expr)
    ]
    return run.derived(*values)


def _constant(_run: Run, _frame: Frame, node: ast.Constant, _state: State) -> Value:
    return constant(node.value) if isinstance(node.value, fold.PLAIN) else NOTHING


def _joined(run: Run, frame: Frame, node: ast.JoinedStr, state: State) -> Value:
    parts = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            value = whole(run, state, evaluate(run, frame, part.value, state))
            if part.conversion in {ord("r"), ord("a")}:
                value = cleaned(value, ("log", "header"))
            if part.format_spec is not None:
                spec = evaluate(run, frame, part.format_spec, state)
                if spec.known and str(spec.const)[-1:] in set("bcdeEfFgGnoxX%"):
                    value = cleaned(value, FLOW)
                elif value.known:
                    value = Value(kind="str")
            parts.append(value)
        else:
            parts.append(evaluate(run, frame, part, state))
    return concatenated(run, parts)


def _bin(run: Run, frame: Frame, node: ast.BinOp, state: State) -> Value:
    left = evaluate(run, frame, node.left, state)
    right = evaluate(run, frame, node.right, state)
    if left.known and right.known:
        result = fold.binary(node.op, left.const, right.const)
        return constant(result) if result is not UNKNOWN else Value(kind=left.kind)
    if isinstance(node.op, ast.Mod) and left.kind == "Markup":
        return replace(cleaned(percent(run, state, left, right), {"xss"}), kind="Markup")
    if isinstance(node.op, ast.Mod) and _textual(left):
        return percent(run, state, left, right)
    if isinstance(node.op, ast.Add):
        first, second = only(run, state, left, Sequence), only(run, state, right, Sequence)
        if first is not None and second is not None:
            both = Sequence((*first.items, *second.items), first.exact and second.exact)
            return made(run, state, both, left.kind)
        if first is not None or second is not None:
            items = (*(first or second or Sequence()).items, run.derived(left, right))
            return made(run, state, Sequence(items, False), "list")
        if _textual(left) or _textual(right):
            return concatenated(run, [whole(run, state, left), whole(run, state, right)])
    if isinstance(node.op, ast.Div) and ("Path" in left.kind or "Path" in right.kind):
        prefix = f"{left.prefix}/" if left.prefix else ""
        return run.derived(left, right, mixed=True, kind="pathlib.Path", prefix=prefix)
    if isinstance(node.op, ast.BitOr):
        one, two = only(run, state, left, Table), only(run, state, right, Table)
        if one is not None and two is not None:
            table = Table({**one.items, **two.items}, one.rest or two.rest,
                          one.open or two.open)  # fmt: skip
            return made(run, state, table, "dict")
    if isinstance(node.op, ast.Mult) and left.objs:
        return left
    if isinstance(node.op, ast.Sub | ast.Div | ast.FloorDiv | ast.Pow | ast.LShift | ast.RShift):
        return Value(kind="") if not left.taints else run.derived(left, right)
    return run.derived(left, right, prefix=left.prefix, kind=left.kind)


def _textual(value: Value) -> bool:
    return value.kind in {"str", "bytes"} or bool(value.prefix)


_SPEC = re.compile(r"%(?:\((\w+)\))?[-#0 +]*(?:\*|\d+)?(?:\.(?:\*|\d+))?([a-zA-Z%])")


def percent(run: Run, state: State, left: Value, right: Value) -> Value:
    """``left % right`` for a text: numbers are harmless, ``%r`` shows line breaks."""
    given: list[Value] = [whole(run, state, right)]
    named: dict[Any, Value] = {}
    items = only(run, state, right, Sequence)
    if items is not None and right.kind == "tuple" and items.exact:
        given = [whole(run, state, item) for item in items.items]
    table = only(run, state, right, Table)
    if table is not None:
        named = {key: whole(run, state, item) for key, item in table.items.items()}
    if not left.known:
        return run.derived(left, *given, mixed=True, kind="str", prefix=left.prefix)
    text = left.const.decode("latin-1") if isinstance(left.const, bytes) else str(left.const)
    parts: list[Value] = []
    at = number = 0
    for spec in _SPEC.finditer(text):
        parts.append(constant(text[at : spec.start()]))
        at = spec.end()
        if spec[2] == "%":
            parts.append(constant("%"))
            continue
        if spec[1]:
            value = named.get(spec[1], NOTHING if table is not None else given[0])
        else:
            value = given[number] if number < len(given) else NOTHING
            number += 1
        if spec[2] in "diouxXeEfFgGc":
            value = Value(const=value.const) if value.known else NOTHING
        elif spec[2] in "ra":
            value = cleaned(value, ("log", "header"))
        parts.append(value)
    parts.append(constant(text[at:]))
    return concatenated(run, [part for part in parts if not (part.known and part.const == "")])


def _bool(run: Run, frame: Frame, node: ast.BoolOp, state: State) -> Value:
    conjunct = isinstance(node.op, ast.And)
    here = state
    yes: Guards | None = None
    no: Guards | None = None
    values: list[Value] = []
    opened = False
    for part in node.values:
        value = evaluate(run, frame, part, here)
        truth = value.truth()
        opened = opened or (truth is None and part is not node.values[-1])
        if yes is None or no is None:
            yes, no = value.yes, value.no
        else:
            yes = (all_of if conjunct else either)(yes, value.yes)
            no = (either if conjunct else all_of)(no, value.no)
        last = part is node.values[-1] or truth is (not conjunct)
        if last or (truth is None and not conjunct):
            # Of `a and b`, a is the result only where it is empty: it carries no data.
            values.append(settled(value, here.guards))
        if truth is (not conjunct):
            break
        here = guards.refined(here, value, conjunct)
    state.heap = here.heap
    if conjunct and values[-1].truth() is False:
        return replace(values[-1], yes=yes or {}, no=no or {})
    result = joined(run, values)
    if conjunct and opened and result.truth() is not None:
        result = replace(result, const=UNKNOWN, ref=None)
    if not conjunct and len(values) == 2 and values[1].known and values[0].id:
        # A check of `x or ""` is one of x: where x is empty it does no harm.
        result = replace(result, about=telling(values[0], FLOW))
    return replace(result, yes=yes or {}, no=no or {})


def _unary(run: Run, frame: Frame, node: ast.UnaryOp, state: State) -> Value:
    value = evaluate(run, frame, node.operand, state)
    if value.known:
        result = fold.unary(node.op, value.const)
        known = constant(result) if result is not UNKNOWN else NOTHING
        return replace(known, yes=value.no, no=value.yes)
    if isinstance(node.op, ast.Not):
        return Value(kind="bool", yes=value.no, no=value.yes, about=value.about)
    return run.derived(value)


def _if(run: Run, frame: Frame, node: ast.IfExp, state: State) -> Value:
    test = evaluate(run, frame, node.test, state)
    truth = test.truth()
    if truth is not None:
        return evaluate(run, frame, node.body if truth else node.orelse, state)
    first = guards.refined(state, test, True)
    second = guards.refined(state, test, False)
    body = settled(evaluate(run, frame, node.body, first), first.guards)
    other = settled(evaluate(run, frame, node.orelse, second), second.guards)
    state.heap = {**second.heap, **first.heap}
    return joined(run, [body, other])


def _sequence(run: Run, frame: Frame, node: ast.List | ast.Tuple | ast.Set, state: State) -> Value:
    items: list[Value] = []
    exact = True
    for part in node.elts:
        if isinstance(part, ast.Starred):
            value = evaluate(run, frame, part.value, state)
            inner = only(run, state, value, Sequence)
            if inner is not None:
                items += inner.items
                exact = exact and inner.exact
            else:
                items.append(run.derived(whole(run, state, value)))
                exact = False
        else:
            items.append(evaluate(run, frame, part, state))
    kind = type(node).__name__.lower()
    if len(items) > 200:
        return made(run, state, Sequence((joined(run, items[:200]),), False, kind), kind)
    return made(run, state, Sequence(tuple(items), exact, kind), kind)


def _dict(run: Run, frame: Frame, node: ast.Dict, state: State) -> Value:
    items: dict[Any, Value] = {}
    rest: list[Value] = []
    opened = False
    for key, part in zip(node.keys, node.values, strict=True):
        value = evaluate(run, frame, part, state)
        if key is None:
            table = only(run, state, value, Table)
            if table is not None:
                items.update(table.items)
                rest += [table.rest] if table.rest else []
                opened = opened or table.open
            else:
                rest.append(run.derived(whole(run, state, value)))
                opened = True
            continue
        known = evaluate(run, frame, key, state)
        if known.known and guards.hashable(known.const):
            items[known.const] = value
        else:
            rest.append(replace(value, taints=run.derived(known, value).taints))
    return made(run, state, Table(items, joined(run, rest) if rest else None, opened), "dict")


def _comprehension(
    run: Run,
    frame: Frame,
    node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp,
    state: State,
) -> Value:
    here = state.copy()
    results: list[tuple[Value, Value]] = []
    exact = _generate(run, frame, node, 0, here, results)
    state.heap = here.heap
    if isinstance(node, ast.DictComp):
        items = {key.const: value for key, value in results if key.known}
        rest = [value for key, value in results if not key.known]
        table = Table(items if exact else {}, joined(run, rest) if rest else None, not exact)
        if not exact:
            table = replace(table, rest=joined(run, [value for _, value in results]))
        return made(run, state, table, "dict")
    values = tuple(value for _, value in results)
    kind = {"ListComp": "list", "SetComp": "set"}.get(type(node).__name__, "generator")
    return made(run, state, Sequence(values, exact, kind), kind)


def _generate(
    run: Run,
    frame: Frame,
    node: Any,
    depth: int,
    state: State,
    results: list[tuple[Value, Value]],
) -> bool:
    if depth == len(node.generators):
        key = evaluate(run, frame, node.key, state) if isinstance(node, ast.DictComp) else NOTHING
        element = node.value if isinstance(node, ast.DictComp) else node.elt
        value = evaluate(run, frame, element, state)
        results.append((key, settled(value, state.guards)))
        return True
    part = node.generators[depth]
    source = evaluate(run, frame, part.iter, state)
    items, exact = iterated(run, frame, part.iter, source, state)
    for item in items:
        stores.assign(run, frame, part.target, item, state)
        here = state
        skip = False
        for test in part.ifs:
            value = evaluate(run, frame, test, here)
            if value.truth() is False:
                skip = True
                break
            exact = exact and value.truth() is True
            here = guards.refined(here, value, True)
        if not skip:
            exact = _generate(run, frame, node, depth + 1, here, results) and exact
        state.heap = here.heap
    return exact


def iterated(
    run: Run, frame: Frame, node: ast.AST, source: Value, state: State
) -> tuple[list[Value], bool]:
    """The values a loop runs over, and whether they are all of them in their order."""
    del node, frame
    sequence = only(run, state, source, Sequence)
    if sequence is not None:
        if sequence.exact and len(sequence.items) <= MOST_ITEMS:
            return list(sequence.items), True
        return [joined(run, sequence.items[:50])], False
    table = only(run, state, source, Table)
    if table is not None and source.kind != "configparser":
        keys = [constant(key) for key in table.items]
        if not table.open and table.rest is None and len(keys) <= MOST_ITEMS:
            return keys, True
        return [run.derived(source)], False
    if source.known and isinstance(source.const, str | bytes | tuple):
        if len(source.const) <= MOST_ITEMS * 4:
            return [constant(item) for item in source.const], True
        return [NOTHING], False
    if source.objs:
        return [
            joined(run, [item for content in _held(run, state, source) for item in content])
        ], False
    about = telling(source, FLOW)
    return [run.derived(source, kind="str", about=about)], False


def _held(run: Run, state: State, source: Value) -> list[list[Value]]:
    return [
        held(content)
        for one in source.objs
        if (content := state.heap.get(one) or run.shared.statics.get(one)) is not None
    ]


def _subscript(run: Run, frame: Frame, node: ast.Subscript, state: State) -> Value:
    value = evaluate(run, frame, node.value, state)
    if isinstance(node.slice, ast.Slice):
        return _slice(run, frame, node.slice, value, state)
    key = evaluate(run, frame, node.slice, state)
    return names.item(run, frame, node, value, key, state)


def _slice(run: Run, frame: Frame, node: ast.Slice, value: Value, state: State) -> Value:
    bounds = [
        evaluate(run, frame, part, state) if part is not None else constant(None)
        for part in (node.lower, node.upper, node.step)
    ]
    if all(bound.known for bound in bounds):
        cut = slice(*(bound.const for bound in bounds))
        if value.known:
            result = fold.item(value.const, cut)
            return constant(result) if result is not UNKNOWN else Value(kind=value.kind)
        sequence = only(run, state, value, Sequence)
        if sequence is not None and sequence.exact:
            try:
                items = sequence.items[cut]
            except (TypeError, ValueError):
                items = sequence.items
            return made(run, state, Sequence(items, True, sequence.kind), value.kind)
    if value.objs:
        return value
    prefix = value.prefix if node.lower is None and bounds[1].known is False else ""
    about = telling(value, {"upload", "quote="})
    return run.derived(value, kind=value.kind, prefix=prefix, about=about)


def _lambda(_run: Run, frame: Frame, node: ast.Lambda, state: State) -> Value:
    return Value(ref=names.Closure(frame.module, node, None, {**frame.outer, **state.env}))


def _named(run: Run, frame: Frame, node: ast.NamedExpr, state: State) -> Value:
    value = evaluate(run, frame, node.value, state)
    stores.assign(run, frame, node.target, value, state)
    return value


def _await(run: Run, frame: Frame, node: ast.Await, state: State) -> Value:
    return evaluate(run, frame, node.value, state)


def _yield(run: Run, frame: Frame, node: ast.Yield | ast.YieldFrom, state: State) -> Value:
    if node.value is not None:
        value = evaluate(run, frame, node.value, state)
        frame.yields.append(settled(value, state.guards))
        frame.exits.append(Exit(NOTHING, state.copy()))
    return NOTHING


def _starred(run: Run, frame: Frame, node: ast.Starred, state: State) -> Value:
    return evaluate(run, frame, node.value, state)


_WORK: Final[dict[type[ast.expr], Callable[..., Value]]] = {
    ast.Constant: _constant,
    ast.JoinedStr: _joined,
    ast.Name: names.name,
    ast.Attribute: names.attribute_of,
    ast.Subscript: _subscript,
    ast.Call: calls.call,
    ast.BinOp: _bin,
    ast.BoolOp: _bool,
    ast.UnaryOp: _unary,
    ast.Compare: guards.compare,
    ast.IfExp: _if,
    ast.List: _sequence,
    ast.Tuple: _sequence,
    ast.Set: _sequence,
    ast.Dict: _dict,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
    ast.Lambda: _lambda,
    ast.NamedExpr: _named,
    ast.Await: _await,
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
    ast.Starred: _starred,
}
