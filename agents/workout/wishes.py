"""Free words turned into the closed vocabulary: equipment, focus, goals, what to avoid or prefer.

Nothing typed by a caller or found in a table travels further than this module: what matches
becomes an id we wrote ourselves, what does not is counted for a warning. So a sentence that tries
to instruct somebody can at most fail to match.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from itertools import accumulate

from agents.workout.exercises.exercise import EQUIPMENT, PATTERN_GROUPS, PATTERNS, Exercise
from agents.workout.profile import Goal

ALWAYS_THERE = frozenset({"bodyweight"})
_GYM = frozenset(
    {
        "gym", "full gym", "commercial gym", "fitness studio", "all", "everything", "a gym",
        "the gym", "my gym", "at the gym", "gym membership", "full gym access", "gym access",
        "gimnasio", "fitnessstudio", "salle de sport",
    }
)  # fmt: skip
_SMALL_GYM = ("dumbbells", "bench", "cardio_machine")
_SMALL_GYMS = frozenset({"hotel gym", "hotel", "apartment gym", "small gym", "basic gym"})
_EQUIPMENT_WORDS = {
    "none": "bodyweight", "no equipment": "bodyweight", "nothing": "bodyweight",
    "body weight": "bodyweight", "mat": "bodyweight", "wall": "bodyweight",
    "chair": "bodyweight", "step": "bodyweight", "dumbbell": "dumbbells", "dumb bell": "dumbbells",
    "band": "bands", "resistance band": "bands", "elastic band": "bands", "kettle bell":
    "kettlebell", "machines": "machine", "cable machine": "cable", "pull up bar": "pullup_bar",
    "pullup bar": "pullup_bar", "chin up bar": "pullup_bar", "squat rack": "rack",
    "power rack": "rack", "medicine ball": "medicine_ball", "med ball": "medicine_ball",
    "jump rope": "jump_rope", "skipping rope": "jump_rope", "plyo box": "box",
    "suspension trainer": "trx", "cardio machine": "cardio_machine", "treadmill": "cardio_machine",
    "exercise bike": "cardio_machine", "stationary bike": "cardio_machine",
    "rower": "cardio_machine", "elliptical": "cardio_machine", "barbell": "barbell",
    "weight bench": "bench",
    "multigym": "machine", "multi gym": "machine", "rowing machine": "cardio_machine",
    "spin bike": "cardio_machine", "peloton": "cardio_machine", "cross trainer": "cardio_machine",
    "crosstrainer": "cardio_machine", "assault bike": "cardio_machine", "weights": "dumbbells",
    "free weights": "dumbbells", "gymnastic rings": "trx", "rings": "trx", "hanteln": "dumbbells",
    "kurzhanteln": "dumbbells", "mancuernas": "dumbbells", "halteres": "dumbbells",
    "langhantel": "barbell", "bandas": "bands", "klimmzugstange": "pullup_bar",
}  # fmt: skip
# Alone they name equipment, inside a longer text they may be anything: "ankle weights". Of one
# machine nobody concludes a room of them.
_ALONE_ONLY = frozenset({"weights", "nothing", "none", "rings", "step", "wall", "box", "machine"})
# A text with one of these may speak of what is not there, or of another thing of that name.
_NOT_THERE = frozenset(
    {"no", "not", "without", "except", "dont", "broken", "never", "sin", "ohne", "sans"}
    | {"mini", "loop", "booty", "hip"}
)
_LIKENESS = 0.88
_GLUED_LETTERS = 6
_LEGS = ("quads", "hamstrings", "glutes")
_FOCUS_WORDS: dict[str, tuple[str, ...]] = {
    "leg": _LEGS, "lower body": _LEGS, "thigh": _LEGS, "quad": ("quads",),
    "hamstring": ("hamstrings",), "glute": ("glutes",), "butt": ("glutes",), "hip": ("glutes",),
    "chest": ("chest",), "back": ("back",), "lat": ("back",), "shoulder": ("shoulders",),
    "delt": ("shoulders",), "upper body": ("chest", "back", "shoulders"),
    "arm": ("biceps", "triceps"), "bicep": ("biceps",), "tricep": ("triceps",),
    "calf": ("calves",), "calve": ("calves",), "core": ("core",), "ab": ("core",),
    "push": ("chest", "shoulders", "triceps"), "pull": ("back", "biceps"),
    "posture": ("back",), "full body": (), "whole body": (), "total body": (), "cardio": (),
    "strength": (), "endurance": (), "conditioning": (), "flexibility": (), "mobility": (),
    "balance": (), "weight loss": (), "fat loss": (), "muscle": (), "hypertrophy": (),
    "general fitness": (), "stamina": (), "power": (),
}  # fmt: skip

_LOSE = re.compile(
    r"\b(weight[ _-]?loss|fat[ _-]?loss|los(e|ing)|loose weight|weigh less|slim\w*|shed"
    r"|drop (\d|(some|a few|the) (kilos?|pounds?|weight))|burn(ing)? (body )?fat|belly fat"
    r"|get(ting)? rid of (\w+ )?(fat|belly)|(get(ting)?|be) lean\w*|lean(ing)? out|recomp\w*"
    r"|perder|adelgazar|bajar de peso|abnehmen|perte de poids|perdre du poids|maigrir)\b"
)
_GAIN = re.compile(
    r"\b(muscle[ _-]?gain|gain(ing)?|bulk\w*|put on|hypertroph\w*|recomp\w*"
    r"|build(ing)? (up )?(some )?mus(cle|cel)\w*|muscle[ _-]?(mass|growth|building)|more muscle"
    r"|get(ting)? (big|bigger|huge)|mass|bigger (arms?|butt|bum|glutes?|chest|legs?)"
    r"|ganar|muskelaufbau|prise de masse|prendre du muscle)\b"
)
# "Not" and what it takes back: "I do not want to lose weight".
_DENIED = re.compile(
    r"\b(not?|never|without|don'?t|doesn'?t|stop|avoid(ing)?|rather than|sin|nicht|pas)\b"
    r"( [\w']+){0,3} (los(e|ing)|gain(ing)?|bulk\w*|weight loss|perder|abnehmen|perdre)\b"
    r"((?! but\b| just\b| only\b).)*"
)
_OTHER_GOALS: tuple[tuple[re.Pattern[str], Goal], ...] = (
    (
        re.compile(
            r"\b(ton(e|ed|ing)( up)?|tonificar|muscle\w*|physique|bodybuilding|six[ -]?pack"
            r"|get ripped|shredded)\b"
        ),
        "hypertrophy",
    ),
    (
        re.compile(
            r"\b(endurance|stamina|marathon|maraton|half marathon|triathlon|ironman|\d+ ?k(m)?"
            r"|run\w*|cycl\w+|swim\w*|hik(e|es|ing)|trek\w*|cardio|conditioning|resistencia"
            r"|ausdauer)\b"
        ),
        "endurance",
    ),
    (
        re.compile(
            r"\b(strength\w*|strenght\w*|strong\w*|powerlift\w*|1 ?rm|fuerza|kraft|explosive\w*"
            r"|vertical jump|jump higher|pull[ -]?ups?|chin[ -]?ups?|handstand"
            r"|(bench|squat|deadlift)( press)? (\d|double|twice|my))"
        ),
        "strength",
    ),
)
_WELL = re.compile(
    r"\b(general|health\w*|fit|fitter|fitness|in shape|energy|stress|sleep|posture|longevity"
    r"|bones?|blood pressure|diabet\w+|cholesterol|grand(kids|children)|touch my toes"
    r"|independent|mobil\w+|flexib\w+|balance|feel(ing)? better)\b"
)
# A sport is served from beside: its practice, its distances and its matches are no part of a plan.
_SPORT = re.compile(
    r"\b((half |ultra)?marathon|maraton|triathlon|ironman|\d+ ?km?|race|races|football|soccer"
    r"|basketball|rugby|tennis|golf|hockey|volleyball|handball|baseball|netball|cricket|climb\w*"
    r"|boulder\w*|ski|skiing|snowboard\w*|surf\w*|swim\w*|boxing|mma|bjj|judo|karate"
    r"|martial arts?|hyrox|crossfit|obstacle|season|danc(e|ing)|ballet|gymnastics)\b"
)


@dataclass(frozen=True, slots=True)
class Folded:
    """known: ids in a fixed order. unknown: how many words matched nothing."""

    known: tuple[str, ...]
    unknown: int = 0


def pieces(texts: Iterable[str]) -> list[str]:
    """Wishes cut at commas, semicolons, line ends and "and"; empty ones go."""
    return [
        part.strip()
        for text in texts
        for part in re.split(r"[,;\n]|\band\b", text)
        if part.strip()
    ]


def plain(text: str) -> str:
    """Lower case, without accents, single spaces for every sign."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    folded = "".join(c for c in folded if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", " ", folded).strip()


