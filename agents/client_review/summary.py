"""The review in a few sentences, by template: every numeral in it stands in the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from agents.client_review.model import Adaptation
from agents.client_review.parts import Outcome, gap_of, sessions_of

Json = Any

_CHANGES = {
    "plateau_variety": "new exercises",
    "slow_down": "no more cardio for now",
    "more_cardio": "more easy cardio",
    "ease_off": "easier sets",
    "maintain": "a general plan that keeps what was reached",
}
_CARDIO = frozenset({"more_cardio", "slow_down"})
_PLANNED = frozenset({"ok", "relaxed"})
# Advice that must not be overlooked beside a plan.
_FOR_A_DOCTOR = frozenset(
    {
        "fast_pulse", "sudden_gain", "young_loss", "unhealthy_target", "unintended_loss",
        "rest_first", "slow_down",
    }
)  # fmt: skip
_NO_ANSWER = "did not answer, so this review is incomplete"


def summary(
    progress: Outcome,
    workout: Outcome,
    schedule: Outcome,
    found: Sequence[Adaptation],
    given: Mapping[str, Json],
) -> str:
    """What stops the client or is for a doctor, progress, what changes because of it, the plan,
    the times. given: the request's fields."""
    sentences = [
        *_first_of_all(progress, workout),
        *_progress(progress),
        *_changes(found, workout),
        *_workout(workout),
        *_schedule(schedule, sessions_of(workout), given),
    ]
    return " ".join(sentences)


def _first_of_all(progress: Outcome, workout: Outcome) -> Iterator[str]:
    """What nobody may overlook behind a date and a plan."""
    plan = workout.result
    if plan is not None and workout.status == "needs_clearance":
        yield _closed(str(plan["summary"]))
    if progress.result is not None:
        for advice in progress.result.get("recommendations", ()):
            if advice["code"] in _FOR_A_DOCTOR:
                yield _closed(str(advice["text"]))
    if plan is not None and plan.get("profile", {}).get("sources", {}).get("goal") == "health":
        yield "Health speaks against losing weight now, so no forecast of it is an aim."


def _progress(part: Outcome) -> Iterator[str]:
    if part.result is None:
        yield f"The progress monitor {_NO_ANSWER}."
    else:
        yield _closed(str(part.result["prediction"]))


def _changes(found: Sequence[Adaptation], plan: Outcome) -> Iterator[str]:
    """What the plan holds of what was asked of it: nothing where there is none, and no cardio
    where its goal knows none."""
    if plan.result is None or plan.status not in _PLANNED:
        return
    still = all(week.get("weekly_cardio", {}) is None for week in plan.result["weeks"])
    words = [
        f"{_counted(item.to, 'session')} a week"
        if item.code == "fewer_sessions"
        else _CHANGES[item.code]
        for item in found
        if not (still and item.code in _CARDIO)
    ]
    if not words:
        return
    listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    yield f"The plan is adapted: {listed}."


def _workout(part: Outcome) -> Iterator[str]:
    if part.result is None:
        yield f"The workout planner {_NO_ANSWER}."
    elif part.status == "needs_clearance":
        yield "The plan holds gentle movement alone until a professional clears the client."
    elif part.status == "infeasible":
        yield "No plan fits all wishes; the workout part names the change that would help."
    else:
        weeks = _counted(len(part.result["weeks"]), "week")
        yield f"The plan: {_counted(sessions_of(part), 'session')} a week for {weeks}."


def _schedule(part: Outcome, sessions: int, given: Mapping[str, Json]) -> Iterator[str]:
    if part.error is not None:
        yield f"The scheduler {_NO_ANSWER}."
    elif part.result is None:
        yield f"No times are proposed: {part.skipped}."
    elif starts := _apart(part.result["suggestions"], sessions, gap_of(given)):
        yield f"Best times: {', '.join(f'{start:%Y-%m-%d %H:%M}' for start in starts)}."
    else:
        yield "No free time was found; the schedule part names the rules in the way."


def _apart(slots: Sequence[Mapping[str, Json]], number: int, gap: timedelta) -> list[datetime]:
    """The starts of the first ``number`` of ``slots``, at least one, that one client can book."""
    chosen: list[datetime] = []
    for slot in slots:
        start = datetime.fromisoformat(slot["start"])
        apart = max(gap, timedelta(minutes=slot["duration_minutes"]))
        if len(chosen) < max(1, number) and all(abs(start - one) >= apart for one in chosen):
            chosen.append(start)
    return sorted(chosen)


def _counted(number: Json, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _closed(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
