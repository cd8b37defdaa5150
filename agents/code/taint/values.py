"""What the interpreter knows of a value: a constant, where it came from, what it holds.

A `Value` is immutable. Data from outside carries one `Taint` per source: the way it took, the
operations it passed (`via`), and the families of harm it can no longer do (`clean`). A check such
as ``if name in ALLOWED`` is not written into the value but kept in the state as a guard on the
identity of what was checked: everything that reached a sink through that identity is clean as
long as the guard holds, and it is forgotten where branches meet that do not share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from agents.code.model import Step

UNKNOWN: Final = type("Unknown", (), {"__repr__": lambda _: "UNKNOWN"})()

FLOW: Final = frozenset({
    "sql", "nosql", "command", "code", "path", "xss", "template", "redirect", "ssrf", "xxe",
    "xpath", "ldap", "deserialize", "assign", "log", "header", "upload", "trust", "regex",
    "leak",
})  # fmt: skip
"""The families of harm that data from outside can do."""

_HALVES: Final = {
    "redirect": frozenset({"redirect/", "redirect//"}),
    "code": frozenset({"quote<", "quote>", "quote="}),
}
"""Half checks that rule a family out together: begins with one slash and not with two; begins and
ends with a quote and holds none between."""

Origin = Literal["request", "json", "file", "program", "suspected", "exception"]
Guards = Mapping[int, frozenset[str]]
"""Identity -> families of harm that a check has ruled out."""


class _NoGuards(dict[int, frozenset[str]]):
    """The empty guards, hashable so that a dataclass takes them as a default."""

    __hash__ = object.__hash__  # type: ignore[assignment]


NO_GUARDS: Final[Guards] = _NoGuards()
MOST_TAINTS, MOST_STEPS = 4, 10


@dataclass(frozen=True, slots=True)
class Taint:
    """One source's data inside a value. wraps: encodings it is in, the outermost last."""

    source: str
    origin: Origin
    steps: tuple[Step, ...]
    via: frozenset[int]
    clean: frozenset[str] = frozenset()
    wraps: tuple[tuple[str, frozenset[str]], ...] = ()
    mixed: bool = False
    """Put together with other text: more than the bare data."""

    def harmless(self, family: str, guards: Guards) -> bool:
        """Whether it can do that family's harm no more."""
        if family in self.clean or any(family in families for _, families in self.wraps):
            return True
        ruled = [guards[one] for one in self.via if one in guards]
        halves = _HALVES.get(family)
        if halves is not None and any(families >= halves for families in ruled):
            return True
        return any(family in families for families in ruled)

    def through(self, one: int, mixed: bool = False) -> Taint:
        """The taint after an operation of that identity."""
        via = self.via | {one}
        return Taint(self.source, self.origin, self.steps, via, self.clean, self.wraps,
                     self.mixed or mixed)  # fmt: skip

    def freed(self, families: frozenset[str]) -> Taint:
        """The taint, unable to do that harm as well."""
        if families <= self.clean:
            return self
        return Taint(self.source, self.origin, self.steps, self.via, self.clean | families,
                     self.wraps, self.mixed)  # fmt: skip

    def step(self, step: Step) -> Taint:
        """The taint with one more step, where it is a new line."""
        last = self.steps[-1]
        if (last.file, last.line) == (step.file, step.line) or len(self.steps) >= MOST_STEPS:
            return self
        return replace(self, steps=(*self.steps, step))


@dataclass(frozen=True, slots=True)
class Value:
    """What is known of a value.

    const: the constant, UNKNOWN otherwise. kind: what made it, as a dotted name. ref: a function,
    class, module or bound method. objs: the objects on the heap it may be. prefix: how the text
    begins. yes, no: the guards that hold where it is true or false. about: identities that a check
    of this value says something of, with the families. id: its own identity, 0 for none.
    """

    const: Any = UNKNOWN
    taints: tuple[Taint, ...] = ()
    objs: tuple[int, ...] = ()
    kind: str = ""
    ref: Any = None
    prefix: str = ""
    yes: Guards = NO_GUARDS
    no: Guards = NO_GUARDS
    about: tuple[tuple[int, frozenset[str]], ...] = ()
    id: int = 0
    among: tuple[Any, ...] = ()
    """The constants it may be, where ways with different ones came together."""

    @property
    def known(self) -> bool:
        """Whether it is a constant."""
        return self.const is not UNKNOWN

    @property
    def options(self) -> tuple[Any, ...]:
        """The constants it may be; empty where nobody knows."""
        return (self.const,) if self.known else self.among

    def truth(self) -> bool | None:
        """Whether it is true in a condition, None where that is open."""
        if self.known:
            return bool(self.const)
        return None if self.ref is None or isinstance(self.ref, str) else True


