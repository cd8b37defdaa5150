"""Rule numbers_grounded: a numeral in prose must occur in the structured answer.

A language model may word the answer but never add a number of its own. Both sides are reduced
to numbers: the structured side is every number of the answer plus the numerals in its short
texts (dates, ranges, exercise names); the prose side is every numeral of a sentence. Texts that
came from outside or never change (evidence spans, warnings, provenance) ground nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import NamedTuple

PROSE_KEYS = frozenset({"reason", "tip", "prediction", "suggestion", "summary", "insights"})
NO_GROUND = frozenset(
    {"provenance", "evidence", "data_warnings", "disclaimer", "instructions", "cues", "id"}
)
NUMERAL = re.compile(r"\d+(?:[.,:/]\d+)*")
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

    def walk(where: str, value: object, *, grounds: bool, told: bool) -> None:
        if isinstance(value, str):
            if told:
                prose.append((where, value))
            elif grounds:
                texts.add(value)
        elif isinstance(value, bool) or value is None:
            return
        elif isinstance(value, int | float):
            if value - value != 0:  # only NaN and the infinities do that
                infinite.append(where)
            elif grounds:
                numbers.add(abs(float(value)))
        elif isinstance(value, Mapping):
            for key, item in value.items():
                walk(
                    f"{where}.{key}",
                    item,
                    grounds=grounds and key not in NO_GROUND,
                    told=told or key in PROSE_KEYS,
                )
        elif isinstance(value, list | tuple):
            for i, item in enumerate(value):
                walk(f"{where}[{i}]", item, grounds=grounds, told=told)

    walk("result", result, grounds=True, told=False)
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
