"""Methods of lists, dictionaries, queues, buffers and configparsers, item by item.

An item put in under a known key comes out under that key alone; what cannot be followed exactly
falls back to "one of what is inside".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from agents.code.taint import guards, names
from agents.code.taint.heap import contents, joined, made, only, whole, write
from agents.code.taint.run import Run
from agents.code.taint.values import (
    NOTHING,
    Buffer,
    Sequence,
    State,
    Table,
    Value,
    constant,
)

_APPENDS: Final = frozenset({"append", "add", "put", "put_nowait", "appendleft", "push"})
_TAKES: Final = frozenset({"pop", "popleft", "get", "get_nowait"})


def method(
    run: Run, state: State, value: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """The result of a container's method; None where the value is no container."""
    found = contents(run, state, value)
    if not found:
        return None
    results = []
    for one, content in found:
        single = replace(value, objs=(one,)) if len(found) > 1 else value
        if isinstance(content, Sequence):
            results.append(_sequence(run, state, single, content, name, args))
        elif isinstance(content, Table) and content.kind == "configparser":
            results.append(_config(run, state, single, content, name, args, kwargs))
        elif isinstance(content, Table):
            results.append(_table(run, state, single, content, name, args, kwargs))
        elif isinstance(content, Buffer):
            results.append(_buffer(run, state, single, content, name, args))
        else:
            return None
    known = [result for result in results if result is not None]
    return joined(run, known) if known else None


def _index(value: Value | None) -> int | None:
    if value is None or not value.known or not isinstance(value.const, int):
        return None
    return int(value.const)


def _sequence(
    run: Run, state: State, value: Value, content: Sequence, name: str, args: list[Value]
) -> Value | None:
    items = content.items

    def become(new: tuple[Value, ...], exact: bool) -> Value:
        if len(new) > 100:
            new, exact = (joined(run, new),), False
        write(run, state, value, lambda old: Sequence(new, exact, old.kind))
        return constant(None)

    if name in _APPENDS and args:
        if not content.exact:
            return become((joined(run, [*items, args[0]]),), False)
        return become((args[0], *items) if name == "appendleft" else (*items, args[0]), True)
    if name in {"extend", "update"} and args:
        more = only(run, state, args[0], Sequence)
        if more is not None:
            return become((*items, *more.items), content.exact and more.exact)
        return become((*items, run.derived(whole(run, state, args[0]))), False)
    if name == "insert" and len(args) == 2:
        index = _index(args[0])
        if index is None or not content.exact:
            return become((*items, args[1]), False)
        changed = list(items)
        changed.insert(index, args[1])
        return become(tuple(changed), True)
    if name in _TAKES:
        return _take(run, content, name, args, become)
    if name == "remove" and args:
        return _remove(content, args[0], become)
    if name == "clear":
        return become((), True)
    if name == "reverse":
        return become(tuple(reversed(items)), content.exact)
    if name == "sort":
        return become((joined(run, items),) if items else (), not items)
    if name == "copy":
        return made(run, state, content, value.kind)
    if name in {"index", "count", "qsize"}:
        return Value(kind="int")
    if name in {"intersection", "difference", "union"}:
        return made(run, state, Sequence(items, False, content.kind), value.kind)
    if name == "empty":
        return constant(not items) if content.exact else Value(kind="bool")
    return None


def _take(run: Run, content: Sequence, name: str, args: list[Value], become: Any) -> Value:
    items = content.items
    if not items:
        return NOTHING
    first = name in {"popleft", "get", "get_nowait"}
    index = 0 if first else _index(args[0]) if args else -1
    if index is None or not content.exact or not -len(items) <= index < len(items):
        return joined(run, items)
    changed = list(items)
    taken = changed.pop(index)
    become(tuple(changed), True)
    return taken


def _remove(content: Sequence, wanted: Value, become: Any) -> Value:
    if content.exact and wanted.known:
        for number, item in enumerate(content.items):
            if item.known and item.const == wanted.const:
                become((*content.items[:number], *content.items[number + 1 :]), True)
                break
    return constant(None)


