"""Which conditions restrict a client: every text is read, every finding is quoted.

`screen` reads the texts with the lexicon, adds what age and blood pressure say, and decides
whether a red flag stops the plan. A model may read the same texts afterwards;
`accept_model_conditions` adds the codes whose span really stands there and never takes one away.
Neither reads a text as an instruction: a note that tells the reader what to conclude is only text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from agents.workout.screening.clearance import Clearance, still_stopping
from agents.workout.screening.conditions import CODES, RED_FLAGS, age_codes
from agents.workout.screening.lexicon import tokenise, words
from agents.workout.screening.pressure import read_pressures
from agents.workout.screening.verdict import Reading, Verdict, read_conditions

By = Literal["lexicon", "llm"]


@dataclass(frozen=True, slots=True)
class Source:
    """One text to scan. `declared`: it answers the question for health problems.

    name: where it stood (`medical_conditions`, `session_note` …), shown in the evidence.
    written: the day of the text; None = unknown, then its "weeks ago" count from today.
    """

    name: str
    text: str
    declared: bool = False
    written: date | None = None


@dataclass(frozen=True, slots=True)
class BloodPressure:
    """A measured pair in mmHg and its day."""

    systolic: int
    diastolic: int
    measured: date | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One finding; `span` stands verbatim in the text of `source`.

    sure: as `Reading` has it.
    """

    code: str
    span: str
    source: str
    by: By
    verdict: Verdict
    noted: date | None = None
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Proposal:
    """A condition a model believes it read: the code and the words it read it from."""

    code: str
    span: str


@dataclass(frozen=True, slots=True)
class Screening:
    """What restricts the client. `conditions` in table order; `stopped_by`: uncleared red flags.

    warnings: strings `code: detail` for `data_warnings`. dropped: proposals of a model not taken.
    """

    conditions: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    stopped_by: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    dropped: int = 0

    @property
    def needs_clearance(self) -> bool:
        """Whether only gentle work may be planned until somebody clears the client."""
        return bool(self.stopped_by)


def screen(
    sources: Sequence[Source],
    *,
    as_of: date,
    age: int | None = None,
    blood_pressure: BloodPressure | None = None,
    clearance: Clearance | None = None,
) -> Screening:
    """The conditions found in `sources`, in `age` (years) and in the newest `blood_pressure`."""
    evidence: list[Evidence] = []
    for source in scanned(sources, age=age, blood_pressure=blood_pressure):
        evidence.extend(_read(source, as_of))
    evidence.extend(
        Evidence(code, str(age), "age", "lexicon", "active") for code in age_codes(age)
    )
    concluded = _conclude(evidence, as_of=as_of, clearance=clearance)
    foreign = dict.fromkeys(source.name for source in sources if _is_foreign(source.text))
    unread = tuple(
        f"unread_language: {name} is not in English or Spanish; a person should read it for "
        "health problems"
        for name in foreign
    )
    return replace(concluded, warnings=(*concluded.warnings, *unread))


def _is_foreign(text: str) -> bool:
    """Whether a good part of the text is in a language that the lexicon does not read."""
    letters = [letter for letter in text if letter.isalpha()]
    # Greek and all that stands behind it: Cyrillic, Hebrew, Arabic, Chinese.
    if sum("\u0370" <= letter < "\u1e00" or letter > "\u2e7f" for letter in letters) * 2 > len(
        letters
    ):
        return True
    said = {token.word for token in tokenise(text)}
    return not said.isdisjoint(words("foreign_complaints")) or len(said & words("foreign")) >= 2


def scanned(
    sources: Sequence[Source], *, age: int | None, blood_pressure: BloodPressure | None
) -> tuple[Source, ...]:
    """Every text that `screen` reads: the given ones and the measured values as words."""
    texts = list(sources)
    if age is not None:
        texts.append(Source("age", f"Age {age}"))
    if blood_pressure is not None:
        pair = f"{blood_pressure.systolic}/{blood_pressure.diastolic}"
        texts.append(
            Source(
                "blood_pressure", f"Blood pressure {pair} mmHg", written=blood_pressure.measured
            )
        )
    return tuple(texts)


def accept_model_conditions(
    screening: Screening,
    proposals: Iterable[Proposal],
    sources: Sequence[Source],
    *,
    as_of: date,
    clearance: Clearance | None = None,
) -> Screening:
    """`screening` with the model's findings added.

    A proposal counts when its code is known, its span has three letters or more and stands
    verbatim in a text of `sources`, and the lexicon did not judge that very span to be denied,
    somebody else's or past; of a red flag it must have been sure, for a stop too many costs a
    word with a doctor. The rest is dropped and counted. Nothing is ever removed.
    """
    evidence = list(screening.evidence)
    dropped = screening.dropped
    for proposal in proposals:
        source = next((s for s in sources if proposal.span and proposal.span in s.text), None)
        letters = sum(letter.isalpha() for letter in proposal.span)
        judged = any(
            found.code == proposal.code
            and found.verdict != "active"
            and (found.sure or found.code not in RED_FLAGS)
            and source is not None
            and found.source == source.name
            and (found.span in proposal.span or proposal.span in found.span)
            for found in screening.evidence
        )
        if source is None or letters < 3 or proposal.code not in CODES or judged:
            dropped += 1
            continue
        finding = Evidence(
            proposal.code, proposal.span, source.name, "llm", "active", source.written
        )
        if not any(_same(finding, found) for found in evidence):
            evidence.append(finding)
    concluded = _conclude(evidence, as_of=as_of, clearance=clearance)
    return replace(concluded, dropped=dropped)


