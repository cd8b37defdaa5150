"""The words a model may describe an exercise or a plan with; any other word is refused.

Free text beside a prescription cannot be made safe by a list of bad words: "twenty sets", "until
it burns", "hold your breath", "your heart is healthy" and the same in Spanish are made of words
that no such list foresaw. So the list is of good words. They say what an exercise trains and what
for, and there is none for an amount, a load, a pace, a day, pain, breath, rest, a warm-up, a joint
or a state of health; nor a negation, which could turn the others round. Beside them a sentence
may use the exercise's own name, muscles it really trains, what it is done with, and what else the
catalogue says of it: "single-leg" of one-sided work alone, "explosive" of power work alone.

Nor can it command (see ``agents/closed_world.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from agents.closed_world import FACT, Vocabulary, clauses, folded, ing, listed, stand_in, third
from agents.workout.exercises.exercise import Exercise

# The client's body as it is now: nobody looked at it. "Lets you train it, which is good" is none.
_STATE = re.compile(
    r"\b(?:your|client's)\b.*\b(?:is|needs?|requires?|demands?)\b"
    r"|\byou\b(?:(?!\bwhich\b).)*\bis\b"
)
# What somebody has to do: the plan says that, in numbers.
_DUTY = re.compile(r"\b(?:important|essential|needed)(?: for you)? (?:that|to)\b")

_EVERYDAY = (
    "life", "living", "activities", "tasks", "movement", "movements", "balance", "strength",
    "lifting", "carrying", "pushing", "pulling",
)  # fmt: skip
_MORE = (
    "advanced", "athletic", "balanced", "challenging", "controlled", "demanding", "effective",
    "efficient", "emphasis", "functional", "powerful", "stable", "upright",
)  # fmt: skip
_SIZES = ("big", "large", "larger", "largest", "major", "small", "smaller")
_INCREASED = ("strength", "power", "endurance", "stability", "control", "muscle", "size")
# Where the single words could say something else: "each", "all", "daily", "large", "easy".
SAYINGS = (
    "week by week", "every week", "each week", "easy to learn", "simple to learn", "each other",
    "all parts of the body", "full body", "at home", "at once", "at the same time", "on its own",
    "hip hinge", "range of motion", "carries over", "rounds out", "rounding out",
    "balances out", "balancing out", "one of the best", "one of the most effective",
    "all your other exercises", "all your other lifts", "every other exercise", "as one unit",
    "real life", "standing up", "getting up", "stepping stone", "extra emphasis", "you need for",
    "between the arms and legs", "lean muscle", "bigger lifts", "big lifts",
    *(f"{lead} {noun}" for lead in ("daily", "everyday", "day-to-day") for noun in _EVERYDAY),
    *(f"more {word}" for word in _MORE),
    *(f"{verb} {noun}" for verb in ("increases", "increasing") for noun in _INCREASED),
    *(f"{size} {noun}" for size in _SIZES
      for noun in ("muscles", "muscle groups", "stabilizing muscles")),
    *(f"in one {how}{noun}" for how in ("", "efficient ", "simple ", "single ", "smooth ")
      for noun in ("exercise", "movement", "pattern")),
)  # fmt: skip
_GOAL_SAYINGS = {
    "weight_loss": (
        "weight loss", "weight loss efforts", "fat loss", "losing weight", "burns calories",
        "burning calories", "calorie burn", "energy expenditure", "higher energy expenditure",
        "energy use",
    ),
    "hypertrophy": (
        "muscle gain", "muscle mass", "hypertrophy", "wider back", "thicker back",
        "broader shoulders", "bigger arms", "arm size",
    ),
}  # fmt: skip
# Sayings that are verbs, and command where a bare verb would.
DEEDS = ("carry over", "round out", "balance out", *(f"increase {noun}" for noun in _INCREASED))
_GOAL_DEEDS = {
    "weight_loss": ("lose weight", "burn calories", "burn more calories"),
    "hypertrophy": ("add size", "add muscle"),
}
_DEED = " train "
_ONE_SIDED = (
    "each side", "each leg", "each arm", "each glute", "each hamstring", "one side at a time",
    "one leg at a time", "one arm at a time", "single-leg", "single-arm", "one-arm", "one-sided",
)  # fmt: skip
_MANY = (
    *(f"{many} {noun}" for many in ("multiple", "several", "many", "many large")
      for noun in ("muscles", "muscle groups")),
)  # fmt: skip
_EXPLOSIVE = ("explosive", "explosively", "explosiveness")
_NO_EQUIPMENT = (
    "no equipment", "needs no equipment", "without equipment", "only your bodyweight",
    "just your bodyweight",
)  # fmt: skip
_LIGHTLY_EQUIPPED = frozenset({"bodyweight", "bands"})
_FOR_BEGINNERS = (
    "beginner", "beginners", "beginner-friendly", "gentle way", "gentle introduction", "gently",
    "comfortable level", "comfortable range", "comfortable position", "accessible", "approachable",
)  # fmt: skip

_OTHERS = listed("""
    a across along alongside already also an and as at because behind between both but by
    during for from how in into is it its like of on or other our so still such that the their
    them these they this through throughout to together toward towards under using very when
    where which while with within you your

    abilities ability addition agility alignment alternative angle angles area areas
    athleticism awareness balance base basis block body builder capability capacity choice
    companion component conditioning confidence control coordination cornerstone curls
    definition detail development effectiveness efficiency element emphasis endurance
    engagement equipment exercises fitness flexibility form foundation function gains goal
    goals groundwork group groups growth habit improvement improvements independence
    introduction leg level lifestyle lifting lifts lunges mechanics midsection mix mobility
    motion movement movements mover movers muscle muscles option part parts path pattern
    patterns performance physique point position posture power precision presses progress pulls
    pushes quality range routine rows seat session sessions setup side sides size skill squats
    stability stage stair stairs stamina stance staple starting step strength style support
    symmetry tasks technique tone tool torso training variation variety version way week weeks
    whole width workout workouts

    active added anti-rotation athletic balanced basic beneficial better capable central
    classic clear complete compound comprehensive confident consistent controlled convenient
    coordinated designed different direct durable dynamic effective efficient enjoyable entire
    essential even excellent familiar fantastic favorite favourite fit flowing focused
    foundational front full-body functional fundamental general good great guided helpful ideal
    important impressive integral isolated key known lasting lateral long-term lower-body main
    major manageable muscle-building muscular natural needed new nice overall overhead perfect
    popular posterior powerful practical primary prime productive proportionate provided
    purposeful real-life real-world reliable rewarding rotation secondary secure serious
    side-to-side simple smooth solid sound specific stable standard steady straightforward
    strength-building strong stronger suitable supported symmetrical targeted time-efficient
    time-tested toned total-body traditional trained trusted upper-body upright useful valuable
    varied versatile well-balanced well-developed well-rounded whole-body wonderful

    activated adding adds built carrying challenged climbing combined developed engaged holding
    improved puts putting running shaped sitting squatting standing strengthened
    stretches stretching twisting

    actively additionally consistently directly dynamically effectively efficiently equally
    especially evenly greatly highly independently individually mainly mostly naturally nicely
    particularly perfectly powerfully primarily separately simply specifically steadily
    strongly well
