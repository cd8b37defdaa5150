"""Calls: into the project's own functions, into libraries, and past the places that do harm."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass, replace
from typing import Any, Final

from agents.code.modules import Place
from agents.code.taint.heap import joined, made, met, only, swept, whole
from agents.code.taint.library import containers, functions, objects, text, web
from agents.code.taint.names import Bound, Closure, attribute, below, member
from agents.code.taint.run import DEPTH, Frame, Run, Stops
from agents.code.taint.sinks import check
from agents.code.taint.sinks.call import Call
from agents.code.taint.values import (
    NOTHING,
    Sequence,
    State,
    Table,
    Thing,
    Value,
    cleaned,
    constant,
    settled,
)

NEVER_RETURN: Final = frozenset({
    "flask.abort", "werkzeug.exceptions.abort", "sys.exit", "os._exit", "exit", "quit", "os.abort",
})  # fmt: skip


@dataclass(slots=True)
class Arguments:
    """What a call passes. more: values of ``*args`` and ``**kwargs`` nobody can place."""

    args: list[Value]
    kwargs: dict[str, Value]
    more: list[Value]


def call(run: Run, frame: Frame, node: ast.Call, state: State) -> Value:
    """The value of a call expression."""
    func = node.func
    receiver: Value | None = None
    name = ""
    if isinstance(func, ast.Attribute):
        receiver = run.evaluate(frame, func.value, state)
        name = func.attr
        callee = attribute(run, frame, func, receiver, name, state)
    elif isinstance(func, ast.Name) and func.id == "super":
        return _super(frame, state)
    else:
        callee = run.evaluate(frame, func, state)
        name = func.id if isinstance(func, ast.Name) else ""
    given = _arguments(run, frame, node, state)
    if isinstance(callee.ref, Place | Closure | Bound):
        return _own(run, frame, node, callee, given, state)
    dotted = callee.ref if isinstance(callee.ref, str) else ""
    site = Call(run, frame, node, state, dotted, name, receiver, given.args, given.kwargs,
                given.more)  # fmt: skip
    check(site)
    if dotted in NEVER_RETURN or (not dotted and receiver is None and name == "abort"):
        raise Stops
    return result(site, callee)


def result(site: Call, callee: Value) -> Value:
    """What a call of something outside the project gives back."""
    run, state = site.run, site.state
    receiver = site.receiver
    if site.dotted:
        known = functions.call(site)
        if known is not None:
            return known
        if site.dotted in web.REQUESTS:
            return NOTHING
    if receiver is not None:
        found = web.method(run, site.frame, site.node, receiver, site.name, site.args, site.kwargs)
        if found is None:
            found = objects.method(site)
        if found is None:
            spread = site.more if site.name == "format" else []
            given = [*site.args, *spread]
            found = text.method(run, state, receiver, site.name, given, site.kwargs)
        if found is None and receiver.objs:
            found = containers.method(run, state, receiver, site.name, site.args, site.kwargs)
        if found is not None:
            return found
    parts = [whole(run, state, arg) for arg in (*site.args, *site.kwargs.values(), *site.more)]
    if receiver is not None and not site.dotted:
        kind = below(receiver.kind, site.name)
        told = whole(run, state, receiver)
        plain = _stranger(receiver) and site.name not in DATABASE
        # Of an object that nobody knows, a method may give back what it is given.
        return _answered(site, run.derived(told, *(parts if plain else ()), kind=kind))
    if callee.known or (callee.objs and not callee.taints):
        return NOTHING
    if set(site.dotted.split(".")) & DATABASE:
        return Value(kind=site.dotted)
    if any(part.ref in web.REQUESTS or part.kind == "web.request" for part in parts):
        return run.source(site.frame, site.node, f"{site.name or site.dotted}(request)", kind="")
    passed = run.derived(*parts, kind=site.dotted)
    return _answered(site, passed)


def _answered(site: Call, passed: Value) -> Value:
    """What a function that nobody can read gives back, by what its name says it does."""
    name = site.dotted.rsplit(".", 1)[-1] or site.name
    if _ESCAPES.search(name) or _ANSWERS.search(name):
        return cleaned(passed, {"xss"})
    return passed


def _stranger(value: Value) -> bool:
    """An object of which nothing is known: of no library known here, of no class of ours."""
    root = value.kind.split(".")[0]
    return not value.objs and (not root or not (root in LIBRARIES or root in _STANDARD))


_STANDARD: Final = sys.stdlib_module_names
LIBRARIES: Final = frozenset({
    "ours", "flask", "flask_sqlalchemy", "sqlalchemy", "requests", "httpx", "aiohttp", "urllib3",
    "django", "fastapi", "starlette", "psycopg", "psycopg2", "pymysql", "MySQLdb", "mysql",
    "pymongo", "redis", "celery", "boto3", "stripe", "twilio", "sendgrid", "openai", "pandas",
    "numpy", "PIL", "lxml", "ldap", "ldap3", "jwt", "yaml", "jinja2", "werkzeug", "markupsafe",
    "flask_login", "flask_mail", "flask_cors", "flask_jwt_extended", "flask_migrate", "pydantic",
    "marshmallow", "bcrypt", "cryptography", "Crypto", "paramiko", "elasticsearch", "structlog",
    "loguru", "pytz", "dateutil", "bs4", "matplotlib", "jinja", "response", "file", "request",
    "web", "re", "str", "bytes", "int", "float", "bool", "list", "dict", "tuple", "set", "Markup",
    "urlparse", "exception", "caught", "FileStorage", "html", "configparser", "NoneType", "json",
    "resolved", "generator", "open", "len", "print", "type", "super",
})  # fmt: skip
_ESCAPES: Final = re.compile(r"esc(?:ape)?_?(?:for_)?html|html_?esc|sanitize_?html|^esc$|^escape$")
_ANSWERS: Final = re.compile(r"redirect|^render")
"""A redirect has no body of ours, and what renders a page escapes what it puts in."""
DATABASE: Final = frozenset({
    "execute", "executemany", "executescript", "query", "filter", "filter_by", "get", "get_or_404",
    "first_or_404", "find", "find_one", "fetchone", "fetchall", "session", "objects", "scalar",
    "scalars", "all", "first", "add", "commit", "search", "send", "publish", "info", "debug",
    "warning", "error", "exception", "logger", "save", "delete", "update", "create", "aggregate",
    "set_cookie", "write",
})  # fmt: skip
"""Methods that look something up or pass it on: what they give back is not what they are given."""


def _arguments(run: Run, frame: Frame, node: ast.Call, state: State) -> Arguments:
    given = Arguments([], {}, [])
    for part in node.args:
        if isinstance(part, ast.Starred):
            value = run.evaluate(frame, part.value, state)
            items = only(run, state, value, Sequence)
            if items is not None and items.exact:
                given.args += items.items
            else:
                given.more.append(run.derived(whole(run, state, value)))
        else:
            given.args.append(run.evaluate(frame, part, state))
    for keyword in node.keywords:
        value = run.evaluate(frame, keyword.value, state)
        if keyword.arg is not None:
            given.kwargs[keyword.arg] = value
            continue
        table = only(run, state, value, Table)
        if table is not None and not table.open and table.rest is None:
            given.kwargs |= {str(key): item for key, item in table.items.items()}
        else:
            given.more.append(whole(run, state, value))
    return given


def _super(frame: Frame, state: State) -> Value:
    place = frame.place.within if frame.place is not None else None
    self_value = state.env.get("self", NOTHING)
    return replace(self_value, ref=Super(place)) if place is not None else NOTHING


@dataclass(frozen=True)
class Super:
    """``super()`` inside a class."""

    place: Place


def invoke(
    run: Run,
    frame: Frame,
    node: ast.AST,
    callee: Value,
    args: list[Value],
    kwargs: dict[str, Value],
    state: State,
) -> Value:
    """Call a value of the project with arguments."""
    return _own(run, frame, node, callee, Arguments(args, kwargs, []), state)


def _own(
    run: Run, frame: Frame, node: ast.AST, callee: Value, given: Arguments, state: State
) -> Value:
    ref = callee.ref
    if isinstance(ref, Bound):
        if ref.place is None:
            return NOTHING
        inner = Arguments([ref.receiver, *given.args], given.kwargs, given.more)
        return _enter(run, frame, node, ref.place, inner, state, {})
    if isinstance(ref, Closure):
        if isinstance(ref.node, ast.Lambda):
            return _lambda(run, frame, ref, given, state)
        assert ref.place is not None
        return _enter(run, frame, node, ref.place, given, state, ref.outer)
    assert isinstance(ref, Place)
    if isinstance(ref.node, ast.ClassDef):
        return instance(run, frame, node, ref, given, state)
    return _enter(run, frame, node, ref, given, state, {})


def instance(
    run: Run, frame: Frame, node: ast.AST, place: Place, given: Arguments, state: State
) -> Value:
    """A new object of a class of the project."""
    site = Call(run, frame, node, state, place.qualified, place.qualified, None, given.args,
                given.kwargs, given.more, place)  # fmt: skip
    check(site)
    assert isinstance(place.node, ast.ClassDef)
    start = member(run, place, "__init__")
    if start is not None:
        value = made(run, state, Thing(place, {}), place.qualified)
        inner = Arguments([value, *given.args], given.kwargs, given.more)
        _enter(run, frame, node, start, inner, state, {})
        return value
    fields = [
        item.target.id
        for item in place.node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    ]
    attrs = {**dict(zip(fields, given.args, strict=False)), **given.kwargs}
    return made(run, state, Thing(place, attrs), place.qualified)


def _lambda(run: Run, frame: Frame, ref: Closure, given: Arguments, state: State) -> Value:
    assert isinstance(ref.node, ast.Lambda)
    if frame.depth >= DEPTH:
        return run.derived(*given.args)
    inner = Frame(ref.module, None, frame.depth + 1, ref.outer)
    env = {**ref.outer, **_bound(run, inner, ref.node.args, given, state)}
    here = State(env, state.heap, state.guards)
    return run.evaluate(inner, ref.node.body, here)


def _enter(
    run: Run,
    frame: Frame,
    node: ast.AST,
    place: Place,
    given: Arguments,
    state: State,
    outer: dict[str, Value],
) -> Value:
    """Interpret a function of the project with these arguments."""
    function = place.node
    if isinstance(function, ast.ClassDef):
        return NOTHING
    key = _plain_key(function, given, outer)
    known = run.shared.answers.get(key) if key is not None else None
    if known is not None and known[0] <= frame.depth:
        return known[1]
    values = [*given.args, *given.kwargs.values(), *given.more]
    if frame.depth >= DEPTH or id(function) in run.active or len(run.active) > 12:
        return run.derived(*(whole(run, state, value) for value in values))
    if not outer and frame.place is not None and place.within is not None:
        outer = {**frame.outer, **state.env} if place.within is frame.place else frame.outer
    inner = Frame(place.module, place, frame.depth + 1, outer)
    noted = [run.noted(value, frame, node, f"into {place.qualified}()") for value in given.args]
    env = _bound(run, inner, function.args, replace_args(given, noted), state)
    run.shared.part.reached.add((place.module.file, place.qualified))
    run.active.append(id(function))
    before = dict(state.guards)
    marker = run.fresh()
    here = State(env, state.heap, state.guards)
    try:
        last = run.execute(inner, function.body, here)
    finally:
        run.active.pop()
    answer = _left(run, inner, last, state)
    if answer.ref is None:
        state.heap = swept(state.heap, marker, answer)
    alone = state.guards == before and not answer.objs and answer.ref is None
    if key is not None and alone and not answer.yes and not answer.no:
        run.shared.answers[key] = (frame.depth, answer)
    return answer


def _plain_key(
    function: ast.AST, given: Arguments, outer: dict[str, Value]
) -> tuple[Any, ...] | None:
    """What tells two calls apart whose arguments hold nothing from outside; None for others.

    Objects may be changed by the call, so a call with one is never answered from memory.
    """
    if outer or given.more:
        return None
    parts: list[Any] = [id(function)]
    for name, value in (*enumerate(given.args), *given.kwargs.items()):
        if value.taints or value.objs or value.ref is not None or value.yes or value.no:
            return None
        const = (type(value.const), value.const) if value.known else value.among or None
        parts.append((name, value.kind, value.prefix, const))
    return tuple(parts)


def replace_args(given: Arguments, args: list[Value]) -> Arguments:
    """The arguments with other positional ones."""
    return Arguments(args, given.kwargs, given.more)


def _left(run: Run, inner: Frame, last: State | None, state: State) -> Value:
    """The result of a function that was interpreted, and what it did to the caller's state."""
    exits = [(item.value, item.state) for item in inner.exits]
    if last is not None:
        exits.append((constant(None), last))
    if not exits:
        raise Stops
    bare = [State({"": value}, left.heap, left.guards) for value, left in exits]
    after = met(run, bare)
    assert after is not None
    state.heap, state.guards = after.heap, after.guards
    if inner.yields:
        items = Sequence((joined(run, inner.yields),), False, "generator")
        return made(run, state, items, "generator")
    if len(exits) == 1:
        return settled(exits[0][0], exits[0][1].guards)
    return after.env[""]


