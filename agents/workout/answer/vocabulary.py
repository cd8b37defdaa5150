"""The words a model may describe an exercise or a plan with; any other word is refused.

Free text beside a prescription cannot be made safe by a list of bad words: "twenty sets", "until
it burns", "hold your breath", "your heart is healthy" and the same in Spanish are made of words
that no such list foresaw. So the list is of good words. They say what an exercise trains and what
for, and there is none for an amount, a load, a pace, a day, pain, breath, rest, a warm-up, a joint
or a state of health; nor a negation, which could turn the others round. Beside them a sentence
may use the exercise's own name, muscles it really trains and what it is done with.

Nor can it command: a bare verb stands only behind "you", "to" or "help", or joined to one that
does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agents.workout.exercises.exercise import Exercise

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_CLAUSE = re.compile(r"[.!;:]")
# The client's body as it is now: nobody looked at it.
_STATE = re.compile(r"\byour?\b.*\bis\b")

# Where the single words could say something else: "each", "all", "weight", "easy".
SAYINGS = (
    "week by week", "every week", "each week", "easy to learn", "simple to learn", "each other",
    "all parts of the body", "full body", "everyday life",
)  # fmt: skip
_GOAL_SAYINGS = {
    "weight_loss": ("weight loss", "fat loss"),
    "hypertrophy": ("muscle gain", "hypertrophy"),
}


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_OTHERS = _listed("""
    a also an and as at because between both but by for from in into it its of on or our so that
    the their them these they this through to together towards toward while which with within you
    your is body part parts whole area areas base basis foundation block choice option addition way
    balance control power progress support tone form fit training
    exercises movement movements motion workout workouts session sessions week weeks
    routine pattern style position technique posture variety mix
    muscle muscles strength endurance fitness stability coordination size growth development
    muscular functional athletic trained goal goals level side sides leg
    steady simple strong stronger good great solid nice sound effective efficient useful helpful
    practical basic classic compound isolated stable balanced even controlled smooth clear direct
    focused versatile key central main overall general important natural suitable ideal better
    excellent essential reliable straightforward varied well-rounded targeted dynamic
    simply steadily evenly directly mainly well naturally effectively efficiently mostly
    especially particularly primarily nicely
""")
# Nouns that at the head of a clause would be commands.
_NOUNS = _listed("""
    aim bridge carry challenge curl exercise focus help hinge lunge plan press program pull push
    raise row shape squat work
""")
_VERBS = _listed("""
    activate become benefit bring build combine complement contribute cover develop emphasise
    emphasize engage enhance gain get give grow improve involve isolate keep leave maintain make
    match move offer promote provide reach round serve stabilise stabilize stay strengthen suit
    target teach train use
    aim balance challenge control fit focus help shape support tone work
""")
_LEADS = frozenset(("you", "to", "help", "helps"))

_MUSCLES: dict[str, tuple[str, ...]] = {
    "quads": ("quads", "quadriceps", "thighs"),
    "hamstrings": ("hamstrings", "thighs"),
    "glutes": ("glutes", "buttocks", "hips"),
    "chest": ("chest", "pecs"),
    "back": ("back", "upper back", "lats"),
    "shoulders": ("shoulders", "delts"),
    "biceps": ("biceps",),
    "triceps": ("triceps",),
    "calves": ("calves",),
    "core": ("core", "trunk", "abs"),
    "lower_back": ("lower back", "trunk"),
    "forearms": ("forearms", "grip"),
    "adductors": ("adductors", "inner thighs"),
    "neck": ("neck",),
}
_REGIONS: dict[str, tuple[str, ...]] = {
    "legs": ("quads", "hamstrings", "glutes", "calves", "adductors"),
    "lower body": ("quads", "hamstrings", "glutes", "calves", "adductors"),
    "arms": ("biceps", "triceps", "forearms"),
    "upper body": ("chest", "back", "shoulders", "biceps", "triceps", "forearms"),
}
_THINGS: dict[str, tuple[str, ...]] = {
    "bodyweight": ("bodyweight",),
    "dumbbells": ("dumbbell", "dumbbells"),
    "barbell": ("barbell",),
    "kettlebell": ("kettlebell", "kettlebells"),
    "machine": ("machine", "machines"),
    "cable": ("cable", "cables"),
    "bands": ("band", "bands"),
    "medicine_ball": ("medicine ball",),
    "bench": ("bench",),
    "box": ("box",),
    "pullup_bar": ("bar",),
}


def _third(verb: str) -> str:
    """builds, teaches, focuses."""
    return f"{verb}es" if verb.endswith(("ch", "sh", "ss", "us")) else f"{verb}s"


def _ing(verb: str) -> str:
    """building, using, getting."""
    if verb.endswith("e"):
        return f"{verb[:-1]}ing"
    return f"{verb}{verb[-1]}ing" if verb in ("fit", "get", "control") else f"{verb}ing"


_FREE = (
    _OTHERS
    | {_third(verb) for verb in _VERBS}
    | {_ing(verb) for verb in _VERBS}
    | {_ing(noun) for noun in ("curl", "press", "pull", "push", "row", "carry", "hinge", "lunge")}
)
WORDS = tuple(sorted(_FREE | _NOUNS | _VERBS))
"""All words that stand for themselves, for the question to the model."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a sentence is about. names, words: what it may be called, and what else belongs to it;
    lower case, longest first."""

    names: tuple[str, ...]
    words: tuple[str, ...]

    @classmethod
    def of(cls, exercises: Iterable[Exercise], goal: str) -> Subject:
        """One exercise, or a plan of several; of several none is named, as no sentence about all
        is true of each."""
        items = tuple(exercises)
        trained = {muscle for item in items for muscle in (*item.prim, *item.sec)}
        things = {thing for item in items for thing in (*item.equipment, *item.needs)}
        words = {word for muscle in trained for word in _MUSCLES[muscle]}
        words |= {name for name, within in _REGIONS.items() if trained.intersection(within)}
        words |= {word for thing in things for word in _THINGS.get(thing, ())}
        words |= {*SAYINGS, *_GOAL_SAYINGS.get(goal, ())}
        names = (items[0].name.casefold(),) if len(items) == 1 else ()
        return cls(names, tuple(sorted(words, key=lambda word: (-len(word), word))))


def describes(text: str, subject: Subject) -> bool:
    """Whether `text` is made of these words alone, and commands nothing. text: one line."""
    folded = text.casefold().replace("\u2019", "'")
    for name in subject.names:
        folded = folded.replace(name, " it ")
    # A word that is known as part of the subject reads like "it" from here on.
    known = re.compile(r"\b(?:" + "|".join(map(re.escape, subject.words)) + r")\b")
    folded = known.sub(" it ", folded)
    return all(_fits(clause) for clause in _CLAUSE.split(folded))


def _fits(clause: str) -> bool:
    if _STATE.search(clause):
        return False
    led = False
    before = ","
    for word in _tokens(clause):
        follows = before in _LEADS or (led and before == "and")
        if word in _FREE or word == ",":
            pass
        elif word in _VERBS and follows:
            led = True
        elif word not in _NOUNS or before == ",":
            return False
        before = word
    return True


def _tokens(clause: str) -> Iterator[str]:
    """Words and commas; a comma begins a part that could command."""
    for part in re.finditer(rf"{_WORD.pattern}|[^\s]", clause):
        if part[0] in "()'\"-\u2013":
            yield ","
        else:
            yield part[0]
