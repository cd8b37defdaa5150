"""Sentences: the template's are grounded, and a model's stand only if true of the slot."""

import re
from datetime import datetime

import pytest

from agents.scheduling.choose import Record
from agents.scheduling.clock import GymClock
from agents.scheduling.slots import slot_at
from agents.scheduling.words import (
    Said,
    ScheduleWords,
    Sentence,
    clean,
    repair,
    sieve,
    template,
)

SLOT = slot_at(GymClock.of("Europe/Berlin"), datetime(2026, 11, 24, 18), 60)
SAID = Said(SLOT, 86, Record(9, 10, "weekday_part"))


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
        Said(SLOT, 73, client_id=12),
        Said(SLOT, 91, client_id=12, gain_percent=8, instead_of="Mon 23 Nov 07:00"),
    ],
)
def test_the_template_is_grounded(said: Said) -> None:
    """Each number the template writes belongs to the slot."""
    text = template(said)
    assert set(re.findall(r"[0-9]+(?:[:.][0-9]+)*", text)) <= said.numbers()
    assert len(text) <= 240
