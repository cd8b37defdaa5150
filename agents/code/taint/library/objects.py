"""Objects of libraries that remember something: patterns, paths, responses, templates."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from agents.code.taint import guards, names
from agents.code.taint.heap import made, only
from agents.code.taint.library import text
from agents.code.taint.sinks.call import Call
from agents.code.taint.values import (
    NOTHING,
    Sequence,
    Thing,
    Value,
    all_of,
    cleaned,
    constant,
    telling,
)

RESPONSES: Final = frozenset({
    "flask.make_response", "flask.Response", "flask.wrappers.Response", "werkzeug.Response",
    "werkzeug.wrappers.Response", "flask.current_app.response_class",
    "django.http.HttpResponse", "fastapi.responses.HTMLResponse", "fastapi.Response",
    "starlette.responses.HTMLResponse", "starlette.responses.Response",
    "fastapi.responses.Response", "aiohttp.web.Response", "quart.Response", "quart.make_response",
})  # fmt: skip
JSON: Final = frozenset({
    "flask.jsonify", "flask.json.jsonify", "django.http.JsonResponse", "quart.jsonify",
    "fastapi.responses.JSONResponse", "starlette.responses.JSONResponse",
    "aiohttp.web.json_response",
})  # fmt: skip
REDIRECTS: Final = frozenset({
    "flask.redirect", "werkzeug.utils.redirect", "django.shortcuts.redirect", "quart.redirect",
    "django.http.HttpResponseRedirect", "fastapi.responses.RedirectResponse",
    "starlette.responses.RedirectResponse", "bottle.redirect",
})  # fmt: skip
PATHS: Final = frozenset({"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "anyio.Path"})
ENVIRONMENTS: Final = frozenset({
    "jinja2.Environment", "jinja2.sandbox.SandboxedEnvironment", "jinja2.environment.Environment",
})  # fmt: skip


def construct(site: Call) -> Value | None:
    """The result of a constructor known here; None for any other call."""
    name = site.dotted
    if name in RESPONSES:
        return _response(site)
    if name in JSON:
        body = site.run.derived(*(site.whole(v) for v in (*site.args, *site.kwargs.values())))
        thing = Thing("response", {"body": body, "type": constant("application/json")})
        return made(site.run, site.state, thing, "response")
    if name in REDIRECTS:
        thing = Thing("response", {"body": NOTHING, "type": constant("text/html")})
        return made(site.run, site.state, thing, "response")
    if name in PATHS:
        parts = [site.whole(arg) for arg in site.args]
        prefix = parts[0].prefix if parts else ""
        return site.run.derived(*parts, mixed=len(parts) > 1, kind="pathlib.Path", prefix=prefix)
    if name in {"re.compile", "regex.compile"}:
        pattern = site.arg(0, "pattern") or NOTHING
        return made(site.run, site.state, Thing("pattern", {"pattern": pattern}), "re.Pattern")
    if name in ENVIRONMENTS:
        safe = site.arg(-1, "autoescape")
        raw = safe is None or (safe.known and not safe.const)
        return Value(kind="jinja.raw" if raw else "jinja.safe")
    if name in {"jinja2.Template", "jinja2.environment.Template"}:
        safe = site.arg(-1, "autoescape")
        raw = safe is None or (safe.known and not safe.const)
        source = site.run.derived(site.whole(site.arg(0, "source")))
        return replace(source, kind="jinja.raw.template" if raw else "jinja.safe.template")
    if name == "mako.template.Template":
        filters = site.arg(-1, "default_filters")
        source = site.run.derived(site.whole(site.arg(0, "text")))
        return replace(source, kind="jinja.safe.template" if filters else "jinja.raw.template")
    if name in {"flask.render_template", "quart.render_template"}:
        return Value(kind="html")
    if name == "flask.render_template_string":
        value = site.run.derived(*(site.whole(v) for v in site.kwargs.values()), kind="html")
        return cleaned(value, {"xss"})
    if name == "functools.partial" and site.args:
        return site.args[0]
    if name in {"xml.sax.make_parser", "xml.sax.expatreader.create_parser"}:
        return made(site.run, site.state, Thing("sax", {}), "sax")
    if name in {"lxml.etree.XMLParser", "lxml.etree.ETCompatXMLParser"}:
        return made(site.run, site.state, Thing("lxml", dict(site.kwargs)), "lxml.parser")
    return None


def _response(site: Call) -> Value:
    body = site.whole(site.arg(0, "response", "body", "content", "text"))
    kind = site.arg(-1, "mimetype", "content_type", "media_type")
    first = site.items(site.arg(0, "response"))
    if first is not None and first.items and site.args[0].kind == "tuple":
        body = site.whole(first.items[0])
    inner = only(site.run, site.state, site.args[0], Thing) if site.args else None
    if inner is not None and inner.of == "response":
        return site.args[0]
    headers = site.table(site.arg(2, "headers"))
    if headers is None and first is not None and site.args[0].kind == "tuple":
        tables = [site.table(item) for item in first.items[1:]]
        headers = next((table for table in tables if table is not None), None)
    if kind is None and headers is not None:
        kind = next(
            (v for k, v in headers.items.items() if str(k).lower() == "content-type"), None
        )
    if site.table(site.arg(0, "response")) is not None:
        kind = constant("application/json")
    if site.args and site.args[0].kind == "html":
        body = cleaned(body, {"xss"})
    attrs = {"body": body, "type": kind if kind is not None else constant("text/html")}
    return made(site.run, site.state, Thing("response", attrs), "response")


def method(site: Call) -> Value | None:
    """The result of a method of such an object; None for anything else."""
    receiver = site.receiver
    assert receiver is not None
    kind = receiver.kind
    if kind == "re.Pattern":
        return _pattern(site, receiver)
    if kind in {"pathlib.Path", "pathlib.Path.resolved", "resolved"}:
        return _path(site, receiver)
    if kind.startswith("jinja."):
        return _template(site, receiver)
    if kind == "Markup" and site.name in {"format", "join"}:
        parts = [site.whole(v) for v in (*site.args, *site.kwargs.values())]
        return cleaned(site.run.derived(receiver, *parts, kind="Markup"), {"xss"})
    if kind == "FileStorage" and site.name in {"read", "stream", "readlines"}:
        return site.run.derived(receiver, kind="bytes")
    if kind == "string.Template" and site.name in {"substitute", "safe_substitute"}:
        parts = [site.whole(v) for v in (*site.args, *site.kwargs.values())]
        return site.run.derived(receiver, *parts, kind="str", mixed=True)
    if kind == "re.Match" and site.name in {"group", "groups", "groupdict"}:
        return site.run.derived(receiver, kind="str", about=receiver.about)
    if site.name in {"hexdigest", "digest"}:
        return Value(kind="str")
    return None


def _pattern(site: Call, receiver: Value) -> Value | None:
    thing = only(site.run, site.state, receiver, Thing)
    pattern = thing.attrs["pattern"] if thing is not None else NOTHING
    if site.name in {"match", "fullmatch", "search"} and site.args:
        if pattern.known and isinstance(pattern.const, str):
            return guards.matched(site.args[0], pattern.const, site.name)
        return guards.run_match(site.args[0], {}, {})
    if site.name in {"sub", "subn"} and len(site.args) > 1:
        return text.substituted(site.run, pattern, site.args[0], site.whole(site.args[1]))
    if site.name in {"findall", "split"} and site.args:
        part = site.run.derived(site.whole(site.args[0]), kind="str")
        return made(site.run, site.state, Sequence((part,), False), "list")
    return None


def _path(site: Call, receiver: Value) -> Value | None:
    path = frozenset({"path"})
    if site.name in {"resolve", "absolute"}:
        about = telling(receiver, path)
        kind = "pathlib.Path.resolved"
        return site.run.derived(receiver, kind=kind, prefix=receiver.prefix, about=about)
    if site.name == "is_relative_to":
        return Value(kind="bool", yes=guards.on(receiver, path))
    if site.name == "relative_to":
        site.state.guards.update(all_of(site.state.guards, guards.on(receiver, path)))
        return receiver
    if site.name in {"joinpath", "with_name", "with_suffix"}:
        parts = [site.whole(arg) for arg in site.args]
        return site.run.derived(receiver, *parts, mixed=True, kind="pathlib.Path",
                                prefix=receiver.prefix)  # fmt: skip
    if site.name in {"exists", "is_file", "is_dir", "stat", "read_text", "read_bytes", "open",
                     "iterdir", "glob"}:  # fmt: skip
        return Value(kind="file")
    return None


def _template(site: Call, receiver: Value) -> Value | None:
    if receiver.kind.endswith(".template"):
        if site.name not in {"render", "generate", "stream", "render_async"}:
            return None
        parts = [site.whole(v) for v in (*site.args, *site.kwargs.values(), *site.more)]
        value = site.run.derived(receiver, *parts, kind="str", mixed=True)
        return cleaned(value, {"xss"}) if receiver.kind.startswith("jinja.safe") else value
    if site.name in {"get_template", "from_string", "select_template"}:
        source = site.run.derived(site.whole(site.arg(0, "source")))
        clean = source if site.name == "from_string" else NOTHING
        return replace(clean, kind=f"{receiver.kind}.template")
    return None


def apply(site: Call, function: Value, args: list[Value]) -> Value:
    """The result of a function given as a value (``map``)."""
    if function.ref is not None and not isinstance(function.ref, str):
        return site.run.invoke(site.frame, site.node, function, args, {}, site.state)
    if isinstance(function.ref, str):
        from agents.code.taint.library import functions

        inner = replace(site, dotted=function.ref, name=function.ref, receiver=None, args=args,
                        kwargs={}, more=[])  # fmt: skip
        known = functions.call(inner)
        if known is not None:
            return known
    return site.run.derived(*args)


def attribute_of(site: Call, value: Value, attr: str) -> Value:
    """``getattr(value, "attr")``."""
    return names.attribute(site.run, site.frame, site.node, value, attr, site.state)
