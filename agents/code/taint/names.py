"""Names, attributes and items: what they lead to.

A name is looked up in the function, in those around it, in the module and at last among the
builtins. Module level is read lazily: a global is what its assignments say, nothing is executed.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field
from typing import Any, Final

from agents.code.modules import Module, Place
from agents.code.taint import fold, guards
from agents.code.taint.heap import contents, joined, only
from agents.code.taint.library import web
from agents.code.taint.run import Frame, Run, Stops
from agents.code.taint.values import (
    NOTHING,
    UNKNOWN,
    Sequence,
    State,
    Table,
    Thing,
    Value,
    cleaned,
    constant,
    telling,
)

_BUILTINS: Final = frozenset(dir(builtins))


@dataclass(frozen=True, eq=False)
class Closure:
    """A function made inside another, or a lambda, with the names around it."""

    module: Module
    node: ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef
    place: Place | None
    outer: dict[str, Value] = field(repr=False)


@dataclass(frozen=True)
class Bound:
    """A method and the object it belongs to; place: where the project defines it."""

    receiver: Value
    name: str
    place: Place | None = None


def name(run: Run, frame: Frame, node: ast.Name, state: State) -> Value:
    """The value of a name."""
    found = state.env.get(node.id)
    if found is not None and node.id not in frame.globals:
        return found
    return lookup(run, frame, node.id)


def lookup(run: Run, frame: Frame, text: str) -> Value:
    """The value of a name that the function itself does not set."""
    found = frame.outer.get(text)
    if found is not None:
        return found
    place = frame.place
    while place is not None:
        inner = frame.module.places.get(f"{place.qualified}.{text}")
        if inner is not None and not isinstance(place.node, ast.ClassDef):
            return Value(ref=inner)
        place = place.within
    return module_name(run, frame.module, text)


def module_name(run: Run, module: Module, text: str) -> Value:
    """The value of a name at a module's level."""
    place = module.places.get(text)
    if place is not None and place.within is None:
        return Value(ref=place)
    key = (module.file, text)
    if key in run.shared.globals:
        return run.shared.globals[key]
    run.shared.globals[key] = NOTHING  # what refers to itself ends here
    value = _global(run, module, text)
    run.shared.globals[key] = value
    return value


def _global(run: Run, module: Module, text: str) -> Value:
    assigned = _assignments(module).get(text)
    if assigned is not None:
        if len(assigned) != 1 or assigned[0] is None or text in _rebound(module):
            return NOTHING
        return _static(run, module, assigned[0])
    if text in module.imports:
        return dotted(run, module.imports[text])
    for star in module.stars:
        found = run.project.split(f"{star}.{text}")
        if found is not None and found[1] == text:
            return module_name(run, found[0], text)
    return Value(ref=text) if text in _BUILTINS else NOTHING


def _static(run: Run, module: Module, node: ast.expr) -> Value:
    state = State({}, {}, {})
    frame = Frame(module, None, 1)
    try:
        value = run.evaluate(frame, node, state)
    except Stops:
        return NOTHING
    run.shared.statics.update(state.heap)
    return value


def _assignments(module: Module) -> dict[str, list[ast.expr | None]]:
    known = module.__dict__.get("_assigned")
    if known is not None:
        return known  # type: ignore[no-any-return]
    found: dict[str, list[ast.expr | None]] = {}
    stack: list[ast.stmt] = list(module.tree.body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
                elif isinstance(target, ast.Tuple | ast.List):
                    for part in target.elts:
                        if isinstance(part, ast.Name):
                            found.setdefault(part.id, []).append(None)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.setdefault(node.target.id, []).append(node.value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            found.setdefault(node.target.id, []).append(None)
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While):
            for attr in ("body", "orelse", "finalbody"):
                stack += getattr(node, attr, [])
            for handler in getattr(node, "handlers", []):
                stack += handler.body
    module.__dict__["_assigned"] = found
    return found


def _rebound(module: Module) -> set[str]:
    known = module.__dict__.get("_rebound")
    if known is None:
        known = {
            text
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Global)
            for text in node.names
        }
        module.__dict__["_rebound"] = known
    return known


