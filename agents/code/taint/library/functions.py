"""Functions of the standard library and of web libraries: what becomes of their arguments.

`cleaning` says what cleans which family of harm and what gives back nothing from outside. What
stands in no table passes its arguments on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from agents.code.taint import fold, guards
from agents.code.taint.heap import contents, joined, made
from agents.code.taint.library import objects, text
from agents.code.taint.library.cleaning import (
    CASTS,
    CLEAN,
    CLEAN_BELOW,
    CLEANS,
    UNWRAPS,
    WRAPS,
)
from agents.code.taint.sinks.call import Call
from agents.code.taint.values import (
    FLOW,
    NOTHING,
    UNKNOWN,
    Buffer,
    Sequence,
    Table,
    Value,
    all_of,
    cleaned,
    constant,
    either,
    telling,
)


def call(site: Call) -> Value | None:
    """The result of a known function; None for one that nothing is known of."""
    name = site.dotted
    if name in CLEANS:
        return cleaned(_all(site), CLEANS[name])
    if name in WRAPS:
        return _wrapped(site, *WRAPS[name])
    if name in UNWRAPS:
        return _unwrapped(site, UNWRAPS[name])
    if name in CASTS:
        return _cast(site)
    work = _WORK.get(name)
    if work is not None:
        return work(site)
    special = objects.construct(site)
    if special is not None:
        return special
    if name in CLEAN or name.startswith(CLEAN_BELOW):
        return _clean(site)
    return None


def _clean(site: Call) -> Value:
    if site.args and all(arg.known for arg in site.args) and not site.kwargs:
        result = fold.function(site.dotted, [arg.const for arg in site.args])
        if result is not UNKNOWN:
            return constant(result)
    if site.dotted == "isinstance" and site.args:
        return Value(kind="bool", yes=guards.on(site.args[0], {"nosql"}))
    if site.dotted == "len" and site.args:
        return _length(site)
    return Value(kind=site.dotted)


def _length(site: Call) -> Value:
    sequence, table = site.items(site.args[0]), site.table(site.args[0])
    if sequence is not None and sequence.exact:
        return constant(len(sequence.items))
    if table is not None and not table.open and table.rest is None and table.kind == "dict":
        return constant(len(table.items))
    return Value(kind="int")


def _all(site: Call) -> Value:
    parts = [site.whole(arg) for arg in (*site.args, *site.kwargs.values(), *site.more)]
    if len(site.args) == 1 and site.args[0].known and not site.kwargs:
        return Value(kind="str")
    first = site.args[0] if site.args else NOTHING
    about = telling(first, {"path", "upload"})
    return site.run.derived(*parts, kind="str", about=about)


def _wrapped(site: Call, how: str, families: frozenset[str]) -> Value:
    value = site.whole(site.arg(0, "s", "string", "query", "data"))
    if how == "url" and site.const(1, "safe") == "":
        families |= {"redirect", "path"}
    result = site.run.derived(value, kind="str")
    taints = tuple(
        replace(taint, wraps=(*taint.wraps, (how, families))) for taint in result.taints
    )
    return replace(result, taints=taints)


def _unwrapped(site: Call, how: str) -> Value:
    value = site.whole(site.arg(0, "s", "string", "data"))
    if value.known:
        return Value(kind="str")
    result = site.run.derived(value, kind="str")
    taints = []
    for taint in result.taints:
        if taint.wraps and taint.wraps[-1][0] == how:
            taints.append(replace(taint, wraps=taint.wraps[:-1]))
        else:
            taints.append(taint)
    return replace(result, taints=tuple(taints))


def _cast(site: Call) -> Value:
    if site.args:
        value = site.args[0]
        if value.known:
            result = fold.function(site.dotted, [arg.const for arg in site.args if arg.known])
            return constant(result) if result is not UNKNOWN else Value(kind=site.dotted)
        # What is no number raises, so whatever comes after has seen one.
        site.state.guards.update(all_of(site.state.guards, guards.on(value, FLOW)))
    return Value(kind=site.dotted)


def _str(site: Call) -> Value:
    if not site.args:
        return constant("")
    value = site.whole(site.args[0])
    if value.known:
        result = fold.function("str", [value.const])
        return constant(result) if result is not UNKNOWN else Value(kind="str")
    about = telling(value, FLOW)
    kind = "resolved" if value.kind.endswith("resolved") else "str"
    result_ = site.run.derived(value, kind=kind, prefix=value.prefix, about=about)
    return cleaned(result_, {"nosql"})


def _listed(kind: str) -> Callable[[Call], Value]:
    def work(site: Call) -> Value:
        if not site.args:
            return made(site.run, site.state, Sequence((), True, kind), kind)
        value = site.args[0]
        sequence = site.items(value)
        if sequence is not None:
            exact = sequence.exact and kind not in {"set", "frozenset"}
            return made(site.run, site.state, Sequence(sequence.items, exact, kind), kind)
        table = site.table(value)
        if table is not None and table.rest is None and not table.open:
            keys = tuple(constant(key) for key in table.items)
            return made(site.run, site.state, Sequence(keys, True, kind), kind)
        if value.known and isinstance(value.const, str | tuple):
            items = tuple(constant(item) for item in value.const[:100])
            return made(site.run, site.state, Sequence(items, True, kind), kind)
        about = telling(value, FLOW)
        part = site.run.derived(site.whole(value), kind="str", about=about)
        return made(site.run, site.state, Sequence((part,), False, kind), kind)

    return work


def _dict(site: Call) -> Value:
    items: dict[Any, Value] = dict(site.kwargs)
    rest: Value | None = site.run.derived(*site.more) if site.more else None
    opened = bool(site.more)
    if site.args:
        table, pairs = site.table(site.args[0]), site.items(site.args[0])
        if table is not None:
            items = {**table.items, **items}
            rest, opened = table.rest, table.open
        elif pairs is not None and pairs.exact:
            for pair in pairs.items:
                two = site.items(pair)
                if two is not None and len(two.items) == 2 and two.items[0].known:
                    items[two.items[0].const] = two.items[1]
        else:
            rest, opened = site.run.derived(site.whole(site.args[0])), True
    return made(site.run, site.state, Table(items, rest, opened), "dict")


def _reordered(site: Call) -> Value:
    sequence = site.items(site.arg(0, "iterable"))
    if sequence is None:
        return _listed("list")(site)
    if site.dotted == "reversed" and sequence.exact:
        items = tuple(reversed(sequence.items))
        return made(site.run, site.state, Sequence(items), "list")
    if sequence.exact and all(item.known for item in sequence.items) and not site.kwargs:
        try:
            ordered = tuple(sorted(sequence.items, key=lambda item: item.const))
            return made(site.run, site.state, Sequence(ordered), "list")
        except TypeError:
            pass
    part = joined(site.run, sequence.items)
    return made(site.run, site.state, Sequence((part,), False), "list")


def _enumerate(site: Call) -> Value:
    sequence = site.items(site.arg(0))
    if sequence is None or not sequence.exact:
        part = joined(site.run, sequence.items) if sequence else site.run.derived(
            site.whole(site.arg(0)))  # fmt: skip
        pair = made(site.run, site.state, Sequence((Value(kind="int"), part)), "tuple")
        return made(site.run, site.state, Sequence((pair,), False), "list")
    pairs = tuple(
        made(site.run, site.state, Sequence((constant(number), item)), "tuple")
        for number, item in enumerate(sequence.items)
    )
    return made(site.run, site.state, Sequence(pairs), "list")


def _zip(site: Call) -> Value:
    lists = [site.items(arg) for arg in site.args]
    if lists and all(item is not None and item.exact for item in lists):
        rows = zip(*(item.items for item in lists if item is not None), strict=False)
        made_rows = tuple(made(site.run, site.state, Sequence(row), "tuple") for row in rows)
        return made(site.run, site.state, Sequence(made_rows), "list")
    parts = tuple(
        joined(site.run, item.items) if item is not None else site.run.derived(site.whole(arg))
        for item, arg in zip(lists, site.args, strict=True)
    )
    row = made(site.run, site.state, Sequence(parts), "tuple")
    return made(site.run, site.state, Sequence((row,), False), "list")


def _map(site: Call) -> Value:
    if len(site.args) < 2:
        return NOTHING
    sequence = site.items(site.args[1])
    exact = sequence is not None and sequence.exact and len(sequence.items) <= 12
    if sequence is not None:
        items = list(sequence.items) if exact else [joined(site.run, sequence.items)]
    else:
        items = [site.run.derived(site.whole(site.args[1]), kind="str")]
    if site.dotted == "filter":
        kept = Sequence(tuple(items), False)
        return made(site.run, site.state, kept, "list")
    results = tuple(objects.apply(site, site.args[0], [item]) for item in items)
    return made(site.run, site.state, Sequence(results, exact), "list")


def _next(site: Call) -> Value:
    sequence = site.items(site.arg(0))
    default = site.args[1:2]
    if sequence is None:
        return site.run.derived(site.whole(site.arg(0)), *default)
    if sequence.exact and sequence.items:
        return sequence.items[0]
    return joined(site.run, [*sequence.items, *default])


def _any(site: Call) -> Value:
    sequence = site.items(site.arg(0))
    if sequence is None:
        return Value(kind="bool")
    yes: Any = None
    no: Any = None
    every = site.dotted == "all"
    truths = [item.truth() for item in sequence.items]
    if sequence.exact and None not in truths:
        return constant(all(truths) if every else any(truths))
    for item in sequence.items:
        if yes is None:
            yes, no = item.yes, item.no
        else:
            yes = (all_of if every else either)(yes, item.yes)
            no = (either if every else all_of)(no, item.no)
    return Value(kind="bool", yes=yes or {}, no=no or {})


def _getattr(site: Call) -> Value:
    if len(site.args) < 2:
        return NOTHING
    if site.args[1].known and isinstance(site.args[1].const, str):
        return objects.attribute_of(site, site.args[0], site.args[1].const)
    return site.run.derived(site.whole(site.args[0]))


def _pick(site: Call) -> Value:
    parts = []
    for arg in site.args:
        sequence = site.items(arg)
        parts += list(sequence.items) if sequence is not None else [arg]
    if parts and all(part.known for part in parts):
        result = fold.function(site.dotted, [[part.const for part in parts]])
        if result is not UNKNOWN:
            return constant(result)
    return site.run.derived(*parts)


def _path_join(site: Call) -> Value:
    parts: list[Value] = []
    for number, arg in enumerate(site.args):
        if number:
            parts.append(constant("/"))
        parts.append(site.whole(arg))
    return text.concatenated(site.run, parts) if parts else NOTHING


def _resolved(site: Call) -> Value:
    value = site.whole(site.arg(0, "path"))
    if value.known:
        return Value(kind="str")
    about = telling(value, {"path"})
    return site.run.derived(value, kind="resolved", prefix=value.prefix, about=about)


def _common(site: Call) -> Value:
    sequence = site.items(site.arg(0))
    items = sequence.items if sequence is not None else ()
    about = tuple((item.id, frozenset({"path"})) for item in items if item.id)
    nested = tuple(limit for item in items for limit in item.about)
    return site.run.derived(*items, kind="str", about=(*about, *nested))


def _splitext(site: Call) -> Value:
    value = site.whole(site.arg(0))
    about = telling(value, {"upload"})
    part = site.run.derived(value, kind="str", about=about)
    return made(site.run, site.state, Sequence((part, part)), "tuple")


def _urlparse(site: Call) -> Value:
    value = site.whole(site.arg(0, "url"))
    two = frozenset({"redirect", "ssrf"})
    about = telling(value, two)
    return site.run.derived(value, kind="urlparse", about=about)


def _loads(site: Call) -> Value:
    value = site.run.derived(site.whole(site.arg(0)), kind="json")
    taints = tuple(
        replace(taint, origin="json") if taint.origin == "request" else taint
        for taint in value.taints
    )
    return replace(value, taints=taints)


def _match(site: Call) -> Value:
    pattern, value = site.arg(0, "pattern"), site.arg(1, "string")
    if pattern is None or value is None:
        return NOTHING
    how = site.dotted.split(".")[-1]
    if not pattern.known or not isinstance(pattern.const, str):
        return guards.run_match(value, {}, {})
    return guards.matched(value, pattern.const, how)


def _sub(site: Call) -> Value:
    pattern, new, value = (site.arg(0, "pattern"), site.arg(1, "repl"), site.arg(2, "string"))
    return text.substituted(
        site.run, pattern or NOTHING, new or NOTHING, site.whole(value or NOTHING)
    )


def _buffer(site: Call) -> Value:
    start = site.args[0] if site.args else constant("")
    return made(site.run, site.state, Buffer(start), site.dotted)


def _config(site: Call) -> Value:
    table = Table({}, None, False, "configparser")
    return made(site.run, site.state, table, "configparser")


def _copy(site: Call) -> Value:
    value = site.arg(0)
    if value is None:
        return NOTHING
    found = contents(site.run, site.state, value)
    if len(found) == 1:
        return made(site.run, site.state, found[0][1], value.kind)
    return value


def _same(site: Call) -> Value:
    value = site.arg(0)
    return value if value is not None else NOTHING


def _markup(site: Call) -> Value:
    value = site.whole(site.arg(0))
    if value.known:
        return replace(value, kind="Markup")
    return site.run.derived(value, kind="Markup", prefix=value.prefix)


def _trace(site: Call) -> Value:
    return site.run.source(site.frame, site.node, "the traceback", "exception", kind="str")


def _leaking(value: Value) -> Value:
    taints = tuple(replace(taint, clean=FLOW - {"leak"}) for taint in value.taints)
    return replace(value, taints=taints)


def _input(site: Call) -> Value:
    return site.run.source(site.frame, site.node, "input()", "program")


def _whole_list(site: Call) -> Value:
    value = site.whole(site.arg(0))
    part = site.run.derived(value, kind="str")
    if value.prefix.strip() and not value.known:
        items = (constant(value.prefix.split()[0]), part)
        return made(site.run, site.state, Sequence(items, False), "list")
    return made(site.run, site.state, Sequence((part,), False), "list")


def _joined_url(site: Call) -> Value:
    base, more = site.whole(site.arg(0, "base")), site.whole(site.arg(1, "url"))
    # urljoin lets an absolute second part replace the first, so no prefix is fixed.
    result = site.run.derived(base, more, kind="str")
    about = telling(more, {"redirect", "ssrf"})
    return replace(result, about=about)


def replace_args(site: Call) -> Call:
    """The call without its first argument (a factory)."""
    return replace(site, args=site.args[1:])


_WORK: Final[dict[str, Callable[[Call], Value]]] = {
    "str": _str, "bytes": _str, "bytearray": _str, "unicode": _str,
    "list": _listed("list"), "tuple": _listed("tuple"), "set": _listed("set"),
    "frozenset": _listed("frozenset"), "iter": _listed("list"),
    "collections.deque": _listed("deque"), "queue.Queue": _listed("queue"),
    "queue.LifoQueue": _listed("lifo"), "queue.SimpleQueue": _listed("queue"),
    "dict": _dict, "collections.OrderedDict": _dict, "collections.defaultdict": lambda s: _dict(
        replace_args(s)), "collections.ChainMap": _dict,
    "sorted": _reordered, "reversed": _reordered, "enumerate": _enumerate, "zip": _zip,
    "map": _map, "filter": _map, "next": _next, "any": _any, "all": _any, "getattr": _getattr,
    "min": _pick, "max": _pick, "chr": _clean, "hex": _clean, "bin": _clean, "divmod": _clean,
    "os.path.join": _path_join, "posixpath.join": _path_join, "urllib.parse.urljoin": _joined_url,
    "os.path.realpath": _resolved, "os.path.abspath": _resolved,
    "os.path.normpath": _resolved, "os.path.expanduser": _same,
    "os.path.commonpath": _common, "os.path.commonprefix": _common, "os.path.splitext": _splitext,
    "urllib.parse.urlparse": _urlparse, "urllib.parse.urlsplit": _urlparse,
    "yarl.URL": _urlparse, "furl.furl": _urlparse, "tldextract.extract": _urlparse,
    "json.loads": _loads, "flask.json.loads": _loads, "simplejson.loads": _loads,
    "yaml.safe_load": _loads, "ast.literal_eval": _loads,
    "re.match": _match, "re.fullmatch": _match, "re.search": _match, "re.sub": _sub,
    "re.subn": _sub,
    "io.StringIO": _buffer, "io.BytesIO": _buffer, "StringIO.StringIO": _buffer,
    "configparser.ConfigParser": _config, "configparser.RawConfigParser": _config,
    "configparser.SafeConfigParser": _config,
    "copy.copy": _copy, "copy.deepcopy": _copy,
    "flask.copy_current_request_context": _same, "typing.cast": lambda s: s.arg(1) or NOTHING,
    "markupsafe.Markup": _markup, "flask.Markup": _markup, "jinja2.Markup": _markup,
    "django.utils.safestring.mark_safe": _markup,
    "traceback.format_exc": lambda s: _leaking(_trace(s)), "traceback.format_exception": lambda s:
        _leaking(_trace(s)), "traceback.format_tb": lambda s: _leaking(_trace(s)),
    "input": _input, "raw_input": _input, "sys.stdin.read": _input, "sys.stdin.readline": _input,
    "shlex.split": _whole_list,
}  # fmt: skip
