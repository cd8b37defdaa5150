"""Methods of texts: what they keep, what they rule out, what they tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from agents.code.taint import fold, guards, patterns
from agents.code.taint.heap import made, only, whole
from agents.code.taint.run import Run
from agents.code.taint.values import (
    FLOW,
    NO_GUARDS,
    NOTHING,
    UNKNOWN,
    Sequence,
    State,
    Table,
    Value,
    cleaned,
    constant,
    telling,
)

SAME: Final = frozenset({
    "strip", "lstrip", "rstrip", "lower", "upper", "casefold", "title", "capitalize", "swapcase",
    "encode", "decode", "expandtabs", "removeprefix", "removesuffix", "zfill", "ljust", "rjust",
    "center", "tobytes",
})  # fmt: skip
CHECKS: Final = frozenset({
    "isdigit", "isdecimal", "isnumeric", "isalnum", "isalpha", "isidentifier",
})  # fmt: skip
NUMBERS: Final = frozenset({"find", "rfind", "index", "rindex", "count", "__len__"})
SPLITS: Final = frozenset({"split", "rsplit", "splitlines", "partition", "rpartition"})
METHODS: Final = SAME | CHECKS | NUMBERS | SPLITS | {
    "replace", "format", "format_map", "join", "startswith", "endswith", "translate", "isascii",
    "isspace", "islower", "isupper",
}  # fmt: skip
_PART: Final = frozenset({"upload"})


def method(
    run: Run, state: State, value: Value, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """The result of a text's method; None where the value is no text."""
    if name not in METHODS:
        return None
    if value.known and all(arg.known for arg in (*args, *kwargs.values())):
        given = [arg.const for arg in args]
        named = {key: arg.const for key, arg in kwargs.items()}
        result = fold.method(value.const, name, given, named)
        if isinstance(result, tuple) and name in SPLITS:
            items = tuple(constant(item) for item in result)
            return made(run, state, Sequence(items), "list")
        if result is not UNKNOWN:
            return constant(result)
    if name == "join":
        return _join(run, state, value, args)
    if name in {"format", "format_map"} and not value.objs:
        return _format(run, state, value, args, kwargs)
    if value.objs:
        return None
    if name in SAME:
        about = telling(value, FLOW)
        kind = "bytes" if name == "encode" else value.kind if value.kind != "bytes" else "str"
        return run.derived(value, kind=kind or "str", prefix=value.prefix, about=about)
    if name in CHECKS:
        return Value(kind="bool", yes=guards.on(value, FLOW))
    if name in NUMBERS:
        return Value(kind="int")
    if name in SPLITS:
        about = telling(value, _PART)
        part = run.derived(value, kind="str", about=about)
        first = replace(part, prefix=value.prefix.split(" ")[0] if value.prefix else "")
        if name in {"partition", "rpartition"}:
            return made(run, state, Sequence((part, part, part)), "tuple")
        del first
        return made(run, state, Sequence((part,), False), "list")
    if name == "replace":
        return _replace(run, value, args)
    if name == "startswith" and args:
        return guards.starts(value, _constants(run, state, args[0]))
    if name == "endswith" and args:
        clean = not whole(run, state, args[0]).taints
        ends: set[str] = {"upload"}
        if args[0].const in {"'", '"'}:
            ends.add("quote>")
        return Value(kind="bool", yes=guards.on(value, ends) if clean else NO_GUARDS)
    if name in {"isascii", "isspace", "islower", "isupper"}:
        return Value(kind="bool")
    return run.derived(value, *args, kind="str")


def _constants(run: Run, state: State, value: Value) -> Value:
    sequence = only(run, state, value, Sequence)
    if sequence is not None and sequence.exact and all(item.known for item in sequence.items):
        return constant(tuple(item.const for item in sequence.items))
    return value


def _join(run: Run, state: State, value: Value, args: list[Value]) -> Value:
    if not args:
        return NOTHING
    sequence = only(run, state, args[0], Sequence)
    if sequence is None:
        return run.derived(value, whole(run, state, args[0]), mixed=True, kind="str")
    items = [whole(run, state, item) for item in sequence.items]
    if sequence.exact and value.known and all(item.known for item in items):
        try:
            return constant(value.const.join(item.const for item in items))
        except (TypeError, AttributeError):
            return Value(kind="str")
    prefix = ""
    if sequence.exact:
        for item in items:
            prefix += item.prefix
            if not item.known:
                break
            prefix += str(value.const) if value.known else ""
    return run.derived(value, *items, mixed=len(items) > 1, kind="str", prefix=prefix)


