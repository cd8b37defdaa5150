"""Units, cleaning, trend, events and outcomes, each on series whose truth is known."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.progress import chart, cleaning, events, outcomes, trend, units
from agents.progress.forecast import is_reached
from agents.progress.goals import GoalGiven, GoalRead, read, says_pounds
from agents.progress.series import METRICS, Reading, Series, clean, epley, to_canonical
from agents.progress.words import clean as clean_words

POUNDS = units.POUNDS_PER_KG
WEIGHT = METRICS["weight"]


def line(
    start: float, per_week: float, days: int = 90, every: int = 1, noise: float = 0.4
) -> Series:
    """A straight series with noise, on days 20,000 and on."""
    dice = np.random.default_rng(5)
    at = np.arange(0, days, every, dtype=np.float64)
    return Series(WEIGHT, 20_000 + at, start + per_week / 7 * at + dice.normal(0, noise, len(at)))


# --- units -------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    kg=st.floats(55, 130),
    wrong=st.lists(st.booleans(), min_size=8, max_size=40),
    gap=st.integers(1, 9),
)
def test_mixed_units_are_told_apart(kg: float, wrong: list[bool], gap: int) -> None:
    """Up to half the rows may be pounds: exactly those are repaired, given a goal in kg."""
    if sum(wrong) > len(wrong) / 2:
        wrong = [not item for item in wrong]
    rows = [
        units.Weighed(index * gap, kg * (POUNDS if pounds else 1.0))
        for index, pounds in enumerate(wrong)
    ]
    found = units.repair(rows, [units.Goal(kg * 0.9, unit_known=True, direction=-1)])
    assert [factor != 1.0 for factor in found.factors] == wrong


def test_a_real_change_over_a_long_gap_is_no_unit() -> None:
    """Twenty kilograms in a year are a person's, not a unit's."""
    rows = [units.Weighed(0, 110, "staff"), units.Weighed(4, 109, "staff")]
    rows += [units.Weighed(370 + day, 88, "staff") for day in range(3)]
    assert set(units.repair(rows).factors) == {1.0}


def test_a_slipped_decimal_point() -> None:
    """A tenfold and a tenth are put right by their neighbours."""
    values = [84.2, 84.0, 839.0, 83.8, 8.37, 83.5, 83.6]
    found = units.repair([units.Weighed(day, kg, "staff") for day, kg in enumerate(values)])
    assert [round(f, 2) for f in found.factors] == [1, 1, 0.1, 1, 10, 1, 1]


def test_a_wild_reading_infects_nobody() -> None:
    """A typo between two units changes no factor of the honest rows."""
    stored = [80.0, 117.6, *[176.4] * 6]
    rows = [units.Weighed(3 * index, kg) for index, kg in enumerate(stored)]
    found = units.repair(rows, [units.Goal(72, unit_known=True, direction=-1)])
    assert found.factors[0] == 1.0
    assert set(found.factors[2:]) == {1 / POUNDS}


def test_body_mass_index_tells_the_scale() -> None:
    """A typed body mass index of a plausible height decides between 150 kg and 150 pounds."""
    heavy = [units.Weighed(day, 150, bmi=150 / 1.75**2) for day in range(6)]
    light = [units.Weighed(day, 150, bmi=150 / POUNDS / 1.75**2) for day in range(6)]
    assert set(units.repair(heavy).factors) == {1.0}
    assert set(units.repair(light).factors) == {1 / POUNDS}


def test_the_portal_unit_decides() -> None:
    """What the client's page shows decides a series that says nothing itself."""
    rows = [Reading("weight", 20_000 + day, 130, 130, "portal", day) for day in range(9)]
    pounds, kilos = clean(WEIGHT, rows, hint="lbs"), clean(WEIGHT, rows, hint="kg")
    assert pounds.usual == pytest.approx(59, abs=0.1)
    assert kilos.usual == 130
    assert not kilos.unit_uncertain


def test_nothing_to_repair() -> None:
    """No rows, no factors."""
    assert units.repair([]) == units.Repaired((), uncertain=False)


