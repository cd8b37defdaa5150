"""Reads JavaScript's stacks: V8's (Chrome, Node), Firefox's and Safari's, with their causes."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urlsplit

from agents.code.traceback.frames import Frame, Problem, Relation, Trace

_HEAD = re.compile(
    r"^\s*(?:\[cause\]: |Caused by: )?(?:Uncaught )?(?:\(in promise\) ?)?(?:Unhandled[\w ]*: )?"
    r"(?:Error: )?(?P<type>(?:[A-Z]\w*)?(?:Error|Exception|Warning|Rejection))"
    r"(?: \[(?P<code>\w+)\])?(?:: (?P<message>.*))?$"
)
_V8 = re.compile(
    r"^\s*at (?:(?P<async>async )?(?P<function>[^()]+?) \()?(?P<place>[^()\s]+?|<anonymous>)"
    r"(?::(?P<line>\d+))?(?::(?P<column>\d+))?\)?(?:\s*[,{])?\s*$"
)
_GECKO = re.compile(
    r"^\s*(?P<function>[\w$.<>/*\[\] ]*)@(?P<place>\S+?):(?P<line>\d+)(?::(?P<column>\d+))?\s*$"
)
_CAUSE = re.compile(r"^\s*(?:\[cause\]:|Caused by:)")
MOST_MESSAGE = 2_000


def read(lines: list[str]) -> Trace | None:
    """The last error with a stack in these lines, and its causes; None without one."""
    problems: list[Problem] = []
    head: re.Match[str] | None = None
    message: list[str] = []
    frames: list[Frame] = []
    relation: Relation = "first"

    def close() -> None:
        if head is not None and (frames or relation == "cause"):
            if relation == "first":
                problems.clear()
            text = "\n".join(message).strip()[:MOST_MESSAGE]
            # A stack begins with the innermost call; ours begin with the outermost.
            problems.append(Problem(head["type"], text, tuple(reversed(frames)), relation))

    for line in lines:
        frame = _frame(line)
        if frame is not None and head is not None:
            frames.append(frame)
        elif found := _HEAD.match(line):
            close()
            relation = "cause" if _CAUSE.match(line) else "first"
            head, message, frames = found, [found["message"] or ""], []
        elif head is not None and not frames and line.strip():
            message.append(line)
    close()
    if not problems:
        return None
    # What was raised first is told last.
    ordered = [replace(problem, relation="cause") for problem in reversed(problems)]
    ordered[0] = replace(ordered[0], relation="first")
    return Trace("javascript", tuple(ordered))


def _frame(line: str) -> Frame | None:
    found = _V8.match(line) or _GECKO.match(line)
    if found is None:
        return None
    place = found["place"]
    if found.re is _V8 and not (found["line"] or place in {"<anonymous>", "native"}):
        return None
    function = (found["function"] or "<anonymous>").strip() or "<anonymous>"
    number = int(found["line"]) if found["line"] else None
    column = int(found["column"]) if found["column"] else None
    return Frame(path_of(place), number, function.removeprefix("new "), "", column)


def path_of(place: str) -> str:
    """The file of a frame: without scheme, host and query (``webpack:///./src/a.js``)."""
    if "extension://" in place or place.startswith("node:"):
        return place
    parts = urlsplit(place)
    if parts.scheme in {"http", "https", "file"} or parts.scheme.startswith("webpack"):
        return re.sub(r"^[/.]+", "", parts.path) or "<anonymous>"
    return place
