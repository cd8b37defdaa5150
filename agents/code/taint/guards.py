"""Comparisons and checks: what is ruled out where they hold, and where they do not."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from agents.code.taint import fold, patterns
from agents.code.taint.heap import only, whole
from agents.code.taint.run import Frame, Run
from agents.code.taint.values import (
    FLOW,
    NO_GUARDS,
    UNKNOWN,
    Guards,
    Sequence,
    State,
    Table,
    Value,
    all_of,
    constant,
)

_NEGATED: Final = (ast.NotEq, ast.NotIn, ast.IsNot)


def hashable(value: Any) -> bool:
    """Whether a constant can be a dictionary's key."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def on(value: Value, families: Iterable[str]) -> Guards:
    """The guard that a check of this value gives: on itself and on what it tells of."""
    ruled = frozenset(families)
    if not ruled:
        return NO_GUARDS
    found: dict[int, frozenset[str]] = {value.id: ruled} if value.id else {}
    for one, limits in value.about:
        if shared := ruled & limits:
            found[one] = found.get(one, frozenset()) | shared
    return found


def refined(state: State, value: Value, truth: bool) -> State:
    """The state where the value is known to be true, or false."""
    more = value.yes if truth else value.no
    if not more:
        return state.copy()
    copy = state.copy()
    copy.guards = dict(all_of(copy.guards, more))
    return copy


def compare(run: Run, frame: Frame, node: ast.Compare, state: State) -> Value:
    """The value of a comparison, with what holds where it is true or false."""
    left = run.evaluate(frame, node.left, state)
    results = []
    for op, part in zip(node.ops, node.comparators, strict=True):
        right = run.evaluate(frame, part, state)
        results.append(_pair(run, op, left, right, state))
        left = right
    if len(results) == 1:
        return results[0]
    if any(result.truth() is False for result in results):
        return constant(False)
    yes: Guards = NO_GUARDS
    for result in results:
        yes = all_of(yes, result.yes)
    if all(result.truth() is True for result in results):
        return replace(constant(True), yes=yes)
    return Value(kind="bool", yes=yes)


