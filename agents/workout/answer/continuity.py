"""How a plan goes on from the one before: what stays, what climbs, what is new and why."""

from __future__ import annotations

from collections.abc import Mapping

from agents.workout.answer.models import ContinuityOut, NewExercise
from agents.workout.exercises.exercise import Exercise
from agents.workout.planning.plan import Built

_HELD_BACK = {
    "not_trained": "Nothing was trained since that plan, so it starts again comfortably.",
    "hard": "The last workouts were rated very hard, so nothing is added for now.",
    "paused": "That plan ended a while ago, so it starts again comfortably.",
}


def continuity(built: Built, library: Mapping[str, Exercise]) -> ContinuityOut | None:
    """What the first week took over from the last plan; None where there was none."""
    before = built.profile.before
    if before is None:
        return None
    names = {key: exercise.name for key, exercise in library.items()}
    now = {
        entry.exercise.key: entry
        for session in built.weeks[0].sessions
        for entry in session.exercises
    }
    kept = [key for key in now if key in before.done]
    left = [key for key in sorted(before.done) if key not in now and key in library]
    usual = {item.option.key: item.dose for item in built.draft.items()}
    progressed = [
        key
        for key in kept
        if now[key].event == "load_up"
        or (now[key].reps, now[key].hold or 0) > (usual[key].reps, usual[key].hold or 0)
    ]
    new = []
    for key in now:
        if key not in before.done:
            gone = next((k for k in left if library[k].pattern == library[key].pattern), None)
            if gone is not None:
                left.remove(gone)
            new.append(
                NewExercise(
                    exercise=names[key],
                    instead_of=names[gone] if gone else None,
                    why=_why(built, gone),
                )
            )
    return ContinuityOut(
        plan_of=before.since,
        weeks_done=before.weeks_done,
        kept=[names[key] for key in kept],
        progressed=[names[key] for key in progressed],
        new=new,
        held_back={code: _HELD_BACK[code] for code in _held_back(built)},
    )


def _held_back(built: Built) -> list[str]:
    before = built.profile.before
    if before is None:
        return []
    codes = (("not_trained", not before.trained), ("hard", before.hard), ("paused", before.paused))
    return [code for code, holds in codes if holds]


def _why(built: Built, gone: str | None) -> str:
    if gone is None:
        return "It fills a gap that the last plan left."
    if built.profile.opinions.get(gone, 0.0) < 0:
        return "The exercise before was not found helpful."
    if gone not in built.selection.allowed:
        return "The exercise before is no longer allowed by health, equipment or wishes."
    if "plateau_variety" in built.profile.adaptations:
        return "Progress has levelled off, so some exercises change."
    return "It serves this plan's goal and minutes better."


def told(found: ContinuityOut | None) -> str:
    """One sentence for the summary, without a number; empty where there is nothing to tell."""
    if found is None or not (found.kept or found.new):
        return ""
    if found.held_back:
        return next(iter(found.held_back.values()))
    parts = []
    if found.kept:
        parts.append("most exercises stay" if len(found.kept) >= len(found.new) else "some stay")
    if found.progressed:
        parts.append("they start where the last plan ended")
    if found.new:
        parts.append("others are new")
    return f"It goes on from the last plan: {', '.join(parts)}."
