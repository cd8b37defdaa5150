"""Takes off what loggers put around a stack trace: escapes, JSON, prefixes, colours, borders."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

MOST_LINES = 5_000
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PREFIXES = re.compile(
    r"""^(?:
        [\w.-]+\s*\|\s(?=\S|\s{2})                              # docker compose: web-1  |
        |\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|\s?[+-]\d\d:?\d\d)?[ \t]
        |[A-Z][a-z]{2}\s+\d+\s\d\d:\d\d:\d\d\s\S+\s[\w./-]+(?:\[\d+\])?:\s   # syslog
        |\[\d{4}-\d\d-\d\d[^\]]*\]\s?
        |\[\d+\]\s?(?=\[|File|Traceback|\s{2})
        |\[?(?:ERROR|CRITICAL|WARNING|INFO|DEBUG)\]?\s*[:|-]?\s(?=\s*(?:File\s"|Traceback|at\s|[\w.]+:)
            |\s{3}|During\shandling|The\sabove|\s*$)
        |(?:stderr|stdout)\s[FP]\s                              # kubernetes
    )""",
    re.VERBOSE,
)
_ESCAPED = re.compile(r"&(?:quot|#34|#39|#x27|lt);")
_TAGS = re.compile(r"<br\s*/?>|</?(?:pre|code|div|span|p|li|ul|h\d|blockquote)\b[^>]*>")
_TELLING = ("exc_info", "exception", "traceback", "stack_trace", "stacktrace", "stack", "error")
_MARKS = ("Traceback (most recent call last)", '  File "', "\n    at ", "\\n    at ", ".js:")


def lines(text: str) -> list[str]:
    """The lines of a trace without what was put around them."""
    text = _COLOUR.sub("", text)
    text = "\n".join(_from_json(line) for line in text.split("\n"))
    if text.count("\n") < 2 and re.search(r"\\n\s*(?:File|at|Traceback)", text):
        text = _unescaped(text)
    if _ESCAPED.search(text):
        text = html.unescape(_TAGS.sub("", text))
    kept = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:MOST_LINES]
    return list(_unprefixed(kept))


def _from_json(line: str) -> str:
    """The trace inside a line that is a JSON object, else the line."""
    if not line.lstrip().startswith("{"):
        return line
    try:
        found = json.loads(line)
    except ValueError:
        return line
    texts = list(_texts(found))
    traces = [text for text in texts if any(mark in text for mark in _MARKS)]
    return "\n".join(traces) if traces else line


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        ordered = sorted(value, key=lambda name: str(name) not in _TELLING)
        for name in ordered:
            yield from _texts(value[name])
    elif isinstance(value, list):
        if value and all(isinstance(item, str) for item in value):
            yield "\n".join(value)
        else:
            for item in value:
                yield from _texts(item)


def _unescaped(text: str) -> str:
    """Newlines and quotes as they were before somebody printed the text's repr."""
    found = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\", "/": "/"}
    return re.sub(r"\\([ntr\"'\\/])", lambda match: found[match[1]], text)


def _unprefixed(given: list[str]) -> Iterator[str]:
    for line in given:
        start = 0
        while (match := _PREFIXES.match(line[start:])) is not None:
            start += match.end()
        yield line[start:].rstrip()