def _same(one: Evidence, other: Evidence) -> bool:
    return (one.code, one.span, one.source, one.verdict) == (
        other.code,
        other.span,
        other.source,
        other.verdict,
    )


def _conclude(
    evidence: Sequence[Evidence], *, as_of: date, clearance: Clearance | None
) -> Screening:
    active = [found for found in evidence if found.verdict == "active"]
    codes = {found.code for found in active}
    if "bp_crisis" in codes:
        codes.add("hypertension")
    if "pregnancy_complication" in codes:
        codes.add("pregnancy")
    flags: dict[str, date | None] = {}
    for code in (code for code in CODES if code in codes & RED_FLAGS):
        noted = [found.noted for found in active if found.code == code]
        known = [day for day in noted if day is not None]
        flags[code] = max(known) if len(known) == len(noted) else None
    unread = [found for found in active if found.code == "other_condition"]
    return Screening(
        conditions=tuple(code for code in CODES if code in codes),
        evidence=tuple(evidence),
        stopped_by=still_stopping(flags, clearance, as_of),
        warnings=tuple(f"unrecognised_condition: in {name}" for name in _unique(unread)),
    )


def _unique(findings: Iterable[Evidence]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found.source for found in findings))


# -- one text ----------------------------------------------------------------------------------


def _read(source: Source, as_of: date) -> list[Evidence]:
    written = min(source.written, as_of) if source.written is not None else as_of
    readings = list(
        read_conditions(source.text, written=written, as_of=as_of, declared=source.declared)
    )
    pressures = list(
        read_pressures(
            source.text,
            measured=source.name == "blood_pressure",
            declared=source.declared,
        )
    )
    readings.extend(pressures)
    if source.declared:
        readings.extend(_unread(source.text, readings))
    found = dict.fromkeys(
        Evidence(r.code, r.span, source.name, "lexicon", r.verdict, source.written, r.sure)
        for r in sorted(readings, key=lambda r: (r.start, r.code))
    )
    return list(found)


# Words that end like these name a disease, in English and Spanish.
_DISEASE = re.compile(
    r"\b\w{2,}(?:itis|osis|[ae]emia|emia|opathy|patia|patía|algia|plegia|trophy|trofia|omas?)\b"
    r"|\b(?:syndrome|disease|disorder|enfermedad|s[ií]ndrome|trastorno)\b",
    re.IGNORECASE,
)


def _unread(text: str, readings: Sequence[Reading]) -> Iterable[Reading]:
    """The parts of a declared `text` that name something the lexicon does not know.

    A line, or a part between semicolons, in which nothing was found and which does not say
    "none"; a part between commas only if a word in it ends like the name of a disease.
    """
    taken = [(r.start, r.start + len(r.span)) for r in readings]
    for line in re.finditer(r"[^\n;]+", text):
        inside = any(line.start() <= start < line.end() for start, _ in taken)
        if not inside and not _says_nothing(line[0]):
            start = line.start() + len(line[0]) - len(line[0].lstrip())
            yield Reading("other_condition", line[0].strip(), start, "active")
            continue
        for part in re.finditer(r"[^,/+]+", line[0]):
            start, end = line.start() + part.start(), line.start() + part.end()
            named = _DISEASE.search(part[0])
            # An allergy excuses its own part of the line, not the disease beside it.
            if not named or (not inside and (_says_nothing(part[0]) or _disclaims(part[0]))):
                continue
            if not any(s < end and start < e for s, e in taken):
                yield Reading("other_condition", named[0], start + named.start(), "active")


# Numbers that tell of nothing by themselves: a date, a score, a nought, the number of a list.
_UNTOLD = re.compile(
    r"\b(?:19|20)\d\d(?:-\d{1,2}){0,2}\b|\b\d{1,2}[./-]\d{1,2}(?:[./-]\d{2,4})?\b|\b0+\b"
    r"|^\s*\d{1,2}[.)]?\s*$"
)


def _disclaims(text: str) -> bool:
    """Whether the text denies something, or speaks of the family."""
    disclaiming = words("negators") | words("relatives") | words("family")
    return any(token.word in disclaiming for token in tokenise(text))


def _says_nothing(text: str) -> bool:
    """Whether a declared text reports nothing, or nothing that matters for training."""
    said = [token.word for token in tokenise(text) if token.word[:1].isalpha()]
    if not said:
        return not any(letter.isdigit() for letter in _UNTOLD.sub("", text))
    if all(word in words("nothing") for word in said):
        return True
    return any(word in words("harmless") for word in said) and len(said) <= 12
