"""Rule numbers_grounded: a numeral in prose must occur in the structured answer.

A language model may word the answer but never add a number of its own. Both sides are reduced
to numbers: the structured side is every number of the answer plus the numerals in its short
texts (dates, ranges, exercise names); the prose side is every numeral of a sentence. Texts that
came from outside or never change (evidence spans, warnings, provenance) ground nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

PROSE_KEYS = frozenset({"reason", "tip", "prediction", "suggestion", "summary", "insights"})
NO_GROUND = frozenset(
    {"provenance", "evidence", "data_warnings", "disclaimer", "instructions", "cues", "id"}
)
NUMERAL = re.compile(r"\d+(?:[.,:/]\d+)*")
Branch = Mapping[str, object] | Sequence[object]
# Tuples, since isinstance with `a | b` builds the union anew on each of some 10,000 values.
NUMBERS = (int, float)
BRANCHES = (dict, list, tuple)
SINGLE = re.compile(r"\d+(?:\.\d+)?")


class Survey(NamedTuple):
    """numbers: what prose may use; prose: (where, text); infinite: where NaN or infinity is."""

    numbers: frozenset[float]
    prose: tuple[tuple[str, str], ...]
    infinite: tuple[str, ...]


def survey(result: Mapping[str, object]) -> Survey:
    """One walk through the whole answer."""
    numbers: set[float] = set()
    texts: set[str] = set()
    prose: list[tuple[str, str]] = []
    infinite: list[str] = []
    # A stack and paths made only where they are needed: a plan of 12 weeks has 10,000 values.
    stack: list[tuple[str, Branch, bool, bool]] = [("result", result, True, False)]
    while stack:
        where, value, grounds, told = stack.pop()
        children: Iterable[tuple[object, object]] = (
            value.items() if isinstance(value, Mapping) else enumerate(value)
        )
        for key, item in children:
            now_told = told or key in PROSE_KEYS
            if isinstance(item, str):
                if now_told:
                    prose.append((f"{where}.{key}", item))
                elif grounds and key not in NO_GROUND:
                    texts.add(item)
            elif isinstance(item, NUMBERS):
                if item - item != 0:  # only NaN and the infinities do that
                    infinite.append(f"{where}.{key}")
                elif grounds and key not in NO_GROUND and not isinstance(item, bool):
                    numbers.add(abs(float(item)))
            elif isinstance(item, BRANCHES):
                stack.append((f"{where}.{key}", item, grounds and key not in NO_GROUND, now_told))
    for text in texts:
        numbers.update(float(part) for part in SINGLE.findall(text))
        numbers.update(float(part) for part in re.findall(r"\d+", text))
    return Survey(frozenset(numbers), tuple(prose), tuple(infinite))


def ungrounded(text: str, numbers: frozenset[float]) -> Iterator[str]:
    """The numerals of `text` that are none of `numbers`, as they are written.

    "1,200" and "2,5" are read as thousands and as decimals; dates, times and fractions with
    several parts need every part; a percentage may also stand as its hundredth.
    """
    for match in NUMERAL.finditer(text):
        numeral = match.group()
        percent = text[match.end() :].lstrip()[:1] == "%"
        readings = set(_readings(numeral))
        if percent:
            readings |= {value / 100 for value in readings}
        if readings & numbers or any(_near(value, numbers) for value in readings):
            continue
        parts = re.split(r"[.,:/]", numeral)
        split = len(parts) > 2 or ":" in numeral or "/" in numeral
        if split and all(float(part) in numbers for part in parts):
            continue
        yield numeral
    for sign in text:
        odd = not sign.isascii() and unicodedata.category(sign) in ("No", "Nl")
        if odd and unicodedata.numeric(sign) not in numbers:
            yield sign


def _readings(numeral: str) -> Iterator[float]:
    for reading in (numeral, numeral.replace(",", ""), numeral.replace(",", ".")):
        try:
            yield float(reading)
        except ValueError:
            continue


def _near(value: float, numbers: frozenset[float]) -> bool:
    return value != int(value) and any(abs(value - known) < 1e-9 for known in numbers)


def numbers_grounded(text: str, result: Mapping[str, object] | frozenset[float]) -> bool:
    """Whether every numeral of `text` occurs in the structured answer.

    result: the answer, or the `numbers` of its `survey` when many sentences are asked about.
    Spelled-out numbers ("three") are no numerals. Source: the closed world the model writes in.
    """
    known = result if isinstance(result, frozenset) else survey(result).numbers
    return next(ungrounded(text, known), None) is None
