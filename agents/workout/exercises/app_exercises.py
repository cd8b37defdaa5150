"""The main app's own exercise library beside the catalogue.

A row whose name the catalogue knows lends its id to the catalogue's exercise, so that plans can be
saved as templates. A row it does not know may still be used, tagged for the worst case because
nobody judged it: only when muscle group, equipment and difficulty are set, the movement can be
told from its name, and only for a client without any condition (`Restrictions.forbids` sees to
that). Names come from a table anyone may write to, so odd ones are left out rather than echoed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

from agents.workout.exercises.catalogue import CATALOGUE, build, find, normalise
from agents.workout.exercises.exercise import FLAGS, JOINTS, Exercise


class AppExercise(Protocol):
    """A row of the main app's `exercises`; every tag but id and name may be None."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def category(self) -> str | None: ...
    @property
    def muscle_group(self) -> str | None: ...
    @property
    def equipment(self) -> str | None: ...
    @property
    def difficulty(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Library:
    """Catalogue and main-app rows together.

    exercises: by key, admitted rows as `app_<id>`. exercise_ids: key to the row id to save under,
    the lowest of rows with one name. refused: row id to why it is not used.
    """

    exercises: Mapping[str, Exercise]
    exercise_ids: Mapping[str, int]
    refused: Mapping[int, str]


_PLAIN_NAME = re.compile(r"[^\W\d_][\w '\-(),/&+.]{2,79}")
_LEVELS = {"beginner": 0, "intermediate": 1, "advanced": 2}
_EQUIPMENT = {
    "bodyweight": "bodyweight", "none": "bodyweight", "dumbbell": "dumbbells",
    "barbell": "barbell", "kettlebell": "kettlebell", "machine": "machine", "cable": "cable",
    "cablemachine": "cable", "band": "bands", "resistanceband": "bands", "trx": "trx",
    "trxsuspension": "trx", "medicineball": "medicine_ball", "jumprope": "jump_rope",
    "other": "other",
}  # fmt: skip
# The word in a name that proves an implement, and the id it must be.
_NAMED = {
    "dumbbell": "dumbbells", "barbell": "barbell", "kettlebell": "kettlebell", "cable": "cable",
    "machine": "machine", "band": "bands", "trx": "trx", "medicine ball": "medicine_ball",
}  # fmt: skip
_NAMED_NEEDS = (
    (r"\bbench\b", "bench"), (r"\bbox\b", "box"), (r"\b(pull|chin)[ -]?ups?\b", "pullup_bar"),
)  # fmt: skip
# First match decides; a name without any of these words is not guessed at.
_MOVEMENTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (r"\b(jump|hop|burpee|run|sprint|skip)", "", ()),
    (r"\b(lunges?|split squats?|step[ -]?ups?)\b", "lunge", ("quads", "glutes")),
    (r"\b(squats?|leg press(es)?)\b", "squat", ("quads", "glutes")),
    (
        r"\b(deadlifts?|good mornings?|hip thrusts?|bridges?|rdl)\b",
        "hinge",
        ("hamstrings", "glutes"),
    ),
    (r"\b(leg|hamstring) curls?\b", "iso_hamstrings", ("hamstrings",)),
    (r"\bcalf\b|\bcalves\b", "iso_calves", ("calves",)),
    (r"\bcurls?\b", "iso_biceps", ("biceps",)),
    (r"\b(pull[ -]?downs?|pull[ -]?ups?|chin[ -]?ups?)\b", "v_pull", ("back",)),
    (r"\brows?\b", "h_pull", ("back",)),
    (r"\btriceps?\b|\bpush[ -]?downs?\b", "iso_triceps", ("triceps",)),
    (r"\b(shoulder|overhead|military) press(es)?\b", "v_push", ("shoulders",)),
    (r"\b(lateral|front|rear) (delt )?raises?\b", "iso_shoulders", ("shoulders",)),
    (r"\b(chest|bench|floor|incline) press(es)?\b|\bpush[ -]?ups?\b", "h_push", ("chest",)),
    (r"\bfl(y|ye|ies|yes)\b", "iso_chest", ("chest",)),
    (r"\b(planks?|holds?|roll[ -]?outs?)\b", "core_anti", ("core",)),
    (r"\b(crunch(es)?|sit[ -]?ups?|twists?|knee raises?)\b", "core_flex", ("core",)),
)  # fmt: skip
_GROUPS = {
    "chest": {"chest"}, "back": {"back"}, "legs": {"quads", "glutes", "hamstrings", "calves"},
    "shoulders": {"shoulders"}, "arms": {"biceps", "triceps"}, "core": {"core"},
}  # fmt: skip


