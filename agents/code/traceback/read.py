"""Finds the stack trace in a text, whatever its language."""

from __future__ import annotations

import re

from agents.code.traceback import clean, javascript, python
from agents.code.traceback.frames import Language, Problem, Trace

_BARE = re.compile(
    r"^\s*(?:Uncaught (?:\(in promise\) ?)?|Unhandled (?:Promise )?[Rr]ejection:? )?"
    r"(?P<type>[A-Za-z_][\w.]*(?:Error|Exception|Warning)|[a-z_]\w*(?:\.\w+)*\.[A-Z]\w+"
    r"|StopIteration|[A-Za-z_][\w.]*(?:DoesNotExist|NotFound))(?::\s*(?P<message>.*))?$"
)


def read(stack_trace: str, error: str = "") -> Trace | None:
    """The exceptions in a stack trace; without one, the error alone (``TypeError: …``).

    error: the exception's own line or message, where the caller has it apart. None where neither
    tells anything.
    """
    lines = clean.lines(stack_trace)
    found = python.read(lines) or javascript.read(lines)
    if found is not None:
        return found
    for text in (error, stack_trace):
        for line in clean.lines(text):
            match = _BARE.match(line)
            if match is not None:
                problem = Problem(match["type"], (match["message"] or "").strip())
                return Trace(_language(match["type"], text), (problem,))
    for text in (error, stack_trace):
        if _CORS in text:
            said = next(line for line in clean.lines(text) if _CORS in line)
            return Trace("javascript", (Problem("CORSError", said.strip()[:2000]),))
    if error.strip():
        return Trace("python", (Problem("Exception", error.strip()[:2000]),))
    return None


def _language(name: str, text: str) -> Language:
    if name.endswith("UndefinedError"):
        return "python"  # Jinja's: "'client' is undefined"
    script = name in {"ReferenceError", "AxiosError", "DOMException", "InternalError", "URIError"}
    return "javascript" if script or _SCRIPT.search(text) else "python"


_CORS = "blocked by CORS policy"
_SCRIPT = re.compile(
    r"\bundefined\b|is not a function|Unexpected token|Cannot (?:read|set) propert|Failed to fetch"
    r"|NetworkError|\.jsx?\b"
)