def equipment(texts: Iterable[str], *, inside: bool = True) -> Folded:
    """Equipment ids, implied ones included, `bodyweight` always; gym means all.

    inside: also where a longer text names it; not for wishes, which may be exercises' names.
    """
    found: set[str] = set()
    unknown = 0
    for piece in pieces(texts):
        word = plain(piece)
        if word in _GYM:
            found.update(EQUIPMENT)
        elif word in _SMALL_GYMS:
            found.update(_SMALL_GYM)
        else:
            known = _named(word) or (_named_inside(word) if inside else set())
            unknown += not known
            found.update(known)
    return Folded(tuple(item for item in EQUIPMENT if item in implied(found)), unknown)


def implied(found: Iterable[str]) -> frozenset[str]:
    """`found` with what stands beside it: a room with machines has benches, and so on."""
    have = set(found) | ALWAYS_THERE
    if have & {"machine", "cable"}:
        have |= {"bench", "box", "pullup_bar", "cardio_machine"}
        if "barbell" in have:
            have.add("rack")
    return frozenset(have)


def _named(word: str) -> set[str]:
    """The equipment that a whole text names, or none."""
    return set([id_ for form in _forms(word) if (id_ := _equipment_id(form))][:1])


def _named_inside(text: str) -> set[str]:
    """The equipment named somewhere in a longer text, one typing error in a word forgiven:
    "a pair of dumbells up to 10 kg"."""
    said = text.split()
    if not _NOT_THERE.isdisjoint(said):
        return set()
    said = [_spelt(word) for word in said]
    found: set[str] = set()
    at = 0
    while at < len(said):
        for size in (3, 2, 1):
            words = " ".join(said[at : at + size])
            known = set() if words in _ALONE_ONLY else _named(words)
            if known and len(said[at : at + size]) == size:
                found |= known
                break
        at += size
    return found


