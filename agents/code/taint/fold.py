"""Operations on constants, so that what is decided in the code decides here too.

Only pure operations of a bounded size are carried out, on plain values; everything else is
UNKNOWN. Nothing of the analysed code is called.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import Any, Final

from agents.code.taint.values import UNKNOWN

LARGEST = 100_000
PLAIN: Final = (str, bytes, int, float, bool, type(None), tuple)

_BINARY: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.BitXor: operator.xor,
    ast.Pow: operator.pow, ast.LShift: operator.lshift, ast.RShift: operator.rshift,
}  # fmt: skip
_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip
_UNARY: Final[dict[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.Not: operator.not_, ast.USub: operator.neg, ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}  # fmt: skip
_TEXT_METHODS: Final = frozenset({
    "capitalize", "casefold", "count", "decode", "encode", "endswith", "find", "format", "hex",
    "index", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower",
    "isnumeric", "isspace", "istitle", "isupper", "join", "lower", "lstrip", "partition",
    "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rpartition", "rsplit", "rstrip",
    "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper", "zfill",
})  # fmt: skip
_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "len": len, "ord": ord, "chr": chr, "str": str, "int": int, "float": float, "bool": bool,
    "abs": abs, "min": min, "max": max, "round": round, "repr": repr, "hex": hex, "bytes": bytes,
    "divmod": divmod, "ascii": ascii, "bin": bin,
}  # fmt: skip
_ERRORS = (ArithmeticError, ValueError, TypeError, LookupError, AttributeError, MemoryError)


def _small(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 1 << 256:
        return UNKNOWN
    if isinstance(value, str | bytes | tuple) and len(value) > LARGEST:
        return UNKNOWN
    return value if isinstance(value, PLAIN) else UNKNOWN


def binary(op: ast.operator, left: Any, right: Any) -> Any:
    """``left op right``, or UNKNOWN."""
    fold = _BINARY.get(type(op))
    if fold is None:
        return UNKNOWN
    if isinstance(op, ast.Pow | ast.LShift) and not (
        isinstance(right, int) and 0 <= right <= 64 and isinstance(left, int) and abs(left) < 1000
    ):
        return UNKNOWN
    if isinstance(op, ast.Mult) and not _multiplies(left, right):
        return UNKNOWN
    if isinstance(op, ast.Mod) and isinstance(left, str | bytes) and _wide(left):
        return UNKNOWN
    try:
        return _small(fold(left, right))
    except _ERRORS:
        return UNKNOWN


def _wide(pattern: str | bytes) -> bool:
    """A format that could fill gigabytes with blanks."""
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    return len(text) > 5000 or re.search(r"\d{4}|\*", text) is not None


def _multiplies(left: Any, right: Any) -> bool:
    for text, times in ((left, right), (right, left)):
        if isinstance(text, str | bytes | tuple):
            return isinstance(times, int) and len(text) * max(times, 0) <= LARGEST
    return True


def compare(op: ast.cmpop, left: Any, right: Any) -> Any:
    """``left op right``, or UNKNOWN."""
    try:
        return bool(_COMPARE[type(op)](left, right))
    except _ERRORS:
        return UNKNOWN


def unary(op: ast.unaryop, value: Any) -> Any:
    """``op value``, or UNKNOWN."""
    try:
        return _small(_UNARY[type(op)](value))
    except _ERRORS:
        return UNKNOWN


def method(value: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """A pure method of a text or number on constants, or UNKNOWN; a list comes as a tuple."""
    if not isinstance(value, str | bytes) or name not in _TEXT_METHODS:
        return UNKNOWN
    if name == "zfill" and not all(isinstance(arg, int) and arg < 1000 for arg in args):
        return UNKNOWN
    if name == "format" and _wide(value):
        return UNKNOWN
    try:
        result = getattr(value, name)(*args, **kwargs)
    except _ERRORS:
        return UNKNOWN
    return _small(tuple(result) if isinstance(result, list) else result)


def function(name: str, args: list[Any]) -> Any:
    """A builtin on constants, or UNKNOWN."""
    fold = _FUNCTIONS.get(name)
    if fold is None or (name == "bytes" and args and isinstance(args[0], int)):
        return UNKNOWN
    try:
        return _small(fold(*args))
    except _ERRORS:
        return UNKNOWN


def item(value: Any, key: Any) -> Any:
    """``value[key]`` on constants, or UNKNOWN."""
    try:
        return _small(value[key])
    except _ERRORS:
        return UNKNOWN