def _table(
    run: Run,
    state: State,
    value: Value,
    content: Table,
    name: str,
    args: list[Value],
    kwargs: dict[str, Value],
) -> Value | None:
    def become(items: dict[Any, Value], rest: Value | None, opened: bool) -> Value:
        write(run, state, value, lambda old: Table(items, rest, opened, old.kind))
        return constant(None)

    if name in {"get", "pop", "setdefault"} and args:
        default = args[1] if len(args) > 1 else kwargs.get("default", constant(None))
        key = args[0]
        if key.known and guards.hashable(key.const) and key.const in content.items:
            found = content.items[key.const]
            if name == "pop":
                left = {k: v for k, v in content.items.items() if k != key.const}
                become(left, content.rest, content.open)
            return found
        if name == "setdefault" and key.known and guards.hashable(key.const):
            become({**content.items, key.const: default}, content.rest, content.open)
            return default
        if key.known:
            return joined(run, [default, *([content.rest] if content.rest else [])])
        return joined(run, [names.keyed(run, content, key, value), default])
    if name == "update":
        more = only(run, state, args[0], Table) if args else None
        items = {**content.items, **kwargs}
        rest, opened = content.rest, content.open
        if more is not None:
            items = {**content.items, **more.items, **kwargs}
            rests = [x for x in (rest, more.rest) if x is not None]
            rest = joined(run, rests) if rests else None
            opened = opened or more.open
        elif args:
            extra = run.derived(whole(run, state, args[0]))
            rest = extra if rest is None else joined(run, [rest, extra])
            opened = True
        return become(items, rest, opened)
    if name in {"keys", "__iter__"}:
        if content.rest is None and not content.open:
            keys = tuple(constant(key) for key in content.items)
            return made(run, state, Sequence(keys), "list")
        return made(run, state, Sequence((run.derived(value),), False), "list")
    if name == "values":
        items_ = (*content.items.values(), *([content.rest] if content.rest else []))
        return made(run, state, Sequence(items_, content.rest is None), "list")
    if name == "items":
        pairs = [(constant(key), item) for key, item in content.items.items()]
        if content.rest is not None:
            pairs.append((run.derived(content.rest), content.rest))
        made_pairs = tuple(made(run, state, Sequence(pair), "tuple") for pair in pairs)
        return made(run, state, Sequence(made_pairs, content.rest is None), "list")
    if name == "copy":
        return made(run, state, content, value.kind)
    if name == "clear":
        return become({}, None, False)
    return None


def _config(
    run: Run,
    state: State,
    value: Value,
    content: Table,
    name: str,
    args: list[Value],
    kwargs: dict[str, Value],
) -> Value | None:
    known = [arg.const if arg.known else None for arg in args]
    if name == "set" and len(args) == 3:
        items = dict(content.items)
        if args[0].known and args[1].known:
            items[known[0], str(known[1]).lower()] = args[2]
        else:
            items[None, None] = joined(run, [*items.values(), args[2]])
        write(run, state, value, lambda old: replace(old, items=items))
        return constant(None)
    if name in {"get", "getint", "getfloat", "getboolean"} and len(args) >= 2:
        if name != "get":
            return NOTHING
        if args[0].known and args[1].known:
            found = content.items.get((known[0], str(known[1]).lower()))
            return found if found is not None else kwargs.get("fallback", NOTHING)
        return joined(run, content.items.values())
    if name in {"read_dict", "read_string", "read_file", "read"} and args:
        if name in {"read_file", "read"}:
            return constant(None)
        return _read(run, state, value, content, args[0])
    if name in {"has_section", "has_option", "add_section", "remove_section", "sections"}:
        return Value(kind="bool")
    return None


def _read(run: Run, state: State, value: Value, content: Table, given: Value) -> Value:
    items = dict(content.items)
    table = only(run, state, given, Table)
    if table is not None:
        for section, options in table.items.items():
            inner = only(run, state, options, Table)
            for option, item in inner.items.items() if inner is not None else ():
                items[section, str(option).lower()] = item
    else:
        items[None, None] = run.derived(whole(run, state, given))
    write(run, state, value, lambda old: replace(old, items=items))
    return constant(None)


def _buffer(
    run: Run, state: State, value: Value, content: Buffer, name: str, args: list[Value]
) -> Value | None:
    if name == "write" and args:
        text = content.text
        new = args[0]
        if text.known and new.known and isinstance(text.const, type(new.const)):
            both = constant(text.const + new.const)
        elif text.known and not text.const:
            both = new
        else:
            both = run.derived(text, new, mixed=True, kind="str", prefix=text.prefix)
        write(run, state, value, lambda _old: Buffer(both))
        return Value(kind="int")
    if name == "writelines" and args:
        both = run.derived(content.text, whole(run, state, args[0]), mixed=True, kind="str")
        write(run, state, value, lambda _old: Buffer(both))
        return constant(None)
    if name in {"getvalue", "read", "readline", "getbuffer"}:
        return content.text
    if name == "readlines":
        return made(run, state, Sequence((content.text,), False), "list")
    if name == "truncate" and args and args[0].known and args[0].const == 0:
        write(run, state, value, lambda _old: Buffer(constant("")))
        return constant(None)
    if name in {"seek", "flush", "close", "truncate", "tell"}:
        return constant(None)
    return None