def _spelt(word: str) -> str:
    near = get_close_matches(word, _SINGLE_WORDS, 1, _LIKENESS) if len(word) >= 6 else []
    return near[0] if near else word


def _forms(word: str) -> tuple[str, ...]:
    return (word, word.removesuffix("s"), word.removesuffix("es"))


def _equipment_id(word: str) -> str | None:
    joined = word.replace(" ", "_")
    return joined if joined in EQUIPMENT else _EQUIPMENT_WORDS.get(word)


_SINGLE_WORDS = tuple(
    dict.fromkeys(word for word in (*EQUIPMENT, *_EQUIPMENT_WORDS) if word.isalpha())
)


def focus(texts: Iterable[str]) -> tuple[tuple[str, ...], Folded]:
    """(muscles to stress, the known words themselves)."""
    muscles: dict[str, None] = {}
    words: dict[str, None] = {}
    unknown = 0
    for piece in pieces(texts):
        word = plain(piece)
        key = next((form for form in _forms(word) if form in _FOCUS_WORDS), None)
        if key is None:
            unknown += 1
            continue
        words.setdefault(word.replace(" ", "_") if "_" in piece else word)
        for muscle in _FOCUS_WORDS[key]:
            muscles.setdefault(muscle)
    return tuple(muscles), Folded(tuple(words), unknown)


@dataclass(frozen=True, slots=True)
class GoalWish:
    """What a text asks for, None if it says nothing; `opposed`: it asks for both directions;
    `sport`: it names a sport or an event."""

    goal: Goal | None
    opposed: bool = False
    sport: bool = False


def goal(texts: Sequence[str]) -> GoalWish:
    """The goal of `texts`, the first that says something; opposites are general."""
    losing = gaining = sport = well = False
    first: Goal | None = None
    for text in texts:
        folded = _DENIED.sub(" ", text.casefold().replace("_", " "))
        if plain(folded) in ("general", "general fitness", "health", "fitness"):
            first = first or "general"
        lose, gain = bool(_LOSE.search(folded)), bool(_GAIN.search(folded))
        losing, gaining = losing or lose, gaining or gain
        sport = sport or bool(_SPORT.search(folded))
        well = well or bool(_WELL.search(folded))
        if first is None:
            first = _first_goal(folded, lose=lose, gain=gain)
    if losing and gaining:
        return GoalWish("general", opposed=True, sport=sport)
    return GoalWish(first or ("general" if sport or well else None), sport=sport)