def test_conversions() -> None:
    """Known units are converted, unknown ones are refused, none is taken as it is."""
    assert to_canonical(WEIGHT, 220.46, "lbs") == pytest.approx(100)
    assert to_canonical(METRICS["waist"], 30, "in") == pytest.approx(76.2)
    assert to_canonical(WEIGHT, 80, None) == 80
    assert to_canonical(WEIGHT, 80, "cm") is None
    assert epley(100, 5) == pytest.approx(116.67, abs=0.01)
    assert epley(100, 1) == 100
    assert epley(100, 11) is None


# --- cleaning ----------------------------------------------------------------------------------


def test_outliers_on_a_slope() -> None:
    """A typo is found on a steep line, and nothing else is."""
    series = line(90, -0.9)
    values = series.values.copy()
    values[[20, 60]] += 10
    found = cleaning.outliers(series.days, values, 0.7)
    assert np.flatnonzero(found).tolist() == [20, 60]


def test_equal_readings_make_nothing_an_outlier() -> None:
    """After a run of equal readings half a kilogram is no outlier."""
    values = np.full(20, 80.0)
    values[12] = 80.6
    assert not cleaning.outliers(np.arange(20.0), values, 0.68).any()


def test_days_are_merged() -> None:
    """A day's value is the median of its readings."""
    daily = cleaning.merge_days(np.array([1.2, 1.5, 1.9, 3.1]), np.array([80.0, 81.0, 95.0, 79.0]))
    assert daily.days.tolist() == [1, 3]
    assert daily.values.tolist() == [81, 79]
    assert daily.members == ((0, 1, 2), (3,))


# --- trend -------------------------------------------------------------------------------------


def fitted(series: Series, toward: int = -1) -> tuple[trend.Posterior, trend.Smoothed]:
    """The filter on a series, up to its last day."""
    noise = trend.noise_of(series.usual, toward=toward)
    return trend.fit(series.days, series.values, noise, float(series.days[-1]))


def test_level_and_rate() -> None:
    """The level is within its own doubt, the rate near the line's."""
    posterior, smoothed = fitted(line(90, -0.6))
    assert abs(posterior.level - (90 - 0.6 / 7 * 89)) < 3 * posterior.level_sd()
    assert -0.7 < 7 * posterior.rate()[0] < -0.35
    assert len(smoothed.levels) == 90


def test_one_wild_reading_moves_little() -> None:
    """A reading ten kilograms off moves the level by less than the jitter of a reading."""
    series = line(90, -0.4)
    wild = series.values.copy()
    wild[-5] += 10
    noise = trend.noise_of(series.usual, toward=-1)
    before, _ = trend.fit(series.days, series.values, noise, 20_089.0)
    after, _ = trend.fit(series.days, wild, noise, 20_089.0)
    assert abs(after.level - before.level) < noise.reading


def test_silence_widens() -> None:
    """The longer nobody measured, the less is known."""
    series = line(90, -0.4)
    noise = trend.noise_of(series.usual, toward=-1)
    now, _ = trend.fit(series.days, series.values, noise, 20_089.0)
    later, _ = trend.fit(series.days, series.values, noise, 20_149.0)
    assert later.level_sd() > 2 * now.level_sd()


def test_first_passage_orders() -> None:
    """p10 <= p50 <= p90, and a nearer target is passed earlier and more surely."""
    posterior, _ = fitted(line(90, -0.6))
    levels = trend.paths(posterior, np.random.default_rng(1))
    near = trend.first_passage(levels, 80.0, falling=True)
    far = trend.first_passage(levels, 76.0, falling=True)
    assert near.p10 is not None
    assert near.p50 is not None
    assert near.p10 <= near.p50 <= (near.p90 or 366)
    assert near.p50 < (far.p50 or 366)
    assert near.p_reach >= far.p_reach
    assert near.p_by(10) <= near.p_by(60) <= near.p_reach