def dotted(run: Run, text: str) -> Value:
    """The value that a dotted name of an import leads to."""
    place = run.project.find(text)
    if place is not None:
        return Value(ref=place)
    found = run.project.split(text)
    if found is not None:
        module, rest = found
        if not rest:
            return Value(ref=text)
        if "." not in rest:
            return module_name(run, module, rest)
    return Value(ref=text, kind=text)


def attribute_of(run: Run, frame: Frame, node: ast.Attribute, state: State) -> Value:
    """The value of ``x.attr``."""
    value = run.evaluate(frame, node.value, state)
    return attribute(run, frame, node, value, node.attr, state)


def attribute(
    run: Run, frame: Frame, node: ast.AST, value: Value, attr: str, state: State
) -> Value:
    """The value of an attribute of a value."""
    if isinstance(value.ref, str):
        known = web.of_module(run, frame, node, value.ref, attr)
        return known if known is not None else dotted(run, f"{value.ref}.{attr}")
    if isinstance(value.ref, Place):
        return _of_class(run, value.ref, attr)
    found = contents(run, state, value)
    results = []
    for _, content in found:
        if isinstance(content, Thing):
            results.append(_of_thing(run, frame, node, value, content, attr, state))
    if results:
        return joined(run, results)
    known = web.attribute(run, frame, node, value, attr)
    if known is not None:
        return known
    kind = below(value.kind, attr)
    if attr in HOSTS and value.about:
        # A URL without a host stays on this site.
        here = Value(id=0, about=value.about)
        return run.derived(value, about=value.about, kind=kind, no=guards.on(here, {"redirect"}))
    result = run.derived(value, kind=kind)
    if attr in {"name", "stem"} and "Path" in value.kind:
        return cleaned(result, {"path"})
    return result


HOSTS: Final = frozenset({"netloc", "hostname", "host", "domain", "registered_domain"})
PLAIN: Final = frozenset({"", "str", "bytes", "int", "float", "bool", "NoneType", "json"})


def below(kind: str, attr: str) -> str:
    """The kind of what an object of that kind gives under a name."""
    return f"{kind}.{attr}" if kind not in PLAIN and len(kind) < 80 else ""


def _of_class(run: Run, place: Place, attr: str) -> Value:
    if isinstance(place.node, ast.ClassDef):
        method = member(run, place, attr)
        if method is not None:
            if isinstance(method.node, ast.ClassDef) or not _is_classmethod(method):
                return Value(ref=method)
            return Value(ref=Bound(Value(ref=place), attr, method))
        value = class_value(run, place, attr)
        if value is not None:
            return value
    return Value(kind=f"ours.{place.qualified}.{attr}")


def class_value(run: Run, place: Place, attr: str) -> Value | None:
    """A class's own variable, its bases' where it has none; None where nobody sets it."""
    assert isinstance(place.node, ast.ClassDef)
    for node in place.node.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == attr for target in node.targets
        ):
            return _static(run, place.module, node.value)
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and node.target.id == attr
            and node.value is not None
        ):
            return _static(run, place.module, node.value)
    for base in bases(run, place):
        if base is not place and (value := class_value(run, base, attr)) is not None:
            return value
    return None


def bases(run: Run, place: Place) -> list[Place]:
    """The classes of the project that a class inherits from directly."""
    found = []
    assert isinstance(place.node, ast.ClassDef)
    for base in place.node.bases:
        try:
            text = ast.unparse(base)
        except (ValueError, RecursionError):
            continue
        parts = text.split(".")
        near = place.module.places.get(text)
        if near is None and parts[0] in place.module.imports:
            near = run.project.find(".".join([place.module.imports[parts[0]], *parts[1:]]))
        if near is not None and isinstance(near.node, ast.ClassDef) and near is not place:
            found.append(near)
    return found