NOTHING: Final = Value()


def constant(value: Any) -> Value:
    """The value of a constant."""
    prefix = value if isinstance(value, str) else ""
    return Value(const=value, prefix=prefix, kind=type(value).__name__)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list, tuple, set or queue. exact: `items` are all there are, in their order."""

    items: tuple[Value, ...] = ()
    exact: bool = True
    kind: str = "list"


@dataclass(frozen=True, slots=True)
class Table:
    """A dictionary, also a configparser with (section, option) as keys.

    items: by constant key. rest: what stands under other keys, None for nothing. open: there may
    be keys that nobody saw.
    """

    items: Mapping[Any, Value]
    rest: Value | None = None
    open: bool = False
    kind: str = "dict"


@dataclass(frozen=True, slots=True)
class Thing:
    """An object with attributes; of: its class, a Place of the project or a dotted name."""

    of: Any
    attrs: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Buffer:
    """A StringIO or BytesIO."""

    text: Value


Content = Sequence | Table | Thing | Buffer


@dataclass(slots=True)
class State:
    """What holds at one point: names, objects, guards."""

    env: dict[str, Value]
    heap: dict[int, Content]
    guards: dict[int, frozenset[str]]

    def copy(self) -> State:
        """A state that may change on its own."""
        return State(dict(self.env), dict(self.heap), dict(self.guards))


def telling(value: Value, families: Iterable[str]) -> tuple[tuple[int, frozenset[str]], ...]:
    """What a check of something made of `value` says of `value`, and of what that tells of."""
    limit = frozenset(families)
    own = ((value.id, limit),) if value.id else ()
    return (*own, *((one, limit & of) for one, of in value.about if limit & of))


def all_of(first: Guards, second: Guards) -> Guards:
    """The guards where both hold."""
    if not first or not second:
        return first or second
    merged = dict(first)
    for one, families in second.items():
        merged[one] = merged.get(one, frozenset()) | families
    return merged


def either(first: Guards, second: Guards) -> Guards:
    """The guards where one of both holds, nobody knows which."""
    if not first or not second:
        return NO_GUARDS
    shared = {one: first[one] & second[one] for one in first.keys() & second.keys()}
    return {one: families for one, families in shared.items() if families}


def settled(value: Value, guards: Guards) -> Value:
    """The value with what the guards rule out written into it, for a place beyond them."""
    if not value.taints or not guards:
        return value
    taints = []
    for taint in value.taints:
        ruled = [guards[one] for one in taint.via if one in guards]
        taints.append(taint.freed(frozenset().union(*ruled)) if ruled else taint)
    if all(new is old for new, old in zip(taints, value.taints, strict=True)):
        return value
    return replace(value, taints=tuple(taints))


def cleaned(value: Value, families: Iterable[str]) -> Value:
    """The value, unable to do harm of those families."""
    if not value.taints:
        return value
    more = frozenset(families)
    if more >= FLOW:
        return replace(value, taints=(), id=0)
    return replace(value, taints=tuple(taint.freed(more) for taint in value.taints))


def merged_taints(values: Iterable[Value]) -> tuple[Taint, ...]:
    """The taints of several values; one per source, its `clean` what all ways share."""
    found: dict[tuple[str, frozenset[int]], Taint] = {}
    for value in values:
        for taint in value.taints:
            key = (taint.source, taint.via)
            known = found.get(key)
            if known is None:
                found[key] = taint
            elif known.clean != taint.clean or known.wraps != taint.wraps:
                wraps = known.wraps if known.wraps == taint.wraps else ()
                found[key] = replace(known, clean=known.clean & taint.clean, wraps=wraps)
    if len(found) <= MOST_TAINTS:
        return tuple(found.values())
    return tuple(sorted(found.values(), key=lambda taint: len(taint.clean))[:MOST_TAINTS])


def common_prefix(first: str, second: str) -> str:
    """The text both begin with."""
    size = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        size += 1
    return first[:size]


def same(first: Value, second: Value) -> bool:
    """Whether two values are known to be alike."""
    if first is second:
        return True
    if first.known != second.known or first.taints != second.taints or first.objs != second.objs:
        return False
    if first.known:
        return type(first.const) is type(second.const) and bool(first.const == second.const)
    return (
        first.kind == second.kind
        and first.ref == second.ref
        and first.prefix == second.prefix
        and first.yes == second.yes
        and first.no == second.no
        and first.id == second.id
        and first.among == second.among
    )
