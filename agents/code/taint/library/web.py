"""Where data comes in: the request objects of Flask, Django, FastAPI, aiohttp and their like.

A request's parts are values of a kind such as ``request.args``; reading the same key twice gives
the same data, so a check of one reading holds for the other.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Final

from agents.code.taint.heap import join
from agents.code.taint.run import Frame, Run
from agents.code.taint.values import NOTHING, Value, cleaned, constant

REQUESTS: Final = frozenset({
    "flask.request", "flask.globals.request", "quart.request", "bottle.request", "request",
})  # fmt: skip
PARTS: Final = frozenset({
    "args", "form", "values", "cookies", "headers", "files", "GET", "POST", "COOKIES", "META",
    "FILES", "query_params", "query", "match_info", "path_params", "view_args", "environ",
    "rel_url", "params", "forms",
})  # fmt: skip
TEXTS: Final = frozenset({
    "query_string", "referrer", "user_agent", "data", "stream", "body", "full_path",
    "content_type", "mimetype", "authorization", "input_stream", "raw_path", "path_qs", "origin",
})  # fmt: skip
OWN_URL: Final = frozenset({"url", "base_url", "host_url", "url_root", "host", "path_info"})
"""The site's own address: no other host, but what follows may be anything."""
CLEAN: Final = frozenset({
    "method", "endpoint", "remote_addr", "is_json", "content_length", "scheme", "blueprint",
    "is_secure", "user", "session", "app", "state", "url_rule", "blueprints", "is_xhr", "client",
    "remote", "max_content_length", "trace_id", "id", "date",
})  # fmt: skip
CASTS: Final = frozenset({"int", "float", "bool", "uuid.UUID", "decimal.Decimal", "complex"})


def of_module(run: Run, frame: Frame, node: ast.AST, ref: str, attr: str) -> Value | None:
    """An attribute of something imported, where it is a source; None for anything else."""
    if ref in REQUESTS:
        return _request(run, frame, node, attr)
    if ref == "sys" and attr == "argv":
        return run.source(frame, node, "sys.argv", "program", kind="sys.argv")
    return None


def attribute(run: Run, frame: Frame, node: ast.AST, value: Value, attr: str) -> Value | None:
    """An attribute of a request, of a part of one, or of an uploaded file; None otherwise."""
    if value.kind == "web.request":
        return _request(run, frame, node, attr)
    if value.kind == "FileStorage":
        if attr in {"filename", "name", "content_type", "mimetype"}:
            about = ((value.id, frozenset({"upload"})),)
            one = run.interned(("file", value.id, attr))
            taints = tuple(replace(t, via=t.via | {one}) for t in value.taints)
            return Value(taints=taints, kind="str", about=about, id=one)
        if attr in {"content_length", "mimetype_params"}:
            return NOTHING
    if value.kind in {"request.headers", "request.args"} and attr == "content_length":
        return NOTHING
    return None


def _request(run: Run, frame: Frame, node: ast.AST, attr: str) -> Value | None:
    name = f"request.{attr}"
    if attr in CLEAN:
        return Value(kind="str")
    if attr == "path":
        entry = run.entry
        if entry is not None and entry.paths and not any("<" in path for path in entry.paths):
            return Value(kind="str")
        return run.source(frame, node, name)
    if attr in {"json", "json_body"}:
        return run.source(frame, node, "request.json", "json", kind="request.json")
    if attr in PARTS:
        if attr in {"files", "FILES"}:
            return run.source(frame, node, name, "file", kind="request.files")
        return run.source(frame, node, name, kind=f"request.{attr}")
    if attr in OWN_URL:
        url = run.source(frame, node, name)
        return cleaned(url, ("redirect", "ssrf", "header", "path"))
    if attr in TEXTS:
        return run.source(frame, node, name)
    return None


def item(run: Run, frame: Frame, node: ast.AST, value: Value, key: Value) -> Value | None:
    """``request.args["name"]``; None for anything else."""
    if not value.kind.startswith("request."):
        return None
    return _keyed(run, frame, node, value, key)


def _keyed(run: Run, frame: Frame, node: ast.AST, value: Value, key: Value) -> Value:
    origin = value.taints[0].origin if value.taints else "request"
    what = f"{value.kind}[{key.const!r}]" if key.known else f"{value.kind}[…]"
    if value.kind == "request.files":
        return run.source(frame, node, what, "file", kind="FileStorage")
    if value.kind == "request.json":
        return run.source(frame, node, what, "json", kind="json")
    return run.source(frame, node, what, origin)


def method(
    run: Run,
    frame: Frame,
    node: ast.AST,
    receiver: Value,
    name: str,
    args: list[Value],
    kwargs: dict[str, Value],
) -> Value | None:
    """A method of a request or of a part of one; None for anything else."""
    if receiver.ref in REQUESTS or receiver.kind == "web.request":
        if name in {"get_json", "json"}:
            return run.source(frame, node, "request.json", "json", kind="request.json")
        if name in {"get_data", "read", "body", "text"}:
            return run.source(frame, node, "request.data")
        if name in {"form", "post"}:
            return run.source(frame, node, "request.form", kind="request.form")
        if name in {"is_secure", "get_full_path", "is_ajax", "build_absolute_uri"}:
            return NOTHING
        if name == "get_signed_cookie":
            return NOTHING
        return None
    if not receiver.kind.startswith("request."):
        return None
    if name in {"get", "pop", "getfirst", "getone"}:
        return _get(run, frame, node, receiver, args, kwargs)
    if name in {"getlist", "get_list", "get_all", "getall", "getunicode"}:
        if _cast(kwargs.get("type")):
            return NOTHING
        found = _keyed(run, frame, node, receiver, args[0] if args else NOTHING)
        return replace(found, kind="FileStorage" if found.kind == "FileStorage" else "list")
    if name in {"to_dict", "copy", "dict"}:
        return receiver
    if name in {"keys", "values", "items", "lists", "listvalues"}:
        if receiver.kind == "request.files" and name == "values":
            return run.source(frame, node, "request.files[…]", "file", kind="FileStorage")
        return run.derived(receiver, kind="list")
    return None


def _get(
    run: Run,
    frame: Frame,
    node: ast.AST,
    receiver: Value,
    args: list[Value],
    kwargs: dict[str, Value],
) -> Value:
    default = args[1] if len(args) > 1 else kwargs.get("default", constant(None))
    cast = args[2] if len(args) > 2 else kwargs.get("type")
    if _cast(cast):
        return Value(kind="int")
    key = args[0] if args else kwargs.get("key", NOTHING)
    found = _keyed(run, frame, node, receiver, key)
    if default.known:
        return found
    return join(run, found, default)


def _cast(value: Value | None) -> bool:
    return value is not None and isinstance(value.ref, str) and value.ref in CASTS


def parameter(run: Run, frame: Frame, node: ast.arg, origin: str) -> Value:
    """A parameter that a route or a caller outside the project fills."""
    what = f"the parameter {node.arg}"
    if origin == "suspected":
        return run.source(frame, node, what, "suspected", kind="")
    if origin == "json":
        return run.source(frame, node, what, "json", kind="json")
    return run.source(frame, node, what)
