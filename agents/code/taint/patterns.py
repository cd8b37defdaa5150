"""What a regular expression or a forbidden text says about the texts that pass it.

A pattern that covers the whole text bounds the characters it may hold, and each family of harm
needs certain characters: no script without ``<``, no second log line without a line break. The
standard library's parser reads the patterns; they are never matched against anything.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, Final

# By name: type checkers disagree whether these two modules have stubs.
ops: Final[Any] = import_module("re._constants")
parser: Final[Any] = import_module("re._parser")

ASCII: Final = frozenset(chr(code) for code in range(128)) | {"\u00e9"}
"""The characters looked at; the last one stands for everything beyond ASCII."""
_WORD = frozenset(c for c in ASCII if c.isalnum() or c == "_")
_CATEGORIES: Final[dict[Any, frozenset[str]]] = {
    ops.CATEGORY_DIGIT: frozenset("0123456789"),
    ops.CATEGORY_NOT_DIGIT: ASCII - frozenset("0123456789"),
    ops.CATEGORY_WORD: _WORD,
    ops.CATEGORY_NOT_WORD: ASCII - _WORD,
    ops.CATEGORY_SPACE: frozenset(" \t\n\r\f\v"),
    ops.CATEGORY_NOT_SPACE: ASCII - frozenset(" \t\n\r\f\v"),
}

_NEEDS: Final[tuple[tuple[str, str], ...]] = (
    ("sql", "'\"\\;() \t\n/*=<>`"),
    ("command", ";|&$`\n<>(){}"),
    ("code", "()[]'\"=: \n+"),
    ("path", "/\\"),
    ("xss", "<"),
    ("template", "{"),
    ("redirect", "/\\:"),
    ("xpath", "'\"[]()"),
    ("ldap", "*()\\"),
    ("log", "\n\r"),
    ("header", "\n\r"),
    ("regex", "+*({["),
)
"""Family -> characters of which it needs at least one."""


def bounded(allowed: Collection[str]) -> frozenset[str]:
    """The families that texts of only these characters cannot serve."""
    found = {family for family, needs in _NEEDS if not any(char in allowed for char in needs)}
    if "." not in allowed:
        found.add("path")
    if len(found) >= 6:
        found |= {"trust", "nosql"}
    return frozenset(found)


def lacking(text: str) -> frozenset[str]:
    """The families that texts without this part cannot serve."""
    found: set[str] = set()
    if text in {"..", "../", "/", "./"}:
        found.add("path")
    if text == "//":
        found.add("redirect")
    if text in {"<", "<script", ">"}:
        found.add("xss")
    if text in {"'", '"', "&apos;", "'\""}:
        found |= {"xpath", "sql", "quote="}
    if text in {"\n", "\r", "\r\n"}:
        found |= {"log", "header"}
    if text in {"(", ")", "*"}:
        found.add("ldap")
    if text in {"{{", "{", "{%"}:
        found.add("template")
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Pattern:
    """chars: all characters a match may hold. start, end: it covers the text from, up to there.

    prefix: what every match begins with. lone: the characters of a pattern that is one character
    class, None otherwise. slow: nested quantifiers that can take exponential time.
    """

    chars: frozenset[str]
    start: bool
    end: bool
    loose_end: bool
    prefix: str
    lone: frozenset[str] | None
    slow: bool


@lru_cache(maxsize=2000)
def read(text: str) -> Pattern | None:
    """What a pattern says; None where it does not parse."""
    if len(text) > 5000:
        return None
    try:
        tree = list(parser.parse(text))
    except (re.error, OverflowError, RecursionError, ValueError):
        return None
    chars = _chars(tree)
    first = tree[0] if tree else None
    last = tree[-1] if tree else None
    start = first in ((ops.AT, ops.AT_BEGINNING), (ops.AT, ops.AT_BEGINNING_STRING))
    loose = last == (ops.AT, ops.AT_END)
    end = loose or last == (ops.AT, ops.AT_END_STRING)
    body = [item for item in tree if item[0] is not ops.AT]
    lone = None
    if len(body) == 1:
        lone = _class(body[0])
    return Pattern(chars, start, end, loose, _literal(body), lone, slow=_slow(tree))


def _class(item: Any) -> frozenset[str] | None:
    op, value = item
    if op in {ops.MAX_REPEAT, ops.MIN_REPEAT} and value[0] >= 1 and len(value[2]) == 1:
        return _class(value[2][0])
    return _chars([item]) if op in {ops.IN, ops.LITERAL, ops.NOT_LITERAL} else None


def _literal(tree: Iterable[Any]) -> str:
    text = ""
    for op, value in tree:
        if op is not ops.LITERAL:
            break
        text += chr(value)
    return text


def _chars(tree: Iterable[Any]) -> frozenset[str]:
    found: set[str] = set()
    for op, value in tree:
        if op is ops.LITERAL:
            found.add(_char(value))
        elif op is ops.NOT_LITERAL:
            found |= ASCII - {_char(value)}
        elif op is ops.ANY:
            found |= ASCII - {"\n"}
        elif op is ops.IN:
            found |= _in(value)
        elif op in {ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT}:
            found |= _chars(value[2])
        elif op is ops.SUBPATTERN:
            found |= _chars(value[-1])
        elif op is ops.BRANCH:
            for branch in value[1]:
                found |= _chars(branch)
        elif op is ops.ATOMIC_GROUP:
            found |= _chars(value)
        elif op in {ops.GROUPREF, ops.GROUPREF_EXISTS}:
            found |= ASCII
    return frozenset(found)


def _in(items: Iterable[Any]) -> frozenset[str]:
    found: set[str] = set()
    negated = False
    for op, value in items:
        if op is ops.NEGATE:
            negated = True
        elif op is ops.LITERAL:
            found.add(_char(value))
        elif op is ops.RANGE:
            found |= {char for char in ASCII if value[0] <= ord(char) <= value[1]}
        elif op is ops.CATEGORY:
            found |= _CATEGORIES.get(value, ASCII)
    return ASCII - found if negated else frozenset(found)


def _char(code: int) -> str:
    return chr(code) if code < 128 else "\u00e9"


def _slow(tree: Iterable[Any], inside: bool = False) -> bool:
    """A repeated group that holds a repetition of what can follow it again: ``(a+)+``."""
    for op, value in tree:
        if op in {ops.MAX_REPEAT, ops.MIN_REPEAT}:
            many = value[1] is ops.MAXREPEAT or value[1] > 20
            body = list(value[2])
            if many and inside:
                return True
            if many and _ambiguous(body):
                return True
            if _slow(body, False):
                return True
        elif op is ops.SUBPATTERN:
            if _slow(value[-1], inside):
                return True
        elif op is ops.BRANCH and any(_slow(branch, inside) for branch in value[1]):
            return True
    return False


def _ambiguous(body: list[Any]) -> bool:
    """Whether a body, repeated, can match one text in several ways."""
    flat = _flat(body)
    if len(flat) == 1 and flat[0][0] is ops.BRANCH:
        branches = [_chars(branch[:1]) for branch in flat[0][1][1]]
        return any(a & b for n, a in enumerate(branches) for b in branches[n + 1 :])
    repeats = [
        item for item in flat
        if item[0] in {ops.MAX_REPEAT, ops.MIN_REPEAT}
        and (item[1][1] is ops.MAXREPEAT or item[1][1] > 20)
    ]  # fmt: skip
    if not repeats:
        return False
    others = [item for item in flat if item not in repeats and item[0] is not ops.AT]
    # A separator that the repeated part cannot match itself keeps the ways apart: ``(\.\w+)*``.
    separators = [item for item in others if item[0] in {ops.LITERAL, ops.IN, ops.NOT_LITERAL}]
    inner = frozenset().union(*(_chars([item]) for item in repeats))
    return not separators or all(_chars([item]) & inner for item in separators)


def _flat(body: list[Any]) -> list[Any]:
    while len(body) == 1 and body[0][0] is ops.SUBPATTERN:
        body = list(body[0][1][-1])
    return body


def host_fixed(prefix: str) -> bool:
    """Whether a URL that begins so leads to a host that its end cannot change."""
    return re.match(r"(?:https?:)?//[^/?#\\@]+[/?#]", prefix, re.IGNORECASE) is not None


def local_fixed(prefix: str) -> bool:
    """Whether a URL that begins so stays on this site."""
    return re.match(r"/[^/\\]|[?#.]|[A-Za-z0-9_-]+[/?#.]", prefix) is not None
