"""The planner: safe weeks at the least price, the same every time, honest when there is none."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from agents.workout.exercises.catalogue import CATALOGUE
from agents.workout.exercises.exercise import EQUIPMENT, MUSCLES
from agents.workout.planning.allowed import limits_for, select
from agents.workout.planning.conflict import Conflict
from agents.workout.planning.gentle import safe_minimum
from agents.workout.planning.plan import Built, build, changed_week, seed_of
from agents.workout.planning.polish import polish
from agents.workout.planning.problem import (
    Draft,
    Problem,
    missing_patterns,
    problem_for,
    relaxation_cost,
    shortfalls,
)
from agents.workout.planning.progression import Week
from agents.workout.planning.schemes import scheme_for
from agents.workout.planning.score import Appeal, Totals, goal_fit, score
from agents.workout.planning.session_time import exercise_seconds, whole_minutes
from agents.workout.planning.solver import plan_week, pruned, solve
from agents.workout.planning.volume import as_sets, halves_per_set
from agents.workout.profile import Goal, Limits, Profile
from agents.workout.screening.conditions import restrictions

GYM = frozenset(EQUIPMENT)
BARE = frozenset({"bodyweight"})
DUMBBELLS = frozenset({"bodyweight", "dumbbells"})


def a_profile(**changes: Any) -> Profile:
    """An intermediate client in a gym, three times 45 minutes for four weeks."""
    usual = Profile(
        client_id=1,
        kind="plan",
        goal="general",
        level=1,
        equipment=GYM,
        minutes=45,
        sessions_per_week=3,
        weeks=4,
        duration_weeks=4,
        age=35,
    )
    return replace(usual, **changes)


def a_problem(profile: Profile) -> Problem:
    """The planning problem of `profile` with the whole catalogue."""
    rules = restrictions(profile.conditions)
    allowed = select(profile, rules, CATALOGUE.values()).allowed.values()
    return problem_for(profile, limits_for(profile, rules), allowed)


def built(profile: Profile) -> Built:
    """The plan of `profile`, which must exist."""
    made = build(profile, restrictions(profile.conditions), CATALOGUE)
    assert isinstance(made, Built)
    return made


def conflict(profile: Profile) -> Conflict:
    """The conflict of `profile`, which must have no plan."""
    made = build(profile, restrictions(profile.conditions), CATALOGUE)
    assert isinstance(made, Conflict)
    return made


def dose(draft: Draft) -> list[tuple[str, int, int, int | None, int]]:
    """A draft in comparable form."""
    return [
        (item.option.key, item.sets, item.dose.reps, item.dose.hold, item.dose.rest)
        for item in draft.items()
    ]


# --- arithmetic --------------------------------------------------------------------------------


def test_a_session_is_the_sum_of_its_parts() -> None:
    """Set-up, ramp sets, sets of both sides, rests between sets and a minute to change over."""
    lunge = CATALOGUE["reverse_lunge"]
    assert lunge.unilateral
    expected = lunge.setup_seconds + 60 * 2 + 3 * (10 * lunge.seconds_per_rep * 2) + 2 * 90 + 60
    seconds = exercise_seconds(lunge, sets=3, reps=10, hold=None, rest=90, ramp_sets=2)
    assert expected == seconds


def test_a_started_minute_counts() -> None:
    """Nobody is told less time than it takes."""
    assert [whole_minutes(600), whole_minutes(601), whole_minutes(660)] == [10, 11, 11]


def test_a_secondary_muscle_counts_half() -> None:
    """A set counts one for a primary and a half for a secondary muscle."""
    press = CATALOGUE["push_up"]
    halves = sorted(count for _, count in halves_per_set(press))
    assert [1] * len(set(press.sec) - set(press.prim)) + [2] * len(press.prim) == halves
    assert (as_sets(7), as_sets(8)) == (3.5, 4)


@pytest.mark.parametrize(
    ("goal", "level", "reps", "compound", "other", "compound_rest"),
    [
        ("strength", 2, None, (1, 6), (6, 15), (120, 300)),
        ("strength", 0, None, (8, 12), (6, 15), (120, 300)),
        ("strength", 2, (8, 15), (8, 15), (8, 15), (30, 300)),
        ("strength", 0, (10, 15), (10, 12), (10, 15), (120, 300)),
        ("endurance", 1, (8, 15), (15, 15), (15, 15), (15, 60)),
        ("hypertrophy", 1, (10, 15), (10, 15), (10, 15), (60, 180)),
    ],
)
def test_a_condition_narrows_repetitions_and_wins_where_they_do_not_meet(
    goal: Goal,
    level: int,
    reps: tuple[int, int] | None,
    compound: tuple[int, int],
    other: tuple[int, int],
    compound_rest: tuple[int, int],
) -> None:
    """Ranges intersect; a disjoint one is the condition's, and then rest may be short."""
    scheme = scheme_for(a_profile(goal=goal, level=level), Limits(reps=reps))
    assert (compound, other) == (scheme.compound.reps, scheme.other.reps)
    assert compound_rest == scheme.compound.rest
    for column in (scheme.compound, scheme.other):
        low, high = column.reps
        assert low <= column.floor <= column.start <= column.top <= high