""")
# Nouns that at the head of a part of a sentence would be commands.
_NOUNS = listed("""
    aim bridge carry challenge curl exercise focus help hinge lift lunge plan press program
    pull push raise row shape squat work
""")
_VERBS = listed("""
    activate aim allow assist balance become benefit bolster boost bring build challenge
    combine complement complete concentrate connect contribute control coordinate cover create
    cultivate define deliver demand develop direct drive elevate emphasise emphasize enable
    encourage engage enhance ensure establish extend facilitate fit focus form fortify foster
    gain generate get give grow help hone improve incorporate integrate introduce involve
    isolate keep know lay learn leave lengthen let lift link maintain make master match mimic
    mirror mix move offer optimise optimize pair place position practice practise prepare
    preserve prioritise prioritize produce progress promote provide reach recruit refine
    reinforce require resist reward rotate round sculpt secure serve shape shift solidify
    stabilise stabilize stand start stay step stimulate strengthen suit support sustain target
    teach tone train transfer translate use walk widen work
""")

_MUSCLES: dict[str, tuple[str, ...]] = {
    "quads": ("quads", "quad", "quadriceps", "thighs", "front of the thighs"),
    "hamstrings": ("hamstrings", "hamstring", "thighs", "back of the thighs", "back of the legs"),
    "glutes": ("glutes", "glute", "buttocks", "hips", "hip", "outer glutes", "side glutes"),
    "chest": ("chest", "pecs"),
    "back": ("back", "upper back", "middle back", "mid-back", "lats"),
    "shoulders": (
        "shoulders", "shoulder", "delts", "deltoids", "rear delts", "rear shoulders", "side delts",
    ),
    "biceps": ("biceps",),
    "triceps": ("triceps", "back of the arms", "back of the upper arms"),
    "calves": ("calves", "calf", "lower legs", "lower leg"),
    "core": (
        "core", "deep core", "side core", "trunk", "abs", "lower abs", "abdominal", "abdominals",
        "obliques",
    ),
    "lower_back": ("lower back", "trunk"),
    "forearms": ("forearms", "grip"),
    "adductors": ("adductors", "inner thighs"),
    "neck": ("neck",),
}  # fmt: skip
_REGIONS: dict[str, tuple[str, ...]] = {
    "legs": ("quads", "hamstrings", "glutes", "calves", "adductors"),
    "lower body": ("quads", "hamstrings", "glutes", "calves", "adductors"),
    "posterior chain": ("hamstrings", "glutes"),
    "arms": ("biceps", "triceps", "forearms"),
    "arm": ("biceps", "triceps", "forearms"),
    "upper body": ("chest", "back", "shoulders", "biceps", "triceps", "forearms"),
}
_THINGS: dict[str, tuple[str, ...]] = {
    "bodyweight": ("bodyweight", "your own bodyweight"),
    "trx": ("trx", "strap", "straps", "bodyweight"),
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

_SPOKEN = Vocabulary(
    free=_OTHERS
    | {third(verb) for verb in _VERBS}
    | {ing(verb) for verb in _VERBS}
    | {ing(noun) for noun in ("curl", "press", "pull", "push", "row", "carry", "hinge", "lunge")},
    nouns=_NOUNS,
    verbs=_VERBS,
)
WORDS = _SPOKEN.words()
"""All words that stand for themselves, for the question to the model."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a sentence is about. names, words: what it may be called, and what else belongs to it;
    deeds: what it helps to do; nouns: the last word of its name, which alone names it where a noun
    stands. Lower case, longest first."""

    names: tuple[str, ...]
    words: tuple[str, ...]
    deeds: tuple[str, ...]
    nouns: frozenset[str] = frozenset()

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
        deeds = _longest_first((*DEEDS, *_GOAL_DEEDS.get(goal, ())))
        if len(items) != 1:
            return cls((), _longest_first(words), deeds)
        words |= set(_kind(items[0]))
        name = items[0].name.casefold()
        names = _longest_first((name, *_short(name)))
        return cls(names, _longest_first(words), deeds, frozenset(_last(name)))


def _longest_first(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(words), key=lambda word: (-len(word), word)))


def _kind(exercise: Exercise) -> Iterator[str]:
    """Sayings that the catalogue's facts make true."""
    yield exercise.position
    if exercise.name.endswith("-Up"):
        yield f"full {exercise.name.split()[-1].casefold()}s"
    if exercise.unilateral:
        yield from _ONE_SIDED
    if exercise.pattern == "power":
        yield from _EXPLOSIVE
    if exercise.compound:
        yield from _MANY
    if exercise.level == 0:
        yield from _FOR_BEGINNERS
    if _LIGHTLY_EQUIPPED.issuperset(exercise.equipment) and not exercise.needs:
        yield "minimal equipment"
        if "bands" not in exercise.equipment:
            yield from _NO_EQUIPMENT


def _short(name: str) -> Iterator[str]:
    """What people leave of a name, "romanian deadlift" of "barbell romanian deadlift", and the
    plurals."""
    parts = name.partition(",")[0].split()
    for begin in range(max(1, len(parts) - 1)):
        called = " ".join(parts[begin:])
        yield f"{called}s"
        yield called


def _last(name: str) -> Iterator[str]:
    word = name.partition(",")[0].split()[-1]
    yield from (word, f"{word}s")


def describes(text: str, subject: Subject) -> bool:
    """Whether `text` is made of these words alone, and commands nothing. text: one line."""
    said = folded(text)
    said = stand_in(said, subject.names, FACT)
    said = stand_in(said, subject.deeds, _DEED)
    said = stand_in(said, subject.words, FACT)
    spoken = replace(_SPOKEN, nouns=_SPOKEN.nouns | subject.nouns)
    return all(
        spoken.admits(clause) and not _STATE.search(clause) and not _DUTY.search(clause)
        for clause in clauses(said)
    )
