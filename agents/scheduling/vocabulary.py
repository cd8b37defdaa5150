"""The words a model may say of a proposed time; any other word is refused.

A list of bad words let "although nobody of your kind ever keeps it" stand. So the list is of good
words, and there is none for another time or day, a person, money, health, a promise, a negation
or a contrast; nor can a sentence command (see ``agents/closed_world.py``). Beside them it may use
facts of its own slot, each in its own sense: time, day and part of the day, the chance as
"86 % likely", and what was kept as "9 of 10".

Some words are true of some slots alone. Of a habit may be spoken where the client kept most
sessions at such times, of other clients where the record is theirs, of a wish where one is met,
of what is likely from `LIKELY_PERCENT` up, of a first session where few are known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agents.closed_world import FACT, Vocabulary, clauses, folded, ing, listed, stand_in, third
from agents.scheduling.attendance import PART_NAMES, part_of
from agents.scheduling.choose import Record
from agents.scheduling.slots import Slot

LIKELY_PERCENT = 60
"""From this chance, or share of sessions kept, in percent, words may call it a good one."""

_DAY_NAMES = (
    "mon monday", "tue tues tuesday", "wed wednesday", "thu thur thurs thursday", "fri friday",
    "sat saturday", "sun sunday",
)  # fmt: skip
_MONTH_NAMES = (
    "jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july",
    "aug august", "sep sept september", "oct october", "nov november", "dec december",
)  # fmt: skip

_OTHERS = listed("""
    a alike also an and are around as at be because been being both by during for from given
    had has have here in is it its like of on or since so such that the their them then there
    these they this those to very was were when which who with within you your

    appointment appointments candidate choice client client's day moment option part point
    possibility session sessions slot slots starting suggestion time times training way week
    workout workouts
""")
_OF_TIMES = listed("""
    available balanced based comfortable convenient done easy estimated excellent expected
    fitting good great handy ideal natural nice pleasant practical proposed reasonable
    recommended right same sensible similar simple smart solid sound suggested suitable suited
    useful workable
""")
_HOW = listed("""
    comfortably conveniently exactly neatly nicely perfectly simply well
""")
_NOUNS = listed("exercise fit match open start work")
_VERBS = listed("""
    align allow attend begin bring come complement continue exercise fall find fit fulfill give
    have help keep look make match meet offer provide remain represent seem serve stay suit
    support train work
""")
# Sayings whose single words could say something else: "hour", "gym", "schedule", "likely".
SAYINGS = (
    "this hour", "that hour", "such hours", "these hours", "this gym", "at the gym", "in the gym",
    "your schedule", "the client's schedule", "good place to start", "be kept", "being kept",
    "is kept", "get started", "makes sense", "good pick", "great pick", "in line with",
    "one at which", "across the gym", "most sessions", "likely kept",
    "likely attendance", "expected attendance", "estimated attendance", "of attendance",
    "a chance", "the chance", "a likelihood", "the likelihood", "a probability",
    "the probability", "estimated chance", "estimated likelihood", "estimated probability",
)  # fmt: skip

GIVEN: Mapping[str, frozenset[str]] = {
    "record": listed("kept attended past previous shown shows history"),
    "own good record": listed("""
        attendance attends backed consistency consistent consistently dependable dependably
        familiar frequently generally gone habit habits keeps mostly often pattern patterns
        record regular regularly reliable reliably routine routines steadily steady
        strong tend tends track typical typically usual usually
    """),
    "good record of others": listed("""
        all attendance clients everybody everyone many members other others popular record
        well-attended well-kept
    """),
    "likely": listed(
        "chance confident high likelihood likely probability promising reliable strong"
    ),
    "wish": listed("""
        ask asked fulfils honors honours preference preferences prefer preferred prefers
        request requested requests want wanted wish wished wishes
    """),
    "few sessions": listed("first new started"),
}
"""Words for some slots alone, by what must be so."""
_SPOKEN = Vocabulary(
    free=_OTHERS
    | _OF_TIMES
    | _HOW
    | {third(verb) for verb in _VERBS - {"attend", "have", "keep"}}
    | {ing(verb) for verb in _VERBS},
    nouns=_NOUNS,
    verbs=_VERBS,
)
WORDS = _SPOKEN.words()
"""Words for every slot, for the question to the model."""

_CHANCE = r"(?:estimated )?(?:likely|likelihood|chance|probability)"
_CHANCE_AHEAD = re.compile(rf",? (?:{_CHANCE}|to be kept)\b")
_CHANCE_BEHIND = re.compile(
    r"\b(?:estimated|expected|likely|likelihood|chance|probability)\b(?:,? [a-z]+){0,8}[ ,(]+$"
)
_SHARE = re.compile(r"\b(?:kept|attended)(?: at)? $")

_OWN_PAST = re.compile(r"\b(?:you|client|who)(?: \w+){0,2} (?:kept|attended)\b")
_OWN_PRESENT = re.compile(r"\byou(?: \w+ly)? (?:keep|attend)\b")
# That others kept such times is all that is known of them, and no time is held for anybody.
_UNTRUE = re.compile(
    r"\bwith (?:\w+ )?(?:clients|everybody|everyone|members|others|people)\b"
    r"|\bkept (?:\w+ )?for\b"
)
# A time may be called simple or easy, a person may not.
_PEOPLE = "clients?|everybody|everyone|members|others|they|you"
_OF_PEOPLE = re.compile(
    rf"\b(?:{_PEOPLE}) (?:\w+ )?(?:are|is|was|were|been|seems?|looks?|remains?|stays?)\b"
    r"(?! +it\b| likely\b)"
    rf"|\b(?:{'|'.join(sorted(_OF_TIMES))}) (?:clients?|members|others)\b"
)
_HABITUAL = r"sessions|appointments|workouts|times|hours|mornings|middays|afternoons|evenings"


@dataclass(frozen=True, slots=True)
class Subject:
    """One slot, and what is known of it. percent: its chance. wished: whether it meets a wish.
    few_sessions: few of the client's are known. client_id: whom a trainer's week names."""

    slot: Slot
    percent: int
    record: Record | None
    wished: bool
    few_sessions: bool
    client_id: int | None

    @property
    def own(self) -> bool:
        """Whether the record is the client's."""
        return self.record is not None and self.record.by != "gym"

    @property
    def mostly_kept(self) -> bool:
        """Whether the record may be called a good one."""
        kept = self.record
        return kept is not None and 100 * kept.kept >= LIKELY_PERCENT * kept.n

    def groups(self) -> list[str]:
        """The keys of `GIVEN` whose words are true of the slot."""
        likely = self.percent >= LIKELY_PERCENT
        true = {
            "record": self.record is not None,
            "own good record": self.own and self.mostly_kept and likely,
            "good record of others": self.record is not None and not self.own and self.mostly_kept,
            "likely": likely,
            "wish": self.wished,
            "few sessions": self.few_sessions,
        }
        return [name for name, holds in true.items() if holds]