def test_effort_is_capped_by_level_and_condition() -> None:
    """RPE never starts above its cap, and the lower cap wins."""
    assert scheme_for(a_profile(level=0), Limits()).rpe_cap == 8.0
    eased = scheme_for(a_profile(level=2), Limits(rpe=6))
    assert (eased.rpe, eased.rpe_cap) == (6.0, 6.0)


# --- one week ----------------------------------------------------------------------------------

ROOMY = a_profile(minutes=60)
TIGHT = a_profile(minutes=20, sessions_per_week=2, goal="strength", level=2)
MANY = a_profile(sessions_per_week=6, level=2, minutes=40)
FRAIL = a_profile(
    age=70,
    equipment=DUMBBELLS,
    minutes=30,
    conditions=frozenset({"older_adult", "knee", "hypertension"}),
)
SHAPES = pytest.mark.parametrize("profile", [ROOMY, TIGHT, MANY, FRAIL])


def test_a_client_with_time_gives_nothing_up() -> None:
    """With an hour in a gym no wish is relaxed, and that is proved."""
    week = plan_week(a_problem(ROOMY))
    assert week is not None
    assert (week.cost, week.minimal) == (0, True)


@SHAPES
def test_the_price_is_what_the_week_lacks(profile: Profile) -> None:
    """The solver's price equals what the arithmetic of patterns and volume finds missing."""
    problem = a_problem(profile)
    week = plan_week(problem)
    assert week is not None
    items = tuple(week.draft.items())
    lacking = 20 * len(missing_patterns(items)) + sum(shortfalls(problem, items).values())
    assert lacking == week.cost == relaxation_cost(problem, week.draft)


def test_no_week_is_cheaper_than_the_one_found() -> None:
    """Asking for a lower price than the proved minimum finds nothing."""
    problem = a_problem(TIGHT)
    week = plan_week(problem)
    assert week is not None
    assert week.cost > 0
    assert week.minimal
    assert solve(problem, "least", most_cost=week.cost - 1) is None


