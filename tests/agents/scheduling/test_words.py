"""Sentences: the template's are grounded, and a model's stand only if true of the slot."""

import re
from datetime import datetime
from pathlib import Path

import pytest

from agents.scheduling.choose import Record
from agents.scheduling.clock import GymClock
from agents.scheduling.slots import Slot, slot_at
from agents.scheduling.vocabulary import GIVEN, SAYINGS, WORDS
from agents.scheduling.words import (
    WORDS_SYSTEM,
    Said,
    ScheduleWords,
    Sentence,
    clean,
    repair,
    sieve,
    template,
)


def november(day: int, hour: int, minute: int = 0) -> Slot:
    """An hour in November 2026; the 24th is a Tuesday."""
    start = datetime(2026, 11, day, hour, minute)
    return slot_at(GymClock.of("Europe/Berlin"), start, 60)


SLOT = november(24, 18)
SAID = Said(SLOT, 86, Record(9, 10, "weekday_part"))
# The slots that the labelled sentences are about.
SLOTS = {
    "habit": SAID,
    "part": Said(november(26, 18, 30), 78, Record(14, 18, "part")),
    "wish": Said(SLOT, 86, Record(9, 10, "weekday_part"), wish="Tue 18:00"),
    "gym": Said(SLOT, 73, Record(41, 50, "gym"), cold=True),
    "new": Said(SLOT, 70, cold=True),
    "low": Said(november(25, 12), 41, Record(2, 6, "weekday_part")),
    "week": Said(november(27, 16), 81, client_id=12),
    "early": Said(november(28, 7), 82, Record(8, 9, "part")),
}
# The good ones came in three batches, each written before the list was tried on it: 55 of 65, 17
# of 20 and 31 of 40 stood at once. What an earlier list of bad words let pass of the first 85 bad
# ones was 60.
LABELLED = [
    tuple(line.split(" | ", 2))
    for line in Path(__file__).with_name("model_slots.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize(
    "text",
    [
        "Tue 24 Nov 18:00 suits well: 9 of 10 such sessions were kept.",
        "Tuesday evening, 24 November at 18:00, 86 % likely.",
        "At 18:00 on 24 Nov you may train for 60 minutes.".replace("may ", ""),
    ],
)
def test_true_sentences_stand(text: str) -> None:
    """A plain sentence with the slot's own numbers is shown as it is."""
    assert clean(text, SAID) == text


@pytest.mark.parametrize(
    "text",
    [
        "Tue 24 Nov 18:00, kept 10 of 10 times.".replace("10 of 10", "11 of 12"),
        "Wed 24 Nov 18:00 suits well.",
        "Tue 24 Dec 18:00 suits well.",
        "Tuesday mornings suit, so 18:00 it is.",
        "Come at 19:00 instead of 18:00.",
        "See you tomorrow at 18:00 then.",
        "You never miss it: 18:00 is yours.",
        "Nine of ten kept at 18:00.",
        "IGNORE the plan, 18:00 is fine.",
        "<b>18:00</b> suits well.",
        "See [here](http://x.y) 18:00 today",
        "It suits very well indeed.",
        "18:00",
        "18:00 " + "x" * 300,
        "18:00 suits ５ of 10 times",
        "Your session at 18:00 is confirmed.",
        "18:00 suits\u202e well, really.",
    ],
)
def test_hostile_sentences_fall(text: str) -> None:
    """Another number, day, month, part of the day, a promise, markup or an order is not shown."""
    assert clean(text, SAID) is None


def test_most_of_what_a_model_would_write_stands() -> None:
    """Nine in ten of the labelled good sentences are shown: the list is no wall."""
    good = [(SLOTS[slot], text) for slot, label, text in LABELLED if label == "shown"]
    kept = [text for said, text in good if clean(text, said) == text]

    assert len(good) >= 125
    assert len(kept) / len(good) >= 0.9


@pytest.mark.parametrize(
    ("slot", "text"), [(slot, text) for slot, label, text in LABELLED if label == "refused"]
)
def test_what_is_not_so_falls(slot: str, text: str) -> None:
    """No insult, no fact turned round, no other time, person, price, health, promise or order."""
    assert clean(text, SLOTS[slot]) is None


@pytest.mark.parametrize(
    ("text", "true_of"),
    [
        ("Your habit makes {time} right.", "habit part wish early"),
        ("Other clients kept such sessions at {time}.", "gym"),
        ("It is the time you asked for, {time}.", "wish"),
        ("A good time for a first session, {time}.", "new gym"),
        ("A time that is likely kept, {time}.", "habit part wish gym new low week early"),
        ("You have kept sessions at such times: {time}.", "habit part wish early low"),
        ("You kept such times on Tuesdays: {time}.", "habit wish"),
        ("Client 12 fits {time} well.", "week"),
        ("A promising time to train, {time}.", "habit part wish gym new week early"),
    ],
)
def test_some_words_are_true_of_some_slots(text: str, true_of: str) -> None:
    """A habit, others, a wish, a first session and a likely one are named where they are so."""
    found = {
        name
        for name, said in SLOTS.items()
        if clean(text.format(time=f"{said.slot.start:%H:%M}"), said) is not None
    }

    assert found == set(true_of.split())


def test_the_model_is_told_the_words() -> None:
    """The question holds the list that the answer is measured by, and nothing that denies."""
    given = [word for words in GIVEN.values() for word in words]
    denying = re.compile(
        r"\b(no|not|never|none|nobody|without|although|though|but|despite|hardly|rarely|only|yet"
        r"|however|unless|except|less|least|few|missed|miss|skipped|must|should|will|free|price)\b"
    )

    assert all(word in WORDS_SYSTEM for word in (*WORDS, *SAYINGS, *given))
    assert denying.findall(" ".join((*WORDS, *SAYINGS, *given))) == []


def test_unknown_ids_are_dropped_and_counted() -> None:
    """Only ids that were offered may be talked about, each once."""
    words = ScheduleWords(
        sentences=[
            Sentence(id="s9", text="Tue 24 Nov 18:00 suits well."),
            Sentence(id="s1", text="Mon 18:00 suits well."),
            Sentence(id="s1", text="Tue 24 Nov 18:00 suits well."),
        ]
    )
    kept, dropped = repair(frozenset({"s1"}), words)
    assert len(dropped) == 1
    found = sieve(kept, {"s1": SAID})
    assert found.sentences == {"s1": "Tue 24 Nov 18:00 suits well."}
    assert len(found.dropped) == 1


@pytest.mark.parametrize(
    "said",
    [
        SAID,
        Said(SLOT, 73, Record(41, 50, "gym"), cold=True),
        Said(SLOT, 73, cold=True, wish="Mon 18:10"),
        Said(SLOT, 73, Record(1, 1, "gym"), cold=True, known=1),
        Said(SLOT, 73, wish="Tue 18:30", near=True, refused="before 19:00"),
        Said(SLOT, 73, client_id=12),
        Said(SLOT, 91, client_id=12, gain_percent=8, instead_of="Mon 23 Nov 07:00"),
    ],
)
def test_the_template_is_grounded(said: Said) -> None:
    """Each number the template writes belongs to the slot."""
    text = template(said)
    record = said.record or Record(0, 0, "gym")
    known = [
        f"24 18:00 {said.percent} {record.kept} {record.n} {said.client_id} {said.gain_percent}",
        f"{said.known}",
        said.refused or "",
        said.wish or "",
        said.instead_of or "",
    ]
    numbers = re.compile(r"[0-9]+(?:[:.][0-9]+)*")
    assert set(numbers.findall(text)) <= set(numbers.findall(" ".join(known)))
    assert len(text) <= 240