def _pair(run: Run, op: ast.cmpop, left: Value, right: Value, state: State) -> Value:
    negated = isinstance(op, _NEGATED)
    if left.known and right.known:
        result = fold.compare(op, left.const, right.const)
        return constant(result) if result is not UNKNOWN else Value(kind="bool")
    yes: Guards = NO_GUARDS
    no: Guards = NO_GUARDS
    if isinstance(op, ast.In | ast.NotIn):
        known, yes, no = _membership(run, left, right, state)
        if known is not None:
            result = known is not negated
            return constant(result)
    elif isinstance(op, ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
        known = _is_none(left, right)
        if known is not None:
            return constant(known is not negated)
        yes = _equal(left, right)
    elif isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
        return Value(kind="bool")
    return Value(kind="bool", yes=no if negated else yes, no=yes if negated else no)


def _is_none(left: Value, right: Value) -> bool | None:
    for one, other in ((left, right), (right, left)):
        if one.known and one.const is None:
            if other.objs or (other.ref is not None and not isinstance(other.ref, str)):
                return False
            if other.known:
                return other.const is None
    return None


def _equal(left: Value, right: Value) -> Guards:
    """Data equal to something that is not from outside is that something."""
    yes: Guards = NO_GUARDS
    for one, other in ((left, right), (right, left)):
        if not one.taints or (other.known and other.const is None):
            continue
        # What the other side may hold of a family, this side may hold too.
        families = FLOW.difference(*(FLOW - taint.clean for taint in other.taints))
        yes = all_of(yes, on(one, families))
        # basename(x) == x: what is said of x by its own part.
        if other.taints and any(limit[0] == other.id for limit in one.about):
            yes = all_of(yes, on(one, {"path"}))
    return yes


def _membership(
    run: Run, left: Value, right: Value, state: State
) -> tuple[bool | None, Guards, Guards]:
    """``left in right``: known?, what holds if so, what holds if not."""
    sequence = only(run, state, right, Sequence)
    table = only(run, state, right, Table)
    if left.known:
        if sequence is not None and sequence.exact:
            found = [item.known and _alike(item.const, left.const) for item in sequence.items]
            if any(found):
                return True, NO_GUARDS, NO_GUARDS
            if all(item.known for item in sequence.items):
                return False, NO_GUARDS, NO_GUARDS
        if table is not None and hashable(left.const):
            if left.const in table.items:
                return True, NO_GUARDS, NO_GUARDS
            if not table.open and table.rest is None:
                return False, NO_GUARDS, NO_GUARDS
        if right.taints and isinstance(left.const, str):
            return None, NO_GUARDS, on(right, patterns.lacking(left.const))
        return None, NO_GUARDS, NO_GUARDS
    if left.taints or left.about:
        allowed = Value(objs=right.objs) if table is None else _keys(table)
        if not whole(run, state, replace(right, objs=allowed.objs)).taints:
            no: Guards = NO_GUARDS
            return None, on(left, FLOW), no
    return None, NO_GUARDS, NO_GUARDS


def _keys(_table: Table) -> Value:
    return Value()


def _alike(first: Any, second: Any) -> bool:
    try:
        return bool(first == second)
    except TypeError:
        return False


def matched(value: Value, pattern: str, how: str) -> Value:
    """The value of ``re.<how>(pattern, value)`` in a condition.

    how: match, fullmatch or search.
    """
    read = patterns.read(pattern)
    if read is None or not (value.taints or value.about):
        return Value(kind="re.Match")
    start = read.start or how in {"match", "fullmatch"}
    end = read.end or how == "fullmatch"
    yes: Guards = NO_GUARDS
    no: Guards = NO_GUARDS
    families: set[str] = set()
    if start and end:
        families |= patterns.bounded(read.chars)
        if read.loose_end and how != "fullmatch":
            families -= {"log", "header"}
    if start and patterns.host_fixed(read.prefix):
        families |= {"redirect", "ssrf"}
    if start and patterns.local_fixed(read.prefix):
        families |= {"redirect"}
    yes = on(value, families)
    if how == "search" and read.lone is not None and not start and not end:
        lacks: set[str] = set(patterns.bounded(patterns.ASCII - read.lone))
        no = on(value, lacks)
    elif how == "search" and not start and read.prefix:
        no = on(value, patterns.lacking(read.prefix))
    return run_match(value, yes, no)


def run_match(value: Value, yes: Guards, no: Guards) -> Value:
    """A match object: what it gives back is part of what was matched."""
    return Value(
        taints=value.taints, kind="re.Match", yes=yes, no=no, id=value.id, about=value.about
    )


def starts(value: Value, prefix: Value) -> Value:
    """The value of ``value.startswith(prefix)``."""
    if value.kind == "resolved" and not prefix.taints:
        return Value(kind="bool", yes=on(value, {"path"}))
    given = prefix.const if isinstance(prefix.const, tuple) else (prefix.const,)
    texts = [text for text in given if isinstance(text, str)]
    if not texts or len(texts) != len(given):
        return Value(kind="bool")
    yes: Guards = NO_GUARDS
    if all(patterns.host_fixed(text) for text in texts):
        yes = on(value, {"redirect", "ssrf"})
    elif all(patterns.local_fixed(text) for text in texts):
        yes = on(value, {"redirect"})
    bare = Value(id=value.id)
    if texts == ["/"]:
        yes = all_of(yes, on(bare, {"redirect/"}))
    if texts in (["'"], ['"']):
        yes = all_of(yes, on(bare, {"quote<"}))
    no = on(bare, {"redirect//"}) if {"//", "/\\"} & set(texts) else NO_GUARDS
    return Value(kind="bool", yes=yes, no=no)
