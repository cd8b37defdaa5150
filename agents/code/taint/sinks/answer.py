"""What a view gives back: unescaped data from outside, or the text of an exception."""

from __future__ import annotations

import ast

from agents.code.taint.heap import contents, only, whole
from agents.code.taint.run import Entry, Frame, Run
from agents.code.taint.values import Sequence, State, Table, Taint, Thing, Value


def returned(run: Run, frame: Frame, node: ast.Return, value: Value, state: State) -> None:
    """Judge the value that a view returns."""
    body, kind = _body(run, value, state)
    if body is None:
        return
    text = whole(run, state, body)
    leak = _leak(text, state)
    if leak is not None:
        run.report("exception-text-to-client", frame, node, leak, confidence="high")
    bare = body is value or kind == "text"
    if kind in {"html", "text"} and not (bare and run.entry is not None and _encoded(run.entry)):
        taint = run.live(text, "xss", state)
        if taint is not None:
            run.report("xss", frame, node, taint)


def _encoded(entry: Entry) -> bool:
    """Whether the framework never sends a bare value as a page: FastAPI makes JSON of it."""
    if entry.framework == "fast":
        decorators = getattr(entry.place.node, "decorator_list", [])
        return not any("HTMLResponse" in ast.unparse(item) for item in decorators)
    return entry.framework == "request"


def _leak(value: Value, state: State) -> Taint | None:
    for taint in value.taints:
        if taint.origin == "exception" and not taint.harmless("leak", state.guards):
            return taint
    return None


def _body(run: Run, value: Value, state: State) -> tuple[Value | None, str]:
    """The body of an answer and whether a browser would read it as HTML."""
    sequence = only(run, state, value, Sequence)
    if sequence is not None and value.kind == "tuple":
        if not sequence.items:
            return None, ""
        body, kind = _body(run, sequence.items[0], state)
        if any(_typed(run, state, item) for item in sequence.items[1:]):
            kind = "other"
        return body, kind
    things = [c for _, c in contents(run, state, value) if isinstance(c, Thing)]
    if things:
        thing = things[0]
        if thing.of != "response":
            return None, ""
        body = thing.attrs.get("body")
        return body, "html" if _html(thing.attrs.get("type")) else "other"
    if only(run, state, value, Table) is not None or value.kind in {"json", "request.json"}:
        return value, "json"
    if sequence is not None and sequence.kind == "generator":
        return value, "html"
    if value.objs:
        return value, "json"
    if value.ref is not None or value.kind == "html":
        return None, ""
    return value, "html"


def _html(kind: Value | None) -> bool:
    if kind is None or not kind.known or not isinstance(kind.const, str):
        return True
    return any(word in kind.const.lower() for word in ("html", "svg", "xml"))


def _typed(run: Run, state: State, value: Value) -> bool:
    """Headers that say the body is no HTML."""
    table = only(run, state, value, Table)
    if table is None:
        return False
    return any(
        str(key).lower() == "content-type" and not _html(item) for key, item in table.items.items()
    )
