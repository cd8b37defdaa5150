"""The words that are always there: reasons, notes and summaries made from the numbers.

Plain English without markup. Reasons hold no numeral at all and summaries only numbers that stand
in the answer, so a sentence can never disagree with the plan it describes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from agents.workout.exercises.exercise import Exercise
from agents.workout.planning.plan import Relaxed
from agents.workout.planning.progression import Prescription, holds_steady, is_loadable
from agents.workout.planning.rationale import Rationale
from agents.workout.planning.schemes import Column
from agents.workout.profile import LEVELS, Profile
from agents.workout.screening.conditions import CONDITIONS

DISCLAIMER = (
    "General training information, checked by rules, not medical advice. Stop when something "
    "hurts and ask a professional."
)
_GOAL_WORDS = {
    "strength": "strength",
    "hypertrophy": "muscle",
    "weight_loss": "weight loss",
    "endurance": "endurance",
    "general": "general fitness",
}
_PURPOSE = {
    "knee_dominant": "the squat or lunge of the week",
    "hinge": "the hip hinge of the week",
    "push": "pushing, balanced against pulling",
    "pull": "pulling, which keeps the shoulders balanced",
    "core": "a trunk that holds everything else",
}
_LOAD_RULE = (
    "At the top of the range, or where the minutes hold no more repetitions, add 2.5 % load for "
    "the upper body or 5 % for the lower body, never more than 5 % and 10 %, and start the range "
    "again."
)
_STEADY_RULE = (
    "Keep the effort, not the load: as the weeks go on the same work grows harder by itself, so "
    "take less load, fewer repetitions or the easier variant whenever the effort would rise."
)
_OWN_WEIGHT_RULE = (
    "Where there is no load to add, slow each repetition down at the top of the range, then ask "
    "for a harder exercise: the same one grows too easy within weeks."
)
LONGEST_REASON = 240
_DIGIT = re.compile(r"[0-9]")
_MOST, _MUCH = 0.5, 0.3
_MUCH_LESS = 0.7
# Part of the score -> what it means between two exercises of one movement.
_DECIDED = {
    "time": "it fits the minutes without hurry",
    "compound": "it works more joints at once",
    "staples": "it is better known and easier to get help with",
    "variety": "it varies the week",
    "preferences": "it was liked better",
    "continuity": "it goes on from what you know",
}
# Condition -> what to call it in a sentence, where "your" and its title would not do.
_GROUNDS = {
    "older_adult": "your age",
    "youth": "your age",
    "other_condition": "a condition this service does not know",
}
_MUSCLE_WORDS = {"back": "upper back", "lower_back": "lower back"}


def joined(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def muscles(exercise: Exercise) -> str:
    """Its primary muscles in words."""
    return joined([_muscle(m) for m in exercise.prim])


def reason(exercise: Exercise, profile: Profile, why: Rationale | None = None) -> str:
    """Why this exercise is in this client's plan, in at most 240 characters without a numeral.

    why: what decided for it; None where nothing was decided, as in gentle movement.
    """
    told = [_purpose(exercise, why), *_personal(exercise, profile)]
    if why is not None:
        told += _weighed(profile, why)
    elif profile.conditions:
        told.append("It passed every rule of your health screening.")
    text = told[0]
    for sentence in told[1:]:
        if len(text) + len(sentence) < LONGEST_REASON and not _DIGIT.search(sentence):
            text = f"{text} {sentence}"
    return text


def _purpose(exercise: Exercise, why: Rationale | None) -> str:
    alone = {
        "balance": "Steadies sitting and reaching."
        if exercise.position == "seated"
        else "Steadies standing and walking.",
        "mobility": "Keeps the joints moving without load.",
        "cardio": "Gentle work for heart and lungs.",
    }.get(exercise.pattern)
    if alone is not None:
        return alone
    trains = muscles(exercise)
    text = f"Trains {trains}" if trains else "Trains the whole body"
    if why is not None and why.muscle is not None and trains:
        muscle = _muscle(why.muscle)
        if why.share >= _MOST:
            text += f", with most of the week's sets for {muscle}"
        elif why.share >= _MUCH:
            text += f", with a good part of the week's sets for {muscle}"
    purpose = _PURPOSE.get(exercise.group or "")
    if purpose and (why is None or why.alone):
        text += f": {purpose}"
    return f"{text}."


def _personal(exercise: Exercise, profile: Profile) -> Iterator[str]:
    """What the client said or did that speaks for it."""
    opinion = profile.opinions.get(exercise.key, 0.0)
    if exercise.key in profile.preferred:
        yield "You asked for it."
    elif opinion > 0:
        yield "It was found helpful before."
    elif opinion < 0:
        yield "It was not liked before, but the rules leave nothing better for this movement."
    if profile.before is not None and exercise.key in profile.before.done:
        yield "It stays from your last plan" + (
            " and goes on from there." if profile.before.progresses else "."
        )
    elif exercise.key in profile.continuity:
        yield "You know it from your current workouts."
    if set(exercise.prim) & set(profile.focus):
        yield "It serves your focus."


def _weighed(profile: Profile, why: Rationale) -> Iterator[str]:
    """What it spares, and what it won against."""
    if why.spares is not None:
        other, code = why.spares
        ground = _GROUNDS.get(code) or f"your {CONDITIONS[code].title}"
        yield f"It stands in for {other.name}, left out because of {ground}."
    if why.over is None:
        yield "No other exercise of this movement is open to you."
        return
    decided = _DECIDED.get(why.decided_by or "", "it goes better with the rest of the week")
    if why.decided_by == "goal_and_focus":
        decided = f"it serves {_GOAL_WORDS[profile.goal]} better"
    elif why.decided_by == "volume" and why.muscle is not None:
        decided = f"it brings your {_muscle(why.muscle)} nearer to the weekly aim"
    yield f"Chosen over {why.over.name}: {decided}."


def _muscle(muscle: str) -> str:
    return _MUSCLE_WORDS.get(muscle, muscle.replace("_", " "))


def notes(entry: Prescription, column: Column) -> str:
    """How to do it this week."""
    parts = []
    if entry.hold is not None:
        side = " on each side" if entry.exercise.unilateral else ""
        parts.append(f"Hold or move for {entry.hold} seconds{side}.")
    else:
        low, high = reps_span(entry, column)
        side = " on each side" if entry.exercise.unilateral else ""
        parts.append(f"{low}-{high} reps{side}." if low < high else f"{low} reps{side}.")
    if entry.event == "load_up":
        parts.append("Add a small step of load this week.")
    elif entry.event == "variant_up":
        parts.append("Harder variant from this week on.")
    elif is_loadable(entry.exercise):
        parts.append("Choose a load that gives the effort named.")
    elif entry.hold is None and entry.option.block != "power":
        # Source: doi 10.1007/s40279-015-0304-0, slower repetitions train as well.
        parts.append("Slow down or pause where it is easier than the effort named.")
    return " ".join(parts)


def reps_span(entry: Prescription, column: Column) -> tuple[int, int]:
    """The repetitions between which this exercise moves, the current number inside."""
    return min(entry.reps, entry.option.usual.reps), max(entry.reps, column.top)


def lasting(seconds: int) -> str:
    """A time as people say it: "45 seconds", "20 minutes"."""
    minutes, rest = divmod(seconds, 60)
    return f"{seconds} seconds" if rest or minutes < 2 else f"{minutes} minutes"


def display(sets: int, reps: int, hold: int | None, rest: int, rpe: float) -> str:
    """One line for a card, e.g. `3 x 10, rest 60 s, RPE 7`."""
    dose = f"{sets} x {reps}" if hold is None else f"{sets} x {hold} s"
    return f"{dose}, rest {rest} s, RPE {rpe:g}"


def progression_rules(
    profile: Profile, deloads: Sequence[int], exercises: Iterable[Exercise]
) -> list[str]:
    """What changes from week to week, as short rules. exercises: those of the plan."""
    rules = ["Add a repetition (or five seconds) a week while technique stays clean."]
    steady = holds_steady(profile)
    if steady:
        rules = [_STEADY_RULE]
    loaded = set() if steady else {is_loadable(exercise) for exercise in exercises}
    if True in loaded:
        rules.append(_LOAD_RULE)
    if False in loaded:
        rules.append(_OWN_WEIGHT_RULE)
    if deloads:
        weeks = joined([str(week) for week in deloads])
        named = "Lighter week" if len(deloads) == 1 else "Lighter weeks"
        rules.append(f"{named} {weeks}: about half the sets at clearly less effort.")
    rules.append("Repeat a week instead of forcing the next step when effort is above plan.")
    if profile.goal in ("weight_loss", "endurance") and not steady:
        rules.append("Cardio minutes outside the sessions grow slowly; walking counts.")
    return rules


def given_up(relaxed: Sequence[Relaxed]) -> list[str]:
    """What had to give way, in words: the days, the movements, the muscles short of their sets."""
    patterns = [item.target.replace("_", " ") for item in relaxed if item.id == "patterns"]
    short = [_muscle(item.target) for item in relaxed if item.id == "vol_min"]
    words = ["the number of days"] if any(item.id == "days" for item in relaxed) else []
    if patterns:
        words.append(f"the {joined(patterns)} pattern{'' if len(patterns) == 1 else 's'}")
    if short:
        words.append(f"the weekly least of sets for {joined(short)}")
    return words


def summary(
    profile: Profile,
    status: str,
    given_up: Sequence[str],
    weeks: int,
    *,
    stopped_by: Sequence[str] = (),
    excluded: int = 0,
    told: Iterable[str] = (),
    longest: int | None = None,
) -> str:
    """The whole answer in two or three sentences.

    stopped_by: the red flags of a stop. excluded: how many exercises health left out. told: the
    warnings about the request. longest: minutes of the longest session, None without any.
    """
    goal = _GOAL_WORDS[profile.goal]
    level = LEVELS[profile.level]
    if status == "needs_clearance":
        found = joined([CONDITIONS[code].title for code in stopped_by])
        seated = "wheelchair" in profile.conditions
        gentle = "mobility and balance while seated" if seated else "walking, mobility and balance"
        if "acute_illness" in stopped_by:
            gentle = f"rest, and once the fever is gone {gentle}"
        return (
            f"Before any training a doctor or another professional should agree, because of "
            f"this: {found}. Until then: {gentle} at an easy effort."
        )
    if status == "infeasible":
        return (
            f"No {goal} week fits all rules and wishes at once. The recommendations come from the "
            "plan that the smallest change would allow."
        )
    length = f"{weeks} weeks" if weeks > 1 else "One week"
    text = (
        f"{length} for {goal} at {level} level: {profile.days} sessions a week of at most "
        f"{profile.minutes} minutes."
        if profile.days > 1
        else f"{length} for {goal} at {level} level: one session a week of at most "
        f"{profile.minutes} minutes."
    )
    if longest is not None and longest <= _MUCH_LESS * profile.minutes:
        text += (
            f" They take {longest} minutes at most: the sets that a week should hold need no more."
        )
    codes = {warning.partition(":")[0] for warning in told}
    if "goal_sport" in codes:
        text += (
            " It trains for the sport from beside: its practice, long distances and matches come "
            "on top."
        )
    elif "goal_unknown" in codes:
        text += " The goal was not understood as it was written: say it in other words."
    if given_up:
        text += f" Not everything fitted: {joined(list(given_up))} had to give way."
    if profile.sources.get("goal") == "health":
        against, whom = "health", "the doctor or midwife in charge"
        if "youth" in profile.conditions:
            against, whom = "a body that grows", "a doctor for the young"
        text += (
            f" Losing weight is no aim of it, since {against} speaks against that now: talk about "
            f"weight with {whom}."
        )
    if excluded:
        text += " Exercises that the health screening rules out were left out."
    return text
