"""How proposals were received leans the next ones, a little, and never past a rule or a wish."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from agents.scheduling.attendance import Chance
from agents.scheduling.choose import WISH_WORTH, rank
from agents.scheduling.liking import Echo, lean
from agents.scheduling.preferences import Wishes
from agents.scheduling.slots import Slot

MONDAY_SIX = datetime(2026, 11, 16, 18)
TUESDAY_NINE = datetime(2026, 11, 17, 9)


def slot(start: datetime) -> Slot:
    first = round((start - datetime(2026, 11, 1)).total_seconds() / 60)
    return Slot(start, 60, first, first + 60)


def test_one_thumb_is_small_and_many_are_bounded() -> None:
    """One word leans a third of what many do, none leans as far as a wish, and old words fade."""
    one = lean([Echo("helpful", MONDAY_SIX, 0)], MONDAY_SIX)
    many = lean([Echo("helpful", MONDAY_SIX, 0)] * 50, MONDAY_SIX)
    assert 0 < one <= 0.34
    assert 2 * one < many < 1
    assert 0 < lean([Echo("helpful", MONDAY_SIX, 240)], MONDAY_SIX) < one / 2
    assert lean([], MONDAY_SIX) == 0


def test_it_is_about_the_hour_and_the_weekday() -> None:
    """A declined Monday evening speaks against Monday evenings most, and not against Tuesdays."""
    said = [Echo("not_helpful", MONDAY_SIX, 3)]
    same = lean(said, MONDAY_SIX + timedelta(days=7))
    evening = lean(said, datetime(2026, 11, 18, 18))
    assert same < evening < 0
    assert lean(said, TUESDAY_NINE) == 0


@pytest.mark.parametrize(
    ("cost", "first"), [(0.5 * WISH_WORTH, TUESDAY_NINE), (2 * WISH_WORTH, MONDAY_SIX)]
)
def test_a_clearly_likelier_time_stays_first(cost: float, first: datetime) -> None:
    """Many declines turn a near tie, and cannot hide a time that is clearly likelier kept."""
    slots = [slot(MONDAY_SIX), slot(TUESDAY_NINE)]
    chances = [Chance(0.8, 0.7, 0.9), Chance(0.8 - cost, 0.6, 0.9)]
    said = [Echo("not_helpful", MONDAY_SIX, 1)] * 20
    ranked = rank(slots, chances, Wishes(), echoes=said)
    assert ranked[0].slot.start == first
    assert rank(slots, chances, Wishes())[0].slot.start == MONDAY_SIX