def _bound(
    run: Run, inner: Frame, spec: ast.arguments, given: Arguments, state: State
) -> dict[str, Value]:
    """Parameters with the values a call gives them."""
    env: dict[str, Value] = {}
    names = [arg.arg for arg in (*spec.posonlyargs, *spec.args)]
    args = list(given.args)
    defaults: dict[str, ast.expr] = dict(
        zip(names[len(names) - len(spec.defaults) :], spec.defaults, strict=True)
    )
    for only_key, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        if default is not None:
            defaults[only_key.arg] = default
    kwargs = dict(given.kwargs)
    spread = run.derived(*given.more) if given.more else None
    for name in names:
        if args:
            env[name] = args.pop(0)
        elif name in kwargs:
            env[name] = kwargs.pop(name)
        elif spread is not None:
            env[name] = spread
        elif name in defaults:
            env[name] = _default(run, inner, defaults[name])
        else:
            env[name] = NOTHING
    for parameter in spec.kwonlyargs:
        name = parameter.arg
        if name in kwargs:
            env[name] = kwargs.pop(name)
        elif name in defaults:
            env[name] = _default(run, inner, defaults[name])
        else:
            env[name] = spread or NOTHING
    if spec.vararg is not None:
        env[spec.vararg.arg] = made(run, state, Sequence(tuple(args), True, "tuple"), "tuple")
    if spec.kwarg is not None:
        table: dict[Any, Value] = dict(kwargs)
        env[spec.kwarg.arg] = made(run, state, Table(table, spread), "dict")
    return env


def _default(run: Run, inner: Frame, node: ast.expr) -> Value:
    here = State({}, {}, {})
    try:
        value = run.evaluate(Frame(inner.module, None, inner.depth), node, here)
    except Stops:
        return NOTHING
    run.shared.statics.update(here.heap)
    return value