def member(run: Run, place: Place, attr: str, depth: int = 4) -> Place | None:
    """A method of a class, also an inherited one."""
    found = place.module.places.get(f"{place.qualified}.{attr}")
    if found is not None or depth == 0:
        return found
    for base in bases(run, place):
        if (inherited := member(run, base, attr, depth - 1)) is not None:
            return inherited
    return None


def _decorators(place: Place) -> set[str]:
    return {
        (decorator.attr if isinstance(decorator, ast.Attribute) else decorator.id)
        for decorator in place.node.decorator_list
        if isinstance(decorator, ast.Name | ast.Attribute)
    }


def _is_classmethod(place: Place) -> bool:
    return "classmethod" in _decorators(place)


def _of_thing(
    run: Run,
    frame: Frame,
    node: ast.AST,
    value: Value,
    thing: Thing,
    attr: str,
    state: State,
) -> Value:
    if attr in thing.attrs:
        return thing.attrs[attr]
    if isinstance(thing.of, Place) and isinstance(thing.of.node, ast.ClassDef):
        method = member(run, thing.of, attr)
        if method is not None:
            marks = _decorators(method)
            if "staticmethod" in marks:
                return Value(ref=method)
            if "classmethod" in marks:
                return Value(ref=Bound(Value(ref=thing.of), attr, method))
            bound = Value(ref=Bound(value, attr, method))
            if marks & {"property", "cached_property"}:
                return run.invoke(frame, node, bound, [], {}, state)
            return bound
        found = class_value(run, thing.of, attr)
        if found is not None:
            return found
    return Value(kind=below(value.kind, attr))


def item(run: Run, frame: Frame, node: ast.AST, value: Value, key: Value, state: State) -> Value:
    """The value of ``value[key]``."""
    if value.known and key.known:
        result = fold.item(value.const, key.const)
        return constant(result) if result is not UNKNOWN else NOTHING
    if value.known and not value.taints:
        return NOTHING
    if isinstance(value.ref, Section):
        return joined(run, [v for k, v in value.ref.items if not key.known or k == key.const])
    sequence = only(run, state, value, Sequence)
    if sequence is not None:
        index = key.const
        if key.known and isinstance(index, int) and sequence.exact:
            try:
                return sequence.items[index]
            except IndexError:
                return NOTHING
        return joined(run, sequence.items)
    table = only(run, state, value, Table)
    if table is not None:
        return keyed(run, table, key, value)
    source = web.item(run, frame, node, value, key)
    if source is not None:
        return source
    found = contents(run, state, value)
    if found:
        parts = [
            content.rest or joined(run, content.items.values())
            for _, content in found
            if isinstance(content, Table)
        ] + [joined(run, content.items) for _, content in found if isinstance(content, Sequence)]
        return joined(run, parts) if parts else NOTHING
    about = telling(value, {"upload"})
    return run.derived(value, kind="str" if value.kind == "str" else "", about=about)


def keyed(run: Run, table: Table, key: Value, value: Value) -> Value:
    """What stands in a table under a key; a key from outside chooses among what is there."""
    del value
    if table.kind == "configparser":
        if key.known:
            items = {
                option: item
                for (section, option), item in table.items.items()
                if section == key.const
            }
            return Value(ref=Section(tuple(items.items())))
        return joined(run, table.items.values())
    if key.known and guards.hashable(key.const):
        if key.const in table.items:
            return table.items[key.const]
        return table.rest if table.rest is not None else NOTHING
    parts = [*table.items.values(), *([table.rest] if table.rest is not None else [])]
    return joined(run, parts) if parts else NOTHING


@dataclass(frozen=True)
class Section:
    """A section of a configparser, read only."""

    items: tuple[tuple[Any, Value], ...]