_LIFTS = re.compile(
    r"\b(pull[ -]?up|chin[ -]?up|push[ -]?up|squat|deadlift|bench press|overhead press)s?\b"
    r"|\bbench(?= (\d|press|my|double))"
)


def lifts(texts: Iterable[str]) -> list[str]:
    """The lifts that goals name, as wishes: who wants a first pull-up wants to train for it."""
    found = [m[0] for text in texts for m in _LIFTS.finditer(text.casefold())]
    return ["bench press" if lift == "bench" else lift for lift in found]


def _first_goal(folded: str, *, lose: bool, gain: bool) -> Goal | None:
    if lose or gain:
        return "weight_loss" if lose else "hypertrophy"
    hits = [(m.start(), g) for words, g in _OTHER_GOALS if (m := words.search(folded))]
    return min(hits)[1] if hits else None


def matches(exercise: Exercise, wish: str) -> bool:
    """Whether `wish` means this exercise: by name, alias, key, pattern or pattern group.

    "squats" is every name with the word squat and the pattern squat; plurals and -ing are folded;
    "pullups" also meets "Pull-Up".
    """
    if exercise.pattern in wished_patterns(wish):
        return True
    return any(says(name, wish) for name in _names(exercise))


def _names(exercise: Exercise) -> tuple[str, ...]:
    return (exercise.name, exercise.key.replace("_", " "), *exercise.aliases)


class Names:
    """Every name of a library in one text, so that a long list of wishes is looked up in it."""

    def __init__(self, exercises: Iterable[Exercise], also: Iterable[str] = ()) -> None:
        """also: names that belong to no exercise and stand for themselves."""
        known = list(exercises)
        named = [(_stems(name), exercise.key) for exercise in known for name in _names(exercise)]
        named += [(_stems(name), name) for name in also]
        self._owners = [owner for _, owner in named]
        self._spaced = _Joined([f" {' '.join(stems)} " for stems, _ in named])
        self._glued = _Joined(["".join(stems) for stems, _ in named])
        self._by_pattern: dict[str, set[str]] = {}
        for exercise in known:
            self._by_pattern.setdefault(exercise.pattern, set()).add(exercise.key)

    def meant_by(self, wish: str) -> frozenset[str]:
        """Keys of the exercises (and names of `also`) that `wish` means; the same as `matches`."""
        found = {
            key for pattern in wished_patterns(wish) for key in self._by_pattern.get(pattern, ())
        }
        stems = _stems(wish)
        if stems:
            places = self._spaced.places(f" {' '.join(stems)} ")
            if len(glued := "".join(stems)) >= _GLUED_LETTERS:
                places |= self._glued.places(glued)
            found |= {self._owners[place] for place in places}
        return frozenset(found)


class _Joined:
    """Texts in one, and which of them a piece stands in."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._all = "|".join(texts)
        self._starts = [0, *accumulate(len(text) + 1 for text in texts)]

    def places(self, piece: str) -> set[int]:
        found: set[int] = set()
        at = self._all.find(piece)
        while at >= 0:
            place = bisect_right(self._starts, at) - 1
            found.add(place)
            at = self._all.find(piece, self._starts[place + 1])
        return found


def wished_patterns(wish: str) -> frozenset[str]:
    """Patterns that `wish` names, alone or as a group."""
    stem = " ".join(_stems(wish))
    named = {pattern for pattern in PATTERNS if " ".join(_stems(pattern)) == stem}
    if stem in ("plyometric", "jump"):
        named.add("power")
    for group, patterns in PATTERN_GROUPS.items():
        if " ".join(_stems(group)) == stem:
            named.update(patterns)
    return frozenset(named)


def says(name: str, wish: str) -> bool:
    """Whether the words of `wish` stand one after the other in `name`."""
    wanted, given = _stems(wish), _stems(name)
    if not wanted:
        return False
    size = len(wanted)
    if any(given[i : i + size] == wanted for i in range(len(given) - size + 1)):
        return True
    joined = "".join(wanted)
    return len(joined) >= _GLUED_LETTERS and joined in "".join(given)


@lru_cache(maxsize=4096)
def _stems(text: str) -> tuple[str, ...]:
    return tuple(_stem(word) for word in plain(text).split())


def _stem(word: str) -> str:
    if len(word) > 5 and word.endswith("ing"):
        word = word[:-3]
        if word[-1:] == word[-2:-1] and word[-1:] not in "ls":
            word = word[:-1]
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    if len(word) > 2 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word
