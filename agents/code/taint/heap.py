"""Objects that change: lists, dictionaries, instances, buffers; and how states meet.

A value names the objects it may be by number; what they hold lies in the state. A write through a
value that may be several objects changes each of them in part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from agents.code.taint.run import Run
from agents.code.taint.values import (
    NO_GUARDS,
    NOTHING,
    Buffer,
    Content,
    Guards,
    Sequence,
    State,
    Table,
    Thing,
    Value,
    common_prefix,
    either,
    merged_taints,
    same,
    settled,
)

Kind = TypeVar("Kind", bound=Content)


def made(run: Run, state: State, content: Content, kind: str) -> Value:
    """A new object. Its taints are read from what it holds, when asked (`whole`)."""
    one = run.fresh()
    state.heap[one] = content
    return Value(objs=(one,), kind=kind)


def contents(run: Run, state: State, value: Value) -> list[tuple[int, Content]]:
    """The objects a value may be, with what they hold."""
    found = []
    for one in value.objs:
        content = state.heap.get(one) or run.shared.statics.get(one)
        if content is not None:
            found.append((one, content))
    return found


def only(run: Run, state: State, value: Value, kind: type[Kind]) -> Kind | None:
    """What the value's single object holds, if it is of that kind; else None."""
    found = contents(run, state, value)
    if len(found) == 1 and len(value.objs) == 1 and isinstance(found[0][1], kind):
        return found[0][1]
    return None


def whole(run: Run, state: State, value: Value, depth: int = 3) -> Value:
    """The value with the taints of everything in it, as when it is turned into a text."""
    if not value.objs or depth == 0:
        return value
    parts = [value]
    for _, content in contents(run, state, value):
        parts += [whole(run, state, part, depth - 1) for part in held(content)]
    taints = merged_taints(parts)
    return replace(value, taints=taints, id=value.id) if taints else value


def held(content: Content) -> list[Value]:
    """All values an object holds."""
    if isinstance(content, Sequence):
        return list(content.items)
    if isinstance(content, Table):
        return [*content.items.values(), *([content.rest] if content.rest else [])]
    if isinstance(content, Thing):
        return list(content.attrs.values())
    return [content.text]


def joined(run: Run, values: Iterable[Value]) -> Value:
    """A value that is one of several."""
    result: Value | None = None
    for value in values:
        result = value if result is None else join(run, result, value)
    return result if result is not None else NOTHING


def join(run: Run, first: Value, second: Value) -> Value:
    """A value that is one of two."""
    if same(first, second):
        return first
    yes, no = _outcomes(first, second)
    taints = merged_taints((first, second))
    one = 0
    if taints:
        one = run.fresh()
        taints = tuple(taint.through(one) for taint in taints)
    tainted_first, tainted_second = bool(first.taints), bool(second.taints)
    prefix = common_prefix(first.prefix, second.prefix)
    if tainted_first != tainted_second and not (first.objs or second.objs):
        # The clean one does no harm: what matters is how the tainted one begins.
        prefix = first.prefix if tainted_first else second.prefix
    return Value(
        taints=taints,
        objs=tuple(dict.fromkeys((*first.objs, *second.objs)))[:6],
        kind=first.kind if first.kind == second.kind else _kind(first, second),
        ref=first.ref if first.ref == second.ref else None,
        prefix=prefix,
        yes=yes,
        no=no,
        about=first.about if first.about == second.about else (),
        id=one,
        among=_among(first, second),
    )


def _among(first: Value, second: Value) -> tuple[Any, ...]:
    left, right = first.options, second.options
    if not left or not right:
        return ()
    both = tuple({repr(item): item for item in (*left, *right)}.values())
    return both if len(both) <= 6 else ()


def _kind(first: Value, second: Value) -> str:
    for one, other in ((first, second), (second, first)):
        if one.known and one.const is None:
            return other.kind
    return ""


def _outcomes(first: Value, second: Value) -> tuple[Guards, Guards]:
    """What is known where the joined value is true, and where it is false."""
    truths = first.truth(), second.truth()
    yes = _outcome(first.yes, second.yes, truths, False)
    no = _outcome(first.no, second.no, truths, True)
    return yes, no


