"""What an exercise's name says about it, in regular expressions.

Tags are set by hand and names are written by hand, so each one checks the other: a deadlift that
is not tagged as a loaded hinge is a slip in one of them. Names alone are never enough to screen
an exercise (an unflagged machine may be harmful, too); they only catch tags that lie.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from .view import Fact

Test = Callable[[Fact], bool]


class NameRule(NamedTuple):
    """A name that matches `named` but not `unless` must satisfy `holds`."""

    named: re.Pattern[str]
    unless: re.Pattern[str] | None
    wanted: str
    holds: Test


def _rule(named: str, wanted: str, holds: Test, unless: str = "") -> NameRule:
    return NameRule(
        re.compile(rf"\b(?:{named})\b"),
        re.compile(rf"\b(?:{unless})\b") if unless else None,
        wanted,
        holds,
    )


def _tag(word: str) -> Test:
    return lambda fact: word in fact.tags


def _gear(*any_of: str) -> Test:
    wanted = frozenset(any_of)
    return lambda fact: bool(fact.gear & wanted)


def _barbell_squat(fact: Fact) -> bool:
    return fact.axial >= 2 and "rack" in fact.gear


IMPACT_WORDS = r"jump\w*|hop|hops|hopping|burpees?|runs?|running|jogs?|jogging|sprint\w*|bound\w*"
UPRIGHT = r"supported|seated|machine|chest supported|seal"

NAME_RULES: tuple[NameRule, ...] = (
    _rule("deadlifts?|good mornings?", "the flag loaded_hinge", _tag("loaded_hinge")),
    _rule("swings?", "the flag loaded_hinge", _tag("loaded_hinge"), "(leg|arm|hip) swings?"),
    _rule(
        "bent over( \\w+)* rows?|t bar rows?|pendlay rows?",
        "the flag loaded_hinge",
        _tag("loaded_hinge"),
        UPRIGHT,
    ),
    _rule("barbell( \\w+)* squats?", "axial 2 and a rack", _barbell_squat, "hack|landmine"),
    _rule(
        "squats?|lunges?|step ups?|pistols?",
        "the flag deep_knee_flexion",
        _tag("deep_knee_flexion"),
        "box|chair|partial|half|quarter|mini",
    ),
    _rule(IMPACT_WORDS, "impact 1 or 2", lambda fact: fact.impact >= 1),
    _rule(
        "floor press|bench press|lying",
        "the position supine",
        _tag("supine"),
        "side lying|lying leg curls?|prone|face down",
    ),
    _rule("lying leg curls?|prone|face down", "the position prone", _tag("prone")),
    _rule("side lying", "the position side", _tag("side")),
    _rule("crunch|crunches|sit ups?", "the flag spinal_flexion", _tag("spinal_flexion")),
    _rule("russian twists?|wood ?chops?", "the flag spinal_rotation", _tag("spinal_rotation")),
    _rule("pull ?ups?|chin ?ups?|hanging", "a pullup_bar", _gear("pullup_bar")),
    _rule("upright rows?", "the flag upright_row", _tag("upright_row")),
    _rule("behind (the )?neck", "the flag behind_neck", _tag("behind_neck")),
    _rule("dips?", "the flag dip", _tag("dip"), "hip dips?"),
    _rule("leg extensions?|knee extensions?", "the flag leg_extension", _tag("leg_extension")),
    _rule(
        "flys?|flyes|flies",
        "the flag wide_fly",
        _tag("wide_fly"),
        "reverse|rear delt|bent over|rear",
    ),
    _rule(
        "overhead|military press|shoulder press|push press|handstands?",
        "the flag overhead",
        _tag("overhead"),
    ),
    _rule("handstands?|headstands?", "the position inverted", _tag("inverted")),
    _rule("downward dog|down dog", "the flag head_down", _tag("head_down")),
    _rule("dumbbells?", "dumbbells", _gear("dumbbells")),
    _rule("barbell|ez bar", "a barbell", _gear("barbell")),
    _rule("kettlebells?", "a kettlebell", _gear("kettlebell")),
    _rule("cable", "a cable", _gear("cable")),
    _rule("banded|bands?", "bands", _gear("bands")),
    _rule("trx|suspension", "a trx", _gear("trx")),
    _rule("medicine ball", "a medicine_ball", _gear("medicine_ball")),
    _rule("machine|smith|leg press", "a machine", _gear("machine", "cardio_machine")),
    _rule("jump rope|skipping rope", "a jump_rope", _gear("jump_rope")),
    _rule(
        "treadmill|elliptical|stationary bike|rower", "a cardio_machine", _gear("cardio_machine")
    ),
    _rule("bench press|bench dips?", "a bench", _gear("bench", "machine")),
    _rule("box jumps?", "a box", _gear("box")),
)


def plain_name(name: str) -> str:
    """`name` in lower case with single spaces for every hyphen and sign."""
    return re.sub(r"[^a-z0-9]+", " ", name.lower()).strip()


def name_slips(fact: Fact) -> Iterator[str]:
    """What the name promises and the tags do not hold."""
    name = plain_name(fact.name)
    for rule in NAME_RULES:
        if not rule.named.search(name) or (rule.unless and rule.unless.search(name)):
            continue
        if not rule.holds(fact):
            yield f"{fact.name!r} is not tagged with {rule.wanted}"


def has_impact(name: str) -> bool:
    """Whether a drill known by its name alone is a jump or a run."""
    return (
        re.search(rf"\b(?:{IMPACT_WORDS}|jumping jacks?|skipping)\b", plain_name(name)) is not None
    )


POSITION_WORDS = {
    "supine": r"supine|lying|on your back|bridge|dead bug",
    "prone": r"prone|face down|plank|push up|superman|cobra",
    "inverted": r"handstand|headstand|inverted|shoulder stand",
    "head_down": r"downward dog|down dog|toe touch|toe touches|forward fold",
}


def tags_of_name(name: str) -> frozenset[str]:
    """Positions that a drill known by its name alone puts the client in."""
    plain = plain_name(name)
    on_side = "side lying" in plain
    return frozenset(
        tag
        for tag, words in POSITION_WORDS.items()
        if re.search(rf"\b(?:{words})\b", plain) and not (on_side and tag == "supine")
    )


@lru_cache(maxsize=65_536)
def word_forms(word: str) -> frozenset[str]:
    """What `word` may be short for: itself, its singular, and the verb behind an -ing."""
    forms = {word}
    for ending in ("s", "es", "ing"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= 3:
            forms.add(stem)
            if ending == "ing":
                forms |= {stem + "e", stem[:-1]} if stem[-1] == stem[-2] else {stem + "e"}
    if word.endswith("ies"):
        forms.add(word[:-3] + "y")
    return frozenset(forms)


def same_words(first: str, second: str) -> bool:
    """Whether two texts are the same words, whatever their endings."""
    one, two = plain_name(first).split(), plain_name(second).split()
    return len(one) == len(two) and all(
        word_forms(a) & word_forms(b) for a, b in zip(one, two, strict=True)
    )


@lru_cache(maxsize=65_536)
def says(name: str, wish: str) -> bool:
    """Whether the words of `wish` stand, one after the other, somewhere in `name`, in any ending
    ("running" meets "Run") and however they are joined ("pullups" meets "Pull-Up")."""
    given, wanted = plain_name(name).split(), plain_name(wish)
    if not wanted:
        return False
    glued = wanted.replace(" ", "")
    for start in range(len(given)):
        for end in range(start + 1, len(given) + 1):
            part = given[start:end]
            if same_words(" ".join(part), wanted) or word_forms("".join(part)) & word_forms(glued):
                return True
    return False