def _format(
    run: Run, state: State, value: Value, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    given = [whole(run, state, arg) for arg in args]
    named = {key: whole(run, state, arg) for key, arg in kwargs.items()}
    table = only(run, state, args[0], Table) if len(args) == 1 else None
    if table is not None:
        named |= {str(key): whole(run, state, item) for key, item in table.items.items()}
    if not value.known or not isinstance(value.const, str):
        return run.derived(value, *given, *named.values(), mixed=True, kind="str",
                           prefix=value.prefix)  # fmt: skip
    parts = _fields(run, state, value.const, given, named)
    prefix = ""
    for part in parts:
        prefix += part.prefix
        if not part.known:
            break
    return run.derived(*parts, mixed=True, kind="str", prefix=prefix)


def _inside(run: Run, state: State, value: Value, field: str) -> Value:
    """What ``{0[key]}`` shows of a dictionary."""
    _, bracket, rest = field.partition("[")
    table = only(run, state, value, Table) if bracket else None
    if table is None:
        return value
    found = table.items.get(rest.rstrip("]"))
    return whole(run, state, found) if found is not None else value


def _fields(
    run: Run, state: State, text: str, given: list[Value], named: dict[str, Value]
) -> list[Value]:
    import string

    parts: list[Value] = []
    number = 0
    try:
        fields = list(string.Formatter().parse(text))
    except ValueError:
        return [*given, *named.values()]
    for literal, field, spec, conversion in fields:
        if literal:
            parts.append(constant(literal))
        if field is None:
            continue
        root = field.split(".")[0].split("[")[0]
        if root == "":
            value = given[number] if number < len(given) else joined_or_nothing(given)
            number += 1
        elif root.isdigit():
            value = given[int(root)] if int(root) < len(given) else NOTHING
        else:
            value = named.get(root, given[0] if given and not named else NOTHING)
        if conversion in {"r", "a"}:
            value = cleaned(value, ("log", "header"))
        value = _inside(run, state, value, field)
        if spec and spec[-1:] in "bcdeEfFgGnoxX%":
            value = cleaned(value, FLOW)
        parts.append(value if not value.known else constant(str(value.const)))
    return parts


def joined_or_nothing(values: list[Value]) -> Value:
    """The first value that is tainted, else nothing is known."""
    return next((value for value in values if value.taints), NOTHING)


_SQL_QUOTES: Final = {("'", "''")}


def _replace(run: Run, value: Value, args: list[Value]) -> Value:
    about = telling(value, _PART)
    result = run.derived(value, *args[1:2], kind="str", prefix="", about=about)
    if len(args) < 2 or not args[0].known or not isinstance(args[0].const, str):
        return result
    old, new = args[0].const, args[1].const if args[1].known else None
    if not isinstance(new, str) or old in new:
        # Doubled quotes end no SQL text; anything else that keeps what it replaces rules out none.
        families = {"sql", "xpath"} if (old, new) in _SQL_QUOTES else set[Any]()
        return cleaned(result, families)
    lost = patterns.lacking(old)
    if old in {"..", "../", "./"}:
        lost = frozenset()  # '....//' loses its middle and is '../' again
    return cleaned(result, lost)


def substituted(run: Run, pattern: Value, new: Value, value: Value) -> Value:
    """The result of ``re.sub(pattern, new, value)``."""
    about = telling(value, _PART)
    result = run.derived(value, new, kind="str", about=about)
    if not pattern.known or not isinstance(pattern.const, str) or not new.known:
        return result
    read = patterns.read(pattern.const)
    if read is None or read.lone is None or read.start or read.end:
        return result
    kept = (patterns.ASCII - read.lone) | set(str(new.const))
    return cleaned(result, patterns.bounded(kept))


def concatenated(run: Run, parts: list[Value]) -> Value:
    """A text made of parts, one behind the other."""
    if all(part.known for part in parts):
        text = "".join(str(part.const) for part in parts)
        return constant(text) if len(text) <= fold.LARGEST else Value(kind="str")
    prefix = ""
    for part in parts:
        if part.known:
            prefix += str(part.const)
            continue
        prefix += part.prefix
        break
    mixed = any(part.known and part.const != "" for part in parts) or len(parts) > 1
    return run.derived(*parts, mixed=mixed, kind="str", prefix=prefix)