@SHAPES
def test_pruning_keeps_enough_of_each_kind(profile: Profile) -> None:
    """Of equal exercises the quickest stay, half as many as there are days."""
    problem = a_problem(profile)
    days = len(problem.weekdays)
    kept = pruned(problem.options, days)
    keys = {option.key for option in kept}
    assert keys <= {option.key for option in problem.options}
    for lost in (option for option in problem.options if option.key not in keys):
        alike = [
            o
            for o in kept
            if (o.slots, o.halves, o.block) == (lost.slots, lost.halves, lost.block)
        ]
        assert len(alike) >= -(-days // 2)
        assert all(o.fixed(o.least) <= lost.fixed(lost.least) for o in alike)


@SHAPES
def test_polishing_costs_no_wish_and_no_minute(profile: Profile) -> None:
    """A polished week gives up no more, stays within its minutes and scores no less."""
    problem = a_problem(profile)
    week = plan_week(problem)
    assert week is not None
    rough = polish(problem, week.draft, seed="s", cardio=False, moves=0)
    draft, score, parts = polish(problem, week.draft, seed="s", cardio=False)
    assert relaxation_cost(problem, draft) <= week.cost
    assert score >= rough[1]
    assert score == pytest.approx(sum(parts.values()), abs=0.01)
    for day in draft.days:
        assert sum(item.seconds for item in day) <= problem.budget_seconds
        assert 2 <= len(day) <= 9


@pytest.mark.parametrize(
    "changes",
    [{"avoid": ("pull",)}, {"equipment": BARE, "avoid": ("pull",)}],
    ids=["in a gym", "at home"],
)
def test_a_painful_shoulder_without_a_pull_gets_no_push(changes: dict[str, Any]) -> None:
    """Pulls stay at or above pushes: with no pull left there is no push, and both are reported."""
    profile = a_profile(conditions=frozenset({"shoulder"}), **changes)
    plan = built(profile)
    groups = {item.option.group for item in plan.draft.items()}
    told = {item.target: item.why for item in plan.relaxed if item.id == "patterns"}

    assert groups.isdisjoint({"push", "pull"})
    assert set(told) == {"push", "pull"}
    assert "shoulder" in told["push"]


def test_polishing_follows_its_seed() -> None:
    """The same seed gives the same week, another seed may give another."""
    problem = a_problem(ROOMY)
    week = plan_week(problem)
    assert week is not None
    results = [polish(problem, week.draft, seed=seed, cardio=False) for seed in ("a", "a", "b")]
    assert dose(results[0][0]) == dose(results[1][0])
    assert dose(results[0][0]) != dose(results[2][0])


def test_a_liked_exercise_comes_and_an_unliked_one_goes() -> None:
    """Weights lean the choice among equals."""
    problem = a_problem(ROOMY)
    week = plan_week(problem)
    assert week is not None
    plain, _, _ = polish(problem, week.draft, seed="s", cardio=False)
    used = {item.option.key for item in plain.items()}
    disliked = sorted(used)[:4]
    leaned, _, _ = polish(
        problem, week.draft, seed="s", cardio=False, weights=dict.fromkeys(disliked, -3)
    )
    left = {item.option.key for item in leaned.items()} & set(disliked)
    assert len(left) < len(disliked)


def test_equal_profiles_give_equal_plans_in_every_process() -> None:
    """Neither hash seed nor process changes a plan."""
    script = (
        "from tests.agents.workout.test_planner import ROOMY, built, dose;"
        "print(dose(built(ROOMY).draft))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert {f"{dose(built(ROOMY).draft)}\n"} == seen
    assert seed_of(ROOMY) == seed_of(replace(ROOMY)) != seed_of(TIGHT)


def test_variety_after_a_plateau_swaps_a_third() -> None:
    """A review that asks for variety gets at least 30 % other exercises."""
    usual = {item.option.key for item in built(ROOMY).draft.items()}
    varied_plan = built(replace(ROOMY, adaptations=("plateau_variety",)))
    varied = {item.option.key for item in varied_plan.draft.items()}
    assert len(usual - varied) >= 0.3 * len(usual)


# --- weeks -------------------------------------------------------------------------------------

TWELVE = a_profile(weeks=12, duration_weeks=12, goal="hypertrophy", sessions_per_week=4)


def sets_of(week: Week) -> int:
    """All sets of a week."""
    return sum(entry.sets for session in week.sessions for entry in session.exercises)


@pytest.mark.parametrize(("level", "lighter"), [(0, [7]), (1, [6, 12]), (2, [6, 12])])
def test_a_lighter_week_comes_in_time(level: int, lighter: Sequence[int]) -> None:
    """After five build weeks (six for beginners) half the sets at two points less effort."""
    weeks = built(replace(TWELVE, level=level)).weeks
    assert lighter == [week.number for week in weeks if week.phase == "deload"]
    for number in lighter:
        before, week = weeks[number - 2], weeks[number - 1]
        assert 0.4 <= sets_of(week) / sets_of(before) <= 0.6
        hardest = max(entry.rpe for session in week.sessions for entry in session.exercises)
        assert hardest <= max(e.rpe for s in before.sessions for e in s.exercises) - 2


def test_every_week_stays_within_the_minutes() -> None:
    """Growing repetitions never outgrow the session."""
    plan = built(replace(TWELVE, minutes=30))
    for week in plan.weeks:
        for session in week.sessions:
            used = sum(entry.seconds for entry in session.exercises)
            assert used + 60 * session.cardio_minutes <= plan.problem.budget_seconds


def test_load_steps_up_when_repetitions_start_again() -> None:
    """Repetitions fall only together with a step of load or a harder variant."""
    weeks = [week for week in built(TWELVE).weeks if week.phase == "build"]
    steps = 0
    for before, after in itertools.pairwise(weeks):
        for old, new in zip(before.sessions, after.sessions, strict=True):
            for past, entry in zip(old.exercises, new.exercises, strict=True):
                steps += entry.event is not None
                if entry.reps < past.reps:
                    assert entry.event in ("load_up", "variant_up")
    assert steps > 0


def test_a_bodyweight_exercise_gives_way_to_its_harder_variant() -> None:
    """Without load to add, the top of the range leads to the next variant."""
    plan = built(a_profile(equipment=BARE, level=1, weeks=12, duration_weeks=12, minutes=60))
    swapped = [
        entry
        for week in plan.weeks
        for session in week.sessions
        for entry in session.exercises
        if entry.event == "variant_up"
    ]
    known = {exercise.variant_up for exercise in CATALOGUE.values()}
    assert {entry.exercise.key for entry in swapped} <= known


def test_cardio_grows_slowly_from_a_safe_start() -> None:
    """Weekly minutes start at 150 (90 for beginners) and rise by at most 20 %."""
    for level, start in ((0, 90), (1, 150)):
        plan = built(a_profile(goal="weight_loss", level=level, weeks=12, duration_weeks=12))
        targets = [week.cardio_target or 0 for week in plan.weeks]
        assert start == targets[0]
        assert all(a <= b <= 1.2 * a for a, b in itertools.pairwise(targets))
        assert targets[-1] <= 300


# --- no week -----------------------------------------------------------------------------------

NO_TIME = a_profile(minutes=15, conditions=frozenset({"asthma"}))
NO_EXERCISES = a_profile(
    equipment=BARE,
    avoid=("squat", "lunge", "hinge", "push", "pull", "core", "iso_calves", "iso_quads"),
    sessions_per_week=5,
)


def test_an_impossible_session_names_the_rules_and_the_minutes_it_needs() -> None:
    """Ten minutes of warm-up in fifteen: the conflict names time, the change is more minutes."""
    found = conflict(NO_TIME)
    assert {"time_max", "count"} <= set(found.rules)
    assert found.change["time_per_session"] > NO_TIME.minutes
    shorter = replace(NO_TIME, minutes=found.change["time_per_session"] - 5)
    assert shorter.minutes == 15 or plan_week(a_problem(shorter)) is None


def test_the_change_really_allows_a_week() -> None:
    """The plan behind the suggestion exists and is as safe as any other."""
    found = conflict(NO_TIME)
    plan = changed_week(found, restrictions(NO_TIME.conditions), CATALOGUE)
    assert plan is not None
    assert plan.profile.minutes == found.change["time_per_session"]
    assert len({item.option.key for item in plan.draft.items()}) >= 3


def test_avoiding_everything_is_a_conflict_that_says_so() -> None:
    """A client who avoids every pattern is told which wish hinders."""
    found = conflict(NO_EXERCISES)
    assert "avoid_list" in found.rules
    assert found.why.endswith(".")
    assert found.suggestion


def test_health_is_never_the_thing_to_change() -> None:
    """No suggestion gives up a health rule."""
    codes = ("low_back", "knee", "shoulder", "neck", "wrist", "elbow", "hip", "ankle", "asthma")
    sore = a_profile(equipment=BARE, minutes=15, conditions=frozenset(codes))
    found = conflict(sore)
    assert set(found.change) <= {
        "time_per_session",
        "sessions_per_week",
        "avoid_exercises_left",
        "available_equipment",
    }


# --- gentle ------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [1, 3, 6])
def test_a_safe_minimum_holds_only_walking_mobility_and_balance(days: int) -> None:
    """Nothing that loads, within the minutes, on every wished day the level allows."""
    profile = a_profile(
        sessions_per_week=days, minutes=20, conditions=frozenset({"cardiac"}), age=60
    )
    rules = restrictions(profile.conditions)
    safe = safe_minimum(profile, rules, CATALOGUE.values())
    assert days == len(safe.sessions)
    assert not safe.despite_wishes
    for session in safe.sessions:
        assert session.items
        patterns = {item.exercise.pattern for item in session.items}
        assert patterns <= {"cardio", "mobility", "balance"}


Change = Callable[[Profile], Profile]


@pytest.mark.parametrize(
    "change",
    [
        lambda p: replace(p, equipment=frozenset({"bodyweight", "bands"})),
        lambda p: replace(p, level=0),
        lambda p: replace(p, avoid=("deadlifts",)),
        lambda p: replace(p, conditions=frozenset({"low_back"})),
    ],
)
def test_a_filter_only_ever_takes_away(change: Change) -> None:
    """Less equipment, a lower level, a wish or a condition never adds an exercise."""
    before, after = a_profile(level=2), change(a_profile(level=2))
    all_ = CATALOGUE.values()
    wide = select(before, restrictions(before.conditions), all_).allowed.keys()
    narrow = select(after, restrictions(after.conditions), all_).allowed.keys()
    assert narrow < wide


@pytest.mark.parametrize(("goal", "offered"), [("strength", True), ("endurance", False)])
def test_a_barbell_flies_for_few_repetitions_only(goal: Goal, offered: bool) -> None:
    """No plan asks for fifteen power cleans in a row."""
    profile = a_profile(goal=goal, level=2)
    keys = {option.key for option in a_problem(profile).options}
    assert ("hang_power_clean" in keys) is offered
    assert "kettlebell_swing" in keys


def test_an_exercise_serves_a_goal_as_far_as_it_can_be_loaded() -> None:
    """A weight serves strength and growth more than a band or a body, that of a beginner least;
    nothing goes behind the neck that could stay in front of it."""
    options = {option.key: option for option in a_problem(a_profile(level=2)).options}

    def worth(goal: str, *keys: str) -> list[float]:
        return [goal_fit(options[key], goal, 2) for key in keys]

    falling = worth(
        "strength", "back_squat", "leg_press", "goblet_squat", "pull_up", "chair_squat"
    )
    assert falling == sorted(set(falling), reverse=True)
    falling = worth("hypertrophy", "bench_press", "band_chest_press", "push_up", "chair_squat")
    assert falling == sorted(falling, reverse=True) and falling[0] > falling[1] > falling[-1]
    for goal in ("strength", "hypertrophy", "endurance", "weight_loss", "general"):
        front, behind = worth(goal, "lat_pulldown", "behind_neck_pulldown")
        assert front > behind


def test_alike_days_are_better_than_a_long_and_a_short_one() -> None:
    """The same minutes are worth more spread over the week."""
    problem = a_problem(a_profile(minutes=60, sessions_per_week=2))
    appeal = Appeal(problem, cardio=False, weights={})

    def points(*seconds: int) -> float:
        totals = Totals([0, 0], len(MUSCLES))
        totals.seconds = list(seconds)
        return score(totals, appeal)[0]

    assert points(1200, 1200) > points(1500, 900) > points(1800, 600)
    assert points(1300, 1200) > points(1200, 1200)


def test_carries_end_the_heavy_work() -> None:
    """A grip that is tired from carrying neither lifts nor pulls: other compounds come first."""
    carried = 0
    goals: tuple[Goal, ...] = ("strength", "hypertrophy", "general", "weight_loss")
    for goal, level in itertools.product(goals, (0, 1, 2)):
        made = built(a_profile(goal=goal, level=level, sessions_per_week=4, minutes=60))
        for session in made.weeks[0].sessions:
            heavy = [
                entry.exercise.pattern
                for entry in session.exercises
                if entry.option.block == "compound"
            ]
            if "carry" in heavy:
                carried += 1
                assert heavy[-1] == "carry"
    assert carried


@pytest.mark.parametrize("days", [3, 4, 5, 6])
def test_every_session_has_a_main_lift(days: int) -> None:
    """Nobody comes to the gym for calves and crunches: each day trains a large muscle as well."""
    for goal, minutes in itertools.product(("hypertrophy", "weight_loss"), (60, 90)):
        plan = built(a_profile(goal=goal, sessions_per_week=days, minutes=minutes, age=28))
        for session in plan.weeks[0].sessions:
            assert any(e.option.majors and e.exercise.compound for e in session.exercises)


def test_nobody_is_sent_behind_the_neck() -> None:
    """In front there is the same pull, so no plan fills its volume with one behind the neck."""
    for goal, days in itertools.product(("strength", "hypertrophy"), (1, 2)):
        plan = built(a_profile(goal=goal, level=2, sessions_per_week=days, minutes=120, age=36))
        assert "behind_neck_pulldown" not in {item.option.key for item in plan.draft.items()}


def test_no_plan_begins_with_fifteen_pull_ups() -> None:
    """Long sets are for what can be made light: a pull-up cannot, one with a band can."""
    long_sets = {o.key for o in a_problem(a_profile(goal="endurance", level=2)).options}
    assert "pull_up" not in long_sets
    assert {"band_assisted_pull_up", "lat_pulldown"} <= long_sets
    assert "pull_up" in {o.key for o in a_problem(a_profile(level=2)).options}


@pytest.mark.parametrize(("gear", "most"), [(BARE, 0.08), (DUMBBELLS, 0.04), (GYM, 0.01)])
def test_a_practised_client_has_outgrown_walls_and_chairs(
    gear: frozenset[str], most: float
) -> None:
    """Squats to a chair and push-ups on a wall are few for who does harder ones, most of all where
    there is a load to raise; without this rule they were 13, 6 and 2 in a hundred sets."""
    easy = {"chair_squat", "wall_push_up", "supported_partial_squat"}
    goals: tuple[Goal, ...] = ("hypertrophy", "general", "weight_loss")
    sets = easy_sets = 0
    for goal, days in itertools.product(goals, (2, 3, 4)):
        plan = built(a_profile(goal=goal, sessions_per_week=days, equipment=gear))
        for item in plan.draft.items():
            sets += item.sets
            easy_sets += item.sets * (item.option.key in easy)
    assert easy_sets <= most * sets


def test_the_advanced_get_strong_under_a_bar() -> None:
    """Two in five compound sets of their plans are done with a barbell, where there is one; there
    were not three in ten while any weight was as good."""
    sets = barbell = 0
    for days, minutes in itertools.product((2, 3, 4), (60, 75)):
        profile = a_profile(
            goal="strength", level=2, sessions_per_week=days, minutes=minutes, age=30
        )
        for item in built(profile).draft.items():
            if item.option.block == "compound":
                exercise = item.option.exercise
                sets += item.sets
                barbell += item.sets * (
                    "barbell" in exercise.equipment and not exercise.own_weight
                )
    assert barbell >= 0.4 * sets