def describes(text: str, subject: Subject) -> bool:
    """Whether `text` names the slot's own time and says nothing but these words and its facts.
    text: one line."""
    said = folded(text)
    time = rf"(?<![\d:.]){subject.slot.start:%H:%M}(?![\d:]|\.\d)"
    if re.search(time, said) is None:
        return False
    return all(_stands(clause, subject) for clause in clauses(re.sub(time, FACT, said)))


def _stands(clause: str, subject: Subject) -> bool:
    groups = subject.groups()
    if not subject.own and _OWN_PAST.search(clause):
        return False
    if "own good record" not in groups and _OWN_PRESENT.search(clause):
        return False
    if _UNTRUE.search(clause):
        return False
    if subject.client_id is not None:
        clause = re.sub(rf"\bclient #?{subject.client_id}\b", "client", clause)
    for fact in (*_date(subject), *_counts(subject)):
        clause = re.sub(fact, FACT, clause)
    clause = stand_in(_without_chance(clause, subject.percent), _phrases(subject), FACT)
    if _OF_PEOPLE.search(clause):
        return False
    return Vocabulary(
        _SPOKEN.free.union(*(GIVEN[name] for name in groups)), _SPOKEN.nouns, _SPOKEN.verbs
    ).admits(clause)


def _phrases(subject: Subject) -> Iterator[str]:
    """Sayings, the part of the day, and which part of the week it is."""
    yield from SAYINGS
    part = PART_NAMES[part_of(subject.slot.start.hour)]
    for name in (part, part.split()[-1]):
        yield from (name, f"{name}s", f"{name} schedule", f"{name} sessions suit", f"{name}s suit")
        yield f"most {name} sessions"
    if part.startswith("early"):
        yield "early"
    kind = "weekend" if subject.slot.start.isoweekday() > 5 else "weekday"
    yield from (kind, f"{kind}s")


def _without_chance(clause: str, percent: int) -> str:
    """`clause` with a fact in the place of "86 % likely" and of "a likelihood of 86 %"; a share of
    what was kept is none."""
    for number in reversed(list(re.finditer(rf"(?<![\d:.]){percent} ?(?:%|percent\b)", clause))):
        before, after = clause[: number.start()], clause[number.end() :]
        if ahead := _CHANCE_AHEAD.match(after):
            clause = f"{before}{FACT}{after[ahead.end() :]}"
        elif _CHANCE_BEHIND.search(before) and not _SHARE.search(before):
            clause = before + FACT + after
    return clause


def _date(subject: Subject) -> Iterator[str]:
    """How the slot's day is written. "Tuesdays" and "Tuesday sessions" are the record's days."""
    start, record = subject.slot.start, subject.record
    day = "|".join(_DAY_NAMES[start.weekday()].split())
    month = "|".join(_MONTH_NAMES[start.month - 1].split())
    number = rf"0?{start.day}(?:st|nd|rd|th)?"
    yield rf"\b(?:the )?{number}(?: of)? (?:{month})\b"
    yield rf"\b(?:{month}) {number}\b(?![:.]?\d)"
    if record is not None and record.by == "weekday_part":
        yield rf"\b(?:{day})s?\b"
    else:
        yield rf"\b(?:{day})\b(?! (?:\w+ ){{0,2}}(?:{_HABITUAL})\b)"


def _counts(subject: Subject) -> Iterator[str]:
    """How the slot's other numbers are written, each in its own sense."""
    record = subject.record
    yield rf"(?<![\d:.]){subject.slot.minutes}[ -]min(?:ute)?s?\b"
    if record is not None:
        whose = "the|these|those|your|their" if subject.own else "the|these|those"
        yield (
            rf"(?<![\d:.]){record.kept} (?:out )?of (?:(?:{whose}) )?(?:(?:last|past|previous) )?"
            rf"{record.n}(?!\d|[:.]\d| ?%)(?! (?:\w+ )?(?:clients|members|people|others)\b)"
        )