def _outcome(
    first: Guards, second: Guards, truths: tuple[bool | None, bool | None], never: bool
) -> Guards:
    if truths[0] is never:
        return second
    if truths[1] is never:
        return first
    return either(first, second)


def met(run: Run, states: list[State]) -> State | None:
    """The state after several ways come together; None when none arrives."""
    if not states:
        return None
    result = states[0]
    for other in states[1:]:
        result = _meet(run, result, other)
    return result


def swept(heap: dict[int, Content], marker: int, result: Value) -> dict[int, Content]:
    """The heap after a call, without the objects the call made and left behind.

    marker: the last identity before the call. Older objects stay, and what they or the result
    lead to.
    """
    young = [one for one in heap if one > marker]
    if len(young) < 8:
        return heap
    wanted = list(result.objs)
    for one, content in heap.items():
        if one <= marker:
            wanted += [inner for value in held(content) for inner in value.objs if inner > marker]
    kept: set[int] = set()
    while wanted:
        one = wanted.pop()
        if one in kept or one not in heap:
            continue
        kept.add(one)
        wanted += [inner for value in held(heap[one]) for inner in value.objs]
    return {one: content for one, content in heap.items() if one <= marker or one in kept}


def _meet(run: Run, first: State, second: State) -> State:
    env: dict[str, Value] = {}
    for name in first.env.keys() | second.env.keys():
        left, right = first.env.get(name), second.env.get(name)
        if left is None or right is None:
            known = left if left is not None else right
            assert known is not None
            env[name] = settled(known, (first if left is not None else second).guards)
        elif left is right:
            env[name] = left
        else:
            env[name] = join(run, _told(left, first), _told(right, second))
    heap = dict(first.heap)
    for one, content in second.heap.items():
        known_content = heap.get(one)
        if known_content is None:
            heap[one] = content
        elif known_content is not content:
            heap[one] = _merge(run, known_content, content, first.guards, second.guards)
    guards = {
        one: shared
        for one in first.guards.keys() & second.guards.keys()
        if (shared := first.guards[one] & second.guards[one])
    }
    return State(env, heap, guards)


def _told(value: Value, state: State) -> Value:
    """A constant remembers under which guards it was set: a flag stands for its check."""
    value = settled(value, state.guards)
    if value.known and state.guards:
        if value.const:
            return replace(value, yes={**state.guards, **value.yes})
        return replace(value, no={**state.guards, **value.no})
    return value


def _merge(run: Run, first: Content, second: Content, left: Guards, right: Guards) -> Content:
    if isinstance(first, Sequence) and isinstance(second, Sequence):
        pairs = (
            [settled(item, left) for item in first.items],
            [settled(item, right) for item in second.items],
        )
        if first.exact and second.exact and len(first.items) == len(second.items):
            items = tuple(join(run, a, b) for a, b in zip(*pairs, strict=True))
            return Sequence(items, True, first.kind)
        return Sequence((joined(run, [*pairs[0], *pairs[1]]),), False, first.kind)
    if isinstance(first, Table) and isinstance(second, Table):
        table = {
            key: _joined_key(run, first.items.get(key), second.items.get(key))
            for key in {**first.items, **second.items}
        }
        rests = [rest for rest in (first.rest, second.rest) if rest is not None]
        rest = joined(run, rests) if rests else None
        return Table(table, rest, first.open or second.open, first.kind)
    if isinstance(first, Thing) and isinstance(second, Thing):
        attrs = {
            name: _joined_key(run, first.attrs.get(name), second.attrs.get(name))
            for name in {**first.attrs, **second.attrs}
        }
        return Thing(first.of, attrs)
    if isinstance(first, Buffer) and isinstance(second, Buffer):
        return Buffer(join(run, first.text, second.text))
    return first


def _joined_key(run: Run, first: Value | None, second: Value | None) -> Value:
    if first is None or second is None:
        known = first if first is not None else second
        assert known is not None
        return known
    return join(run, first, second)


def write(run: Run, state: State, value: Value, change: Callable[[Any], Any]) -> None:
    """Let `change(content)` replace what the value holds; in part where it may be several."""
    found = contents(run, state, value)
    for one, content in found:
        new = change(content)
        if new is None:
            continue
        if len(found) > 1:
            new = _merge(run, content, new, NO_GUARDS, NO_GUARDS)
        state.heap[one] = new
