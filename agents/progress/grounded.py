"""Numerals in prose: each must stand in the structured part of the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_NO_GROUND = frozenset({"provenance", "data_warnings", "chart_svg", "prediction", "insights"})
NUMERAL = re.compile(r"\d+(?:\.\d+)?")


def numbers(answer: Mapping[str, Any]) -> frozenset[float]:
    """Every number of the structured part, parts of dates included, without signs."""
    return frozenset(_numbers(answer))


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key not in _NO_GROUND and key not in ("detail", "text"):
                yield from _numbers(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, str):
        yield from (float(part) for part in re.findall(r"\d+", value))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield abs(float(value))


def ungrounded(text: str, known: frozenset[float]) -> list[str]:
    """The numerals of `text` that are none of `known`."""
    return [numeral for numeral in NUMERAL.findall(text) if float(numeral) not in known]
