"""The sentence beside each slot: a template from the numbers, or the model's in its place.

The model is asked once, when all slots are final. It sees ids, times and counts, nothing that a
person typed, and may answer with those ids alone. Its sentence stands only if it is short and
plain, if each number in it belongs to the slot it talks about, and if it names no weekday, month
or part of the day but the slot's own; otherwise the template's stands.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from agents.scheduling.attendance import PART_NAMES, part_of
from agents.scheduling.choose import Record, when
from agents.scheduling.slots import Slot

LONGEST, _SHORTEST = 240, 12

WORDS_SYSTEM = """\
You word appointment suggestions for a gym. An algorithm chose the times; they are final and you \
cannot change them. The user message is data in JSON.

Return `sentences`: for ids listed in `slots`, one plain English sentence each (at most 200 \
characters) that names the time as given in `when` and says why it suits. Use no numbers but \
those of that slot, no other day, month or time, no markup, no links, no names of people, no \
promises. Use only ids that occur in the data.
"""

_NUMBER = re.compile(r"[0-9]+(?:[:.][0-9]+)*")
_PLAIN = re.compile(r"[A-Za-z0-9 ,.:;!?'()%\u2019\u2013-]*")
_UNWANTED = re.compile(
    r"\b(today|tonight|tomorrow|yesterday|noon|midnight|midday|cancel\w*|booked|confirmed|free of"
    r"|guarantee\w*|certain(ly)?|always|never|must|ignore\w*|instruction\w*|system|prompt|password"
    r"|http\w*|www|click|call|pay\w*|price\w*|discount\w*|doctor|medic\w*|diagnos\w*|cleared"
    r"|am|pm|a\.m|p\.m|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|half"
    r"|quarter|hundred|percent)\b"
)
_DAYS = {
    form: place
    for place, forms in enumerate(
        ("mon monday", "tue tues tuesday", "wed wednesday", "thu thur thurs thursday",
         "fri friday", "sat saturday", "sun sunday")
    )
    for form in forms.split()
}  # fmt: skip
_MONTHS = {
    form: place
    for place, forms in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july",
         "aug august", "sep sept september", "oct october", "nov november", "dec december")
    )
    for form in forms.split()
}  # fmt: skip
_TIMES = {"morning": (0, 12), "afternoon": (12, 18), "evening": (16, 24), "night": (20, 24)}


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
    our words. client_id: named in a week. gain_percent, instead_of: of a move. lean: how
    times like it were received, -1 to 1."""

    slot: Slot
    percent: int
    record: Record | None = None
    wish: str | None = None
    cold: bool = False
    client_id: int | None = None
    gain_percent: int | None = None
    instead_of: str | None = None
    lean: float = 0.0

    def numbers(self) -> frozenset[str]:
        """Every numeral a sentence about it may contain."""
        start = self.slot.start
        told = [
            when(self.slot),
            start.isoformat(),
            f"{start.day} {start.hour} {start:%H} {start:%H:%M} {start.hour}:{start:%M}",
            f"{self.percent} {self.slot.minutes}",
            f"{self.record.kept} {self.record.n}" if self.record else "",
            self.wish or "",
            f"{self.gain_percent}" if self.gain_percent is not None else "",
            self.instead_of or "",
            f"{self.client_id}" if self.client_id is not None else "",
        ]
        return frozenset(_NUMBER.findall(" ".join(told)))

    def data(self) -> dict[str, Any]:
        """What the model may know."""
        return {
            "when": when(self.slot),
            "part_of_day": PART_NAMES[part_of(self.slot.start.hour)],
            "likely_percent": self.percent,
            "kept": f"{self.record.kept} of {self.record.n}" if self.record else None,
            "kept_by": "everybody" if self.record and self.record.by == "gym" else "this client",
            "wished_for": self.wish is not None,
            "client_id": self.client_id,
        }


def template(said: Said) -> str:
    """The sentence that needs no model."""
    parts = [when(said.slot)]
    if said.client_id is not None:
        parts[0] += f" for client {said.client_id}"
    if said.instead_of is not None:
        parts.append(f"instead of {said.instead_of}, {said.gain_percent} points likelier kept")
        return ", ".join(parts)
    if said.wish is not None:
        parts.append(f"as wished ({said.wish})")
    if said.cold:
        parts.append("no attendance history of the client yet")
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
    line = " ".join(unicodedata.normalize("NFKC", text).split())
    if not _SHORTEST <= len(line) <= LONGEST or not _PLAIN.fullmatch(line):
        return None
    if any(word.isupper() and len(word) > 3 for word in re.findall(r"[A-Za-z]+", line)):
        return None
    folded = line.casefold()
    if _UNWANTED.search(folded):
        return None
    if not said.numbers().issuperset(_NUMBER.findall(line)):
        return None
    # Without its own time a sentence could stand beside the wrong slot unnoticed.
    if f"{said.slot.start:%H:%M}" not in line:
        return None
    return line if _of_this_time(folded, said) else None


def _of_this_time(folded: str, said: Said) -> bool:
    start = said.slot.start
    for word in re.findall(r"[a-z]+", folded):
        single = word.removesuffix("s")
        day = _DAYS.get(word, _DAYS.get(single))
        # "may" and "sat" are ordinary words too; as a wrong month or day they are no loss.
        month = _MONTHS.get(word)
        hours = _TIMES.get(word, _TIMES.get(single))
        if day is not None and day != start.weekday():
            return False
        if month is not None and month != start.month - 1:
            return False
        if hours is not None and not hours[0] <= start.hour < hours[1]:
            return False
    return True
