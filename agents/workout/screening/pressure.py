"""Blood pressures that a text tells: pairs, single values, and both in centimetres of mercury.

"190/115", "systolic 190" and, as it is said in Spanish, "tensión 19/11", which is 190/110 mmHg. A
pair of small numbers is as often a day or a share, and a single number anything, so those count
only right beside a word for the pressure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agents.workout.screening.verdict import Reading, Verdict


@dataclass(frozen=True, slots=True)
class _Told:
    """One pressure in mmHg, its place and its words. What was not told is 0."""

    start: int
    span: str
    systolic: float = 0
    diastolic: float = 0

    @property
    def end(self) -> int:
        return self.start + len(self.span)


def read_pressures(text: str, *, measured: bool, declared: bool) -> Iterable[Reading]:
    """Each pressure as a reading of `hypertension`, denied below 140 and 90, and of `bp_crisis`
    above 180 or 110.

    measured: the text is a value of the tables. declared: it answers the question for health
    problems, where two numbers that may be a pressure are one unless the words around say what
    else they are.
    """
    found: list[_Told] = []
    for told in (
        *_pairs(text, measured=measured, declared=declared),
        *_centimetres(text),
        *_single_values(text),
    ):
        if not any(told.start < other.end and other.start < told.end for other in found):
            found.append(told)
    for told in found:
        verdict: Verdict = "active" if told.systolic >= 140 or told.diastolic >= 90 else "negated"
        yield Reading("hypertension", told.span, told.start, verdict)
        if told.systolic > 180 or told.diastolic > 110:
            yield Reading("bp_crisis", told.span, told.start, "active")


_PAIR = re.compile(
    r"(?<![\d/.])(\d{2,3})\s*(?:/|over|sobre|con)\s*(\d{2,3})(?![\d/])"
    # A dash also joins dates, telephone numbers and ranges.
    r"|(?<![\d/.])(?<!\d[-–—])(\d{3})\s*[-–—]\s*(\d{2,3})(?![\d/]|[-–—.]\d)",
    re.IGNORECASE,
)
_PRESSURE = re.compile(
    r"\b(?:bp|(?<!eye )(?<!ocular )pressure|mm ?hg|presi[oó]n|tensi[oó]n|hypertension"
    r"|hipertensi[oó]n|ta)\b",
    re.IGNORECASE,
)
# What else two numbers may measure: the unit behind them, or the thing before them.
_OTHER_UNIT = re.compile(
    r"\s*(?:kg|kilos?|lbs?|pounds|libras|cm|mm(?! ?hg)|mg|g|kcal|cal|bpm|ppm|deg\w*|grados"
    r"|x|×|reps?|sets?|repeticiones|series|s|secs?|seconds?|segundos|min|mins|minut\w+|days?"
    r"|d[ií]as|m|km|metros|miles?|steps|pasos|watts?|w)\b|\s*[%°]",
    re.IGNORECASE,
)
_OTHER_THING = re.compile(
    r"\b(?:hr|heart ?rate|pulse|pulso|frecuencia|weigh\w*|peso|pesaba|bench|squat|deadlift|press"
    r"|vision|visi[oó]n|eyes?|score|ldl|hdl|cholesterol|colesterol|glucose|glucosa|sugar|az[uú]car"
    r"|rom|flexion|extension|reps?|tempo|bpm|room|height|altura|lost|perdi\w*)\b"
    r"[^\w,;.\n]*(?:\w+[^\w,;.\n]+){0,2}$",
    re.IGNORECASE,
)
# Less stands between the ends of a range far more often than between two pressures.
_LEAST_PULSE = 20


def _pairs(text: str, *, measured: bool, declared: bool) -> Iterator[_Told]:
    """Blood pressures written as pairs, where the words around say that they are ones.

    In a `declared` field two numbers that may be a pressure are one unless the words around say
    what else they are. A pair with a dash falls by 20 or more; others are ranges.
    """
    for pair in _PAIR.finditer(text):
        numbers = [int(number) for number in pair.groups() if number is not None]
        dashed = pair[3] is not None
        falls = numbers[0] - numbers[1] >= _LEAST_PULSE
        # Who typed them the wrong way round meant the same pressure.
        diastolic, systolic = sorted(numbers)
        near = text[max(0, pair.start() - 60) : pair.end() + 15]
        # Up to what the reader of the tables takes for a pressure: none may be read and forgotten.
        if not (70 <= systolic <= 300 and 35 <= diastolic <= 200 and systolic > diastolic):
            continue
        other = _OTHER_UNIT.match(text, pair.end()) or _OTHER_THING.search(
            text[max(0, pair.start() - 60) : pair.start()]
        )
        named = measured or _PRESSURE.search(near)
        if not (named or (declared and falls and not other)):
            continue
        if dashed and (other or not falls):
            continue
        yield _Told(pair.start(), pair[0], systolic, diastolic)


_NUMBER = r"(\d{1,3}(?:[.,]\d)?)"
_NAME = (
    r"\b(?:bp|(?:blood pressure|presi[oó]n|(?<!under )(?<!muscle )tensi[oó]n)(?: arterial)?|ta)\b"
)
_SIDE = (
    r"\b(?P<side>systolic|sys|sbp|pas|sist[oó]lica|diastolic|dbp|diast[oó]lica)\b"
    r"(?: (?:blood )?pressure\b| bp\b| value\b)?"
)
_PLACE = r"(?<!\ba )\b(?P<side>top|upper|bottom|lower) (?:number|value|reading|figure)\b"
_HYPERTENSION = r"\b(?:hypertension|hipertensi[oó]n)(?: arterial)?"
_LOWER = ("d", "bottom", "lower")
"""How the names of the diastolic side begin."""
# What may stand between the word and its number; "on", "since" and "checked" lead to a day.
_LINK = (
    r"(?:\s*[:=,~]|\s+(?:of|is|was|at|about|around|approximately|reads?|reading|high|still|now"
    r"|today|yesterday|over|above|between|in the|hits?|reached|near|nearly|up to|as high as"
    r"|de|es|era|fue|a|en|est[aá]|alta|hoy|ayer|y|ten[ií]a|tengo|tiene|unos|m[aá]s de|casi|entre"
    r")\b)*\s*"
)
# A number ends here: it is neither half of a pair nor a day nor a range.
_END = r"(?![\d/]|[.,]\d|\s*[-–—]\s*\d)"
_SMALL = rf"(?<![\d/.,-]){_NUMBER}\s*(?:[/–-]|over|sobre|con)\s*{_NUMBER}{_END}"
_CENTIMETRES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:{_NAME}|{_HYPERTENSION}){_LINK}(?P<pair>{_SMALL})",
        rf"(?P<pair>{_SMALL})(?=\s*(?:cm ?hg\b|mm ?hg\b|de (?:tensi[oó]n|presi[oó]n)\b))",
    )
)
_YEAR = re.compile(r"\s*,?\s*(?:de |del )?(?:19|20)\d\d\b")
_SINGLE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_SIDE}{_LINK}{_NUMBER}s?(?:\s*(?:[-–—]|and|to|y|a)\s*{_NUMBER})?(?![\d/]|[.,]\d)",
        rf"(?<![\d/.,-]){_NUMBER}(?: mm ?hg)? (?:de )?{_SIDE}",
        rf"{_NAME}{_LINK}(\d{{3}}){_END}(?!\s*(?:over|sobre|con)\b)",
        rf"{_NAME}[^.;\n]{{0,40}}?{_PLACE}{_LINK}{_NUMBER}(?![\d/]|[.,]\d)",
    )
)
_SUPPOSED = re.compile(
    r"\b(?:if|unless|until|target|goal|aim|limit|max\w*|si|hasta|objetivo|meta)\b[^.,;\n]{0,30}$",
    re.IGNORECASE,
)


def _number(written: str) -> float:
    return float(written.replace(",", "."))


def _centimetres(text: str) -> Iterator[_Told]:
    """Pairs in cmHg right beside a word for the pressure. Before a year, or a pressure in mmHg,
    such a pair is the day it was taken."""
    for match in (match for pattern in _CENTIMETRES for match in pattern.finditer(text)):
        systolic, diastolic = (10 * _number(match[place]) for place in (2, 3))
        after = re.split(r"[.\n]", text[match.end("pair") : match.end("pair") + 30])[0]
        if _YEAR.match(after) or any(len(pair[1] or "") == 3 for pair in _PAIR.finditer(after)):
            continue
        # Behind the illness itself what is no high pressure is more likely a day.
        high = systolic >= 140 and diastolic >= 60
        if match[0].lower().startswith(("hyper", "hiper")) and not high:
            continue
        if 80 <= systolic <= 300 and 40 <= diastolic <= 200 and systolic - diastolic >= 30:
            yield _Told(match.start("pair"), match["pair"], systolic, diastolic)


def _single_values(text: str) -> Iterator[_Told]:
    """One value alone: "systolic 190", "diastólica 115", "BP 190". The higher end of a range."""
    for match in (match for pattern in _SINGLE for match in pattern.finditer(text)):
        said = match.groupdict().get("side")
        lower = said is not None and said.lower().startswith(_LOWER)
        value = max(_number(part) for part in match.groups() if part is not None and part != said)
        if said is not None and value <= (20 if lower else 30):
            value *= 10
        before = text[max(0, match.start() - 60) : match.start()]
        if _OTHER_UNIT.match(text, match.end()) or _SUPPOSED.search(before):
            continue
        if lower and 35 <= value <= 200:
            yield _Told(match.start(), match[0], diastolic=value)
        elif not lower and 70 <= value <= 300:
            yield _Told(match.start(), match[0], systolic=value)