def test_a_target_behind_is_passed_at_once() -> None:
    """A falling goal above the level is passed on day 0."""
    levels = np.full((trend.PATHS, 53), 80.0)
    passage = trend.first_passage(levels, 85.0, falling=True)
    assert (passage.p10, passage.p50, passage.p90, passage.p_reach) == (0, 0, 0, 1)


def test_a_target_never_met() -> None:
    """Without a path that passes there is no day, and that is certain."""
    levels = np.full((trend.PATHS, 53), 80.0)
    passage = trend.first_passage(levels, 70.0, falling=True)
    assert (passage.p10, passage.p50, passage.p90, passage.p_reach) == (None, None, None, 0)
    assert passage.confidence() == 1


def test_paths_are_the_same_for_the_same_seed() -> None:
    """The seed alone decides the paths."""
    posterior, _ = fitted(line(90, -0.6))
    first = trend.paths(posterior, np.random.default_rng(3))
    assert (first == trend.paths(posterior, np.random.default_rng(3))).all()


# --- events ------------------------------------------------------------------------------------


def test_plateau_is_one_sided() -> None:
    """A gain is no plateau of a wish to gain; of a wish to lose it is no progress at all."""
    series = line(80, 0.4)
    arguments = (series.days, series.values, 20_090.0, 0.5, 0.05)
    assert events.plateau(*arguments, 1) is None
    assert events.plateau(*arguments, -1) is not None


def test_two_weeks_are_no_plateau() -> None:
    """Too little was measured to call anything a plateau."""
    series = line(80, 0.0, days=14)
    assert events.plateau(series.days, series.values, 20_014.0, 0.5, 0.05, -1) is None


def test_false_alarms_are_rare() -> None:
    """Of steady losers who weigh themselves daily next to none is told of a plateau."""
    alarms = 0
    for seed in range(60):
        dice = np.random.default_rng(seed)
        at = np.arange(60.0)
        values = 85 - 0.5 / 100 * 85 / 7 * at + dice.normal(0, 0.5, 60)
        alarms += events.plateau(at, values, 60.0, 0.5, 0.05, -1) is not None
    assert alarms <= 1


# --- goals -------------------------------------------------------------------------------------

SERIES = {"weight": line(85, -0.3)}


@pytest.mark.parametrize(
    ("given_", "metric", "target", "toward"),
    [
        (GoalGiven(1, "weight_loss", "", 75, "kg"), "weight", 75, -1),
        (GoalGiven(1, "weight_loss", "", 165, "lbs"), "weight", 74.84, -1),
        (GoalGiven(1, "weight_loss", "", 165, None), "weight", 74.84, -1),
        (GoalGiven(1, "weight_loss", "", 165, "kg"), "weight", 74.84, -1),
        (GoalGiven(1, "other", "Reach my weight", 75, ""), "weight", 75, -1),
        (GoalGiven(1, "other", "Get to 75 kg", None, None), "weight", 75, -1),
        (GoalGiven(1, "muscle_gain", "", 90, "kg"), "weight", 90, 1),
        (GoalGiven(1, "other", "Waist under 80 cm", 80, "cm"), "waist", 80, -1),
        (GoalGiven(1, "other", "Body fat", 18, "%"), "body_fat", 18, -1),
        (GoalGiven(1, "flexibility", "Touch my toes", None, None), None, None, 0),
        (GoalGiven(1, "endurance", "Run 10 km", 10, "km"), None, None, 0),
        (GoalGiven(1, "strength", "Squat 100 kg", 100, "kg"), None, None, 0),
        (GoalGiven(1, "weight_loss", "", 0, "kg"), "weight", None, -1),
        (GoalGiven(1, "weight_loss", "", -5, "kg"), "weight", None, -1),
    ],
)
def test_goals_are_understood(
    given_: GoalGiven, metric: str | None, target: float | None, toward: int
) -> None:
    """Category, unit and title together say what a goal means."""
    found = read(given_, SERIES)
    assert found.metric == metric
    assert found.target == (None if target is None else pytest.approx(target, abs=0.05))
    assert found.toward == toward


