"""The sentence beside each slot: a template from the numbers, or the model's in its place.

The model is asked once, when all slots are final. It sees ids, times and counts, nothing that a
person typed, and may answer with those ids alone. Its sentence stands only if it is short and
plain, and made of the words of ``vocabulary.py`` and of facts of the slot it talks about;
otherwise the template's stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from agents.closed_world import plain_line
from agents.scheduling.attendance import PART_NAMES, part_of
from agents.scheduling.choose import Record, when
from agents.scheduling.preferences import WEEKDAY_NAMES
from agents.scheduling.slots import Slot
from agents.scheduling.vocabulary import GIVEN, LIKELY_PERCENT, SAYINGS, WORDS, Subject, describes

LONGEST = 240

_LIKELY = f"`likely_percent` is {LIKELY_PERCENT} or more"
_WHEN_TRUE = {
    "record": "`kept` is known",
    "own good record": f"`kept_by` is this client, and most were kept, and {_LIKELY}",
    "good record of others": "`kept_by` is everybody, and most were kept",
    "likely": _LIKELY,
    "wish": "`wished_for`",
    "few sessions": "`few_sessions`",
}
_GIVEN = "\n".join(
    f"- {_WHEN_TRUE[name]}: {' '.join(sorted(words))}" for name, words in GIVEN.items()
)
WORDS_SYSTEM = f"""\
You word appointment suggestions for a gym. An algorithm chose the times; they are final and you \
cannot change them. The user message is data in JSON.

Return `sentences`: for ids listed in `slots`, one plain English sentence each (at most 200 \
characters) that names the time as given in `when` and says why it suits: how likely it is kept, \
as "86 % likely"; what `kept_by` kept at such times, as "9 of 10"; a wish that it meets. \
Describe, never instruct, and use only ids that occur in the data.

A sentence with any other word than the slot's own facts and the following is thrown away, so it \
can deny nothing and name no other time, person, price or state of health: {" ".join(WORDS)}; the \
phrases {", ".join(SAYINGS)}; and where it is so:
{_GIVEN}
"""

_PLAIN = re.compile(r"[A-Za-z0-9 ,.:;!'()%#\u2019\u2013-]*")


class Sentence(BaseModel):
    """A sentence about one slot."""

    model_config = ConfigDict(extra="forbid")

    id: str
    text: str


class ScheduleWords(BaseModel):
    """The model's answer."""

    model_config = ConfigDict(extra="forbid")

    sentences: list[Sentence] = Field(max_length=20)


@dataclass(frozen=True, slots=True)
class Said:
    """What is known about one suggestion. percent: its chance. wish: the preference it meets, in
    our words; near: it does so only nearly. refused: what it should have avoided. cold: few of the
    client's sessions are known, `known` of them. client_id: named in a week. gain_percent,
    instead_of: of a move. lean: how times like it were received, -1 to 1.
    """

    slot: Slot
    percent: int
    record: Record | None = None
    wish: str | None = None
    cold: bool = False
    known: int = 0
    client_id: int | None = None
    gain_percent: int | None = None
    instead_of: str | None = None
    lean: float = 0.0
    near: bool = False
    refused: str | None = None

    @property
    def wished(self) -> bool:
        """Whether it meets a wish."""
        return self.wish is not None and not self.near

    def subject(self) -> Subject:
        """What a sentence about it may speak of."""
        return Subject(
            self.slot, self.percent, self.record, self.wished, self.cold, self.client_id
        )

    def data(self) -> dict[str, Any]:
        """What the model may know."""
        return {
            "when": when(self.slot),
            "minutes": self.slot.minutes,
            "part_of_day": PART_NAMES[part_of(self.slot.start.hour)],
            "likely_percent": self.percent,
            "kept": f"{self.record.kept} of {self.record.n}" if self.record else None,
            "kept_by": "everybody" if self.record and self.record.by == "gym" else "this client",
            "kept_at": self._kept_at(),
            "few_sessions": self.cold,
            "wished_for": self.wished,
            "client_id": self.client_id,
        }

    def _kept_at(self) -> str | None:
        """Of which sessions the record is, e.g. ``Tue evening``."""
        if self.record is None:
            return None
        start = self.slot.start
        part = PART_NAMES[part_of(start.hour)]
        day = f"{WEEKDAY_NAMES[start.weekday()]} " if self.record.by == "weekday_part" else ""
        return f"{day}{part}"


def template(said: Said) -> str:
    """The sentence that needs no model."""
    parts = [when(said.slot)]
    if said.client_id is not None:
        parts[0] += f" for client {said.client_id}"
    if said.instead_of is not None:
        parts.append(f"instead of {said.instead_of}, {said.gain_percent} points likelier kept")
        return ", ".join(parts)
    if said.wish is not None:
        parts.append(f"{'close to the wish' if said.near else 'as wished'} ({said.wish})")
    if said.refused is not None:
        parts.append(f"although not wished ({said.refused})")
    if said.cold:
        sessions = "1 session" if said.known == 1 else f"{said.known} sessions"
        parts.append(
            f"only {sessions} of the client known"
            if said.known
            else "no attendance history of the client yet"
        )
        if said.record is not None and said.record.by == "gym":
            parts.append(f"other clients kept {said.record.kept} of {said.record.n} at such times")
        parts.append(f"an estimated {said.percent} % likely kept")
        return ", ".join(parts)
    if said.record is not None and said.record.by != "gym":
        parts.append(f"kept {said.record.kept} of {said.record.n} times at such hours")
    parts.append(f"{said.percent} % likely kept")
    return ", ".join(parts)


@dataclass(slots=True)
class Kept:
    """Sentences that may be shown, by id, and what was dropped."""

    sentences: dict[str, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)


def repair(known: frozenset[str], words: ScheduleWords) -> tuple[ScheduleWords, Sequence[str]]:
    """`words` without ids that were not offered, and what was dropped."""
    kept = [s for s in words.sentences if s.id in known]
    lost = len(words.sentences) - len(kept)
    dropped = [f"sentences: {lost} outside what was offered"] if lost else []
    return ScheduleWords(sentences=kept), dropped


def sieve(words: ScheduleWords, said: Mapping[str, Said]) -> Kept:
    """The first sentence of each slot that may be shown."""
    kept = Kept()
    for sentence in words.sentences:
        if sentence.id in kept.sentences or sentence.id not in said:
            continue
        text = clean(sentence.text, said[sentence.id])
        if text is None:
            kept.dropped.append("sentence: a text that may not be shown")
        else:
            kept.sentences[sentence.id] = text
    kept.dropped = list(dict.fromkeys(kept.dropped))
    return kept


def unusable(words: ScheduleWords, said: Mapping[str, Said]) -> list[str]:
    """Why nothing of `words` can be shown; empty if something can."""
    if sieve(words, said).sentences:
        return []
    return ["no sentence names its slot's own time, as in `when`, and keeps to the rules"]


def clean(text: str, said: Said) -> str | None:
    """`text` on one line if it may be shown beside the slot, else None."""
    line = plain_line(text, _PLAIN, LONGEST)
    return line if line is not None and describes(line, said.subject()) else None
