"""What became of proposed times."""

from datetime import datetime, timedelta

import pytest

from agents.scheduling.outcomes import Held, Outcome, Proposed, judge

START = datetime(2026, 11, 24, 18)
NEXT_DAY = START + timedelta(days=1)
MADE = START - timedelta(days=3)
AFTER = MADE + timedelta(hours=1)
PROPOSED = Proposed(7, 1, START, MADE)


def held(number: int = 3, status: str = "completed", start: datetime = START) -> Held:
    return Held(number, 7, 1, start, status, AFTER)


@pytest.mark.parametrize(
    ("sessions", "expected"),
    [
        ([held()], Outcome(3, "completed")),
        ([held(status="no_show")], Outcome(3, "no_show")),
        ([held(3, "cancelled"), held(4)], Outcome(4, "completed")),
        ([held(3, "cancelled")], Outcome(3, "cancelled")),
        ([held(start=START + timedelta(minutes=15))], Outcome(3, "completed")),
        ([held(3, start=START + timedelta(minutes=15)), held(4)], Outcome(4, "completed")),
        ([held(start=START + timedelta(minutes=16))], Outcome(None, "not_taken")),
        ([Held(3, 7, None, START, "completed")], Outcome(3, "completed")),
        ([Held(3, 7, 1, START, "cancelled", MADE - timedelta(1))], Outcome(None, "not_taken")),
        ([], Outcome(None, "not_taken")),
        ([Held(3, 8, 1, START, "completed")], Outcome(None, "not_taken")),
        ([Held(3, 7, 2, START, "completed")], Outcome(None, "not_taken")),
    ],
)
def test_taken_and_kept(sessions: list[Held], expected: Outcome) -> None:
    """Only the client's own session near that time, with that trainer, made later, counts."""
    assert judge(PROPOSED, sessions, NEXT_DAY) == expected


def test_too_early_to_say() -> None:
    """Before its time, and for a week while the session is unclosed, no end is told."""
    early, late = START - timedelta(hours=1), START + timedelta(days=8)
    assert judge(PROPOSED, [], early) is None
    assert judge(PROPOSED, [held(status="cancelled")], early) == Outcome(3, None)
    assert judge(PROPOSED, [held(status="scheduled")], NEXT_DAY) == Outcome(3, None)
    assert judge(PROPOSED, [held(status="scheduled")], late) == Outcome(3, "unrecorded")


def test_a_move_is_taken_by_the_session_itself() -> None:
    """Another session at that time does not mean that the booked one was moved."""
    moved = Proposed(7, 1, START, MADE, session_id=9)
    assert judge(moved, [held(3)], NEXT_DAY) == Outcome(None, "not_taken")
    assert judge(moved, [held(9)], NEXT_DAY) == Outcome(9, "completed")