def test_pounds_in_a_title() -> None:
    """A title that speaks of pounds hints at what the client's page shows."""
    assert says_pounds([GoalGiven(1, "weight_loss", "Lose 20 lbs")])
    assert not says_pounds([GoalGiven(1, "weight_loss", "Lose 20 kg")])


@pytest.mark.parametrize(
    ("newest", "p_past", "uncertain", "reached"),
    [
        ((74.9, 74.8, 75.2), 0.98, False, True),
        ((75.3, 74.0, 75.2), 0.98, False, False),
        ((74.9, 74.8, 74.7), 0.90, False, False),
        ((74.9, 74.8, 74.7), 0.99, True, False),
    ],
)
def test_reached_needs_three_things(
    newest: tuple[float, ...], p_past: float, uncertain: bool, reached: bool
) -> None:
    """Reached: nearly certain, two of the last three readings past it, and a certain unit."""
    goal = GoalRead(GoalGiven(1, "weight_loss"), "weight", 75.0, -1)
    series = Series(WEIGHT, np.arange(3.0), np.array(newest), unit_uncertain=uncertain)
    assert is_reached(series, goal, p_past) == reached


# --- outcomes ----------------------------------------------------------------------------------

ISSUED = outcomes.Issued(as_of=100, target=75, toward=-1, p10=130, p50=160, p90=200)


def test_outcome_of_a_kept_forecast() -> None:
    """A target passed and confirmed within the interval is covered; the error counts days."""
    days = np.array([90.0, 140, 150, 156, 162, 170])
    values = np.array([74.0, 76, 74.8, 76, 74.9, 74.5])
    found = outcomes.judge(ISSUED, days, values, 171)
    assert found == outcomes.Outcome(actual=150, abs_err_days=10, covered80=True)


def test_one_low_reading_is_no_outcome() -> None:
    """A single reading past the target, which the next two deny, settles nothing."""
    found = outcomes.judge(ISSUED, np.array([150.0, 156, 162]), np.array([74.8, 76, 76.2]), 171)
    assert found is None


def test_outcome_stays_open() -> None:
    """Before the target is passed, or without readings, nothing is judged; in the end never."""
    assert outcomes.judge(ISSUED, np.array([140.0]), np.array([78.0]), 150) is None
    assert outcomes.judge(ISSUED, np.array([140.0]), np.array([78.0]), 800) is None
    given_up = outcomes.judge(ISSUED, np.array([140.0]), np.array([78.0]), 900)
    assert given_up == outcomes.NEVER_TOLD


def test_outcome_of_a_goal_never_reached() -> None:
    """A year of readings short of the target counts as day 365."""
    days = np.arange(110.0, 470, 10)
    found = outcomes.judge(ISSUED, days, np.full(len(days), 78.0), 480)
    assert found == outcomes.Outcome(actual=None, abs_err_days=305, covered80=False)


# --- chart and words ---------------------------------------------------------------------------


def test_chart_is_plain_svg() -> None:
    """The picture is well-formed, holds no script, no link, and few bytes however long the
    history."""
    long = line(85, -0.1, days=1500)
    drawn = chart.draw(long, None, 21_500)
    root = ET.fromstring(drawn)  # noqa: S314  # our own
    assert root.tag.endswith("svg")
    assert len(drawn) < 40_000
    assert "<script" not in drawn
    assert "href" not in drawn


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Your weight falls by about 0.5 kg a week now.", True),
        ("Your weight falls by about 0.5 kg a week, well done.", False),
        ("Your weight keeps falling week by week.", False),
        ("Your weight falls by about 0.6 kg a week.", False),
        ("Your weight rises week by week.", False),
        ("Your weight falls, guaranteed.", False),
        ("Short.", False),
        ("See www.example.com for why the weight falls.", False),
    ],
)
def test_words_are_sieved(text: str, kept: bool) -> None:
    """A sentence stands for its template only with all of the template's words, and no others
    but neutral ones."""
    template = "The weight falls by about 0.5 kg a week."
    assert (clean_words(text, template, praised=False) is not None) == kept