def merge(rows: Iterable[AppExercise]) -> Library:
    """The catalogue joined with the main app's `rows`, in any order, duplicates welcome."""
    return _merged(tuple(sorted(rows, key=lambda row: row.id)))


# A gym's library hardly ever changes, and thousands of rows take a third of a second to judge.
@lru_cache(maxsize=1)
def _merged(rows: tuple[AppExercise, ...]) -> Library:
    exercises = dict(CATALOGUE)
    ids: dict[str, int] = {}
    refused: dict[int, str] = {}
    admitted: dict[str, str] = {}
    for row in rows:
        known = _match(row)
        if known is not None:
            ids.setdefault(known.key, row.id)
            continue
        name = normalise(row.name)
        if name in admitted:
            continue
        exercise = _admit(row)
        if isinstance(exercise, str):
            refused[row.id] = exercise
            continue
        admitted[name] = exercise.key
        exercises[exercise.key] = exercise
        ids[exercise.key] = row.id
    return Library(MappingProxyType(exercises), MappingProxyType(ids), MappingProxyType(refused))


def _match(row: AppExercise) -> Exercise | None:
    """The catalogue's exercise of this name, unless the row's equipment says it is another.

    "Squats" with a barbell and "Squats" without are two exercises; the equipment decides.
    """
    equipment = _EQUIPMENT.get(normalise(row.equipment or ""))
    if equipment not in (None, "other"):
        word = "dumbbell" if equipment == "dumbbells" else str(equipment).replace("_", " ")
        qualified = find(f"{word} {row.name}")
        if qualified is not None:
            return qualified
    known = find(row.name)
    if known is None or equipment in (None, "other"):
        return known
    stations = {"machine", "cable", "cardio_machine"}
    if equipment in known.requires or (equipment in stations and stations & known.requires):
        return known
    return None


def _admit(row: AppExercise) -> Exercise | str:
    """The row as an exercise tagged for the worst case, or why it is refused."""
    name = " ".join(row.name.split())
    if not _PLAIN_NAME.fullmatch(name):
        return "name: not a plain exercise name"
    level = _LEVELS.get((row.difficulty or "").strip().lower())
    if level is None:
        return "difficulty: not one of beginner, intermediate, advanced"
    equipment = _EQUIPMENT.get(normalise(row.equipment or ""))
    if equipment is None:
        return "equipment: missing or unknown"
    muscles = _GROUPS.get((row.muscle_group or "").strip().lower())
    if muscles is None:
        return "muscle_group: missing or not one single group"
    folded = name.lower()
    for word, named in _NAMED.items():
        if re.search(rf"\b{word}s?\b", folded) and named != equipment:
            return f"equipment: the name says {word}"
    pattern, prim = next(
        ((kind, prim) for words, kind, prim in _MOVEMENTS if re.search(words, folded)), ("", ())
    )
    if not pattern or not muscles.intersection(prim):
        return "name: the movement cannot be told from name and muscle group"
    needs = [item for words, item in _NAMED_NEEDS if re.search(words, folded)]
    if pattern == "squat" and equipment == "barbell":
        needs.append("rack")
    flat = re.search(r"\b(bench|floor) press|\blying\b", folded)
    return build(
        f"app_{row.id}",
        {
            "name": name,
            "pattern": pattern,
            "prim": prim,
            "equipment": [equipment],
            "needs": needs,
            "level": level,
            "impact": 2,
            "axial": 2,
            "valsalva": 2,
            "fall_risk": 2,
            "position": "supine" if flat else "standing",
            "stress": dict.fromkeys(JOINTS, 3),
            "flags": FLAGS,
            "measure": "seconds" if pattern == "core_anti" else "reps",
            "instructions": (
                "Set up as your trainer showed you and start with a light load.",
                "Move slowly through a range you control.",
                "Stop the set when the technique changes.",
            ),
            "cues": ("Ask your trainer to check the first set.",),
            "origin": "main_app",
        },
    )
