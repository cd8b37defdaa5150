"""What the numbers mean, in plain sentences made by templates.

Every numeral stands, rounded the same way, in the structured answer. Each sentence has a code: a
model may word it again, and where it does so badly the sentence here is what is shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.progress.health import Concern
from agents.progress.report import Adherence, Advice, EventOut, GoalOut, Quality
from agents.progress.requested import CATEGORIES
from agents.progress.series import METRICS

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_FEW_SESSIONS = 6
_LOW_ADHERENCE, _GOOD_ADHERENCE = 0.6, 0.8
_HARD, _FEW_LOGS = 8.5, 4
_WEEKS = 8
"""Over which sessions and logs are counted."""
_UNSURE, _SURE = 0.4, 0.7
_FASTEST_SHARE = 0.01
"""Of body weight a week, the pace beyond which a loss is called too fast."""
_FASTEST_GAIN = 0.005
"""Of body weight a week, the pace beyond which a gain is hardly muscle."""


@dataclass(frozen=True, slots=True)
class Told:
    """The parts of an answer that sentences are made of."""

    status: str
    goals: Sequence[GoalOut]
    quality: dict[str, Quality]
    events: Sequence[EventOut]
    adherence: Adherence
    confidence: float
    concerns: frozenset[Concern] = frozenset()
    past_from_start: bool = False
    turned: frozenset[str] = frozenset()


def number(value: float) -> str:
    """A number as a person writes it: no trailing zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def day(iso: str, *, year: bool = True) -> str:
    """ "2026-03-12" as "12 March 2026"."""
    date = dt.date.fromisoformat(iso)
    return f"{date.day} {MONTHS[date.month - 1]}" + (f" {date.year}" if year else "")


def title(metric: str) -> str:
    """The metric's name inside a sentence."""
    return METRICS[metric].title.lower()


def article(word: str) -> str:
    """ "a" or "an"."""
    return "an" if word[:1] in "aeiou" else "a"


def begun(text: str) -> str:
    """`text` at the head of a sentence."""
    return text[:1].upper() + text[1:]


def nears(goal: GoalOut) -> bool:
    """Whether the trend leads to the goal, beyond the doubt that four in five would allow."""
    if goal.trend is None:
        return False
    return goal.trend.hi < 0 if goal.direction == "decrease" else goal.trend.lo > 0


def amount(value: float, unit: str | None) -> str:
    """A value with its unit, inches in full: "0.1 in a week" reads as if it took a week."""
    unit = "inches" if unit == "in" else unit
    return f"{number(abs(value))} {unit}" if unit and unit != "%" else f"{number(abs(value))} %"


def pace(value: float, unit: str | None) -> str:
    """A change with its unit: of a share in points, so that nobody reads a share of a share."""
    return f"{number(abs(value))} percentage points" if unit == "%" else amount(value, unit)


def target_of(goal: GoalOut) -> str:
    """The goal's target in the unit that the client thinks in."""
    own = goal.own_unit
    if own is not None and own.target is not None:
        return amount(own.target, own.unit)
    return amount(goal.target or 0.0, goal.unit)


def pace_of(goal: GoalOut, *, needed: bool = False) -> str:
    """The trend's change a week, or the one that is needed, in the client's unit."""
    own = goal.own_unit
    if own is not None:
        value = own.needed_rate_per_week if needed else own.per_week
        return pace(value or 0.0, own.unit)
    told = goal.needed_rate_per_week if needed else goal.trend and goal.trend.per_week
    return pace(told or 0.0, goal.unit)


def prediction(told: Told) -> str:
    """The sentence that the main app shows."""
    goal = told.goals[0] if told.goals else None
    if told.status == "insufficient_data":
        return _too_little(told, goal)
    if told.status == "no_goal" and goal is not None:
        # Of a column with free text only words of our own are shown.
        known = goal.category in CATEGORIES - {"other"}
        named = f" ({goal.category.replace('_', ' ')})" if known else ""
        return (
            f"Nothing that is measured here tells of the goal{named}. A target for "
            "weight, body fat, a girth or the resting heart rate can be followed; so can a lift, "
            "once its loads are sent along."
        )
    if told.status == "no_goal" or goal is None or goal.target is None:
        return (
            "There is no goal that the measurements can follow. Set a target with a value and a "
            "unit, such as a weight in kg, and the forecast follows."
        )
    name = title(goal.metric or "weight")
    name = f"{article(name)} {name} of {target_of(goal)}"
    if told.status == "contradictory_goals":
        return (
            "The open goals want the same measurement to rise and to fall. Close one of them; "
            "each is forecast on its own below."
        )
    if goal.status == "reached" and told.past_from_start:
        return f"The goal, {name}, was passed before it began: its value or direction is a slip."
    if goal.status == "reached":
        return f"The goal, {name}, is reached: the newest measurements confirm it."
    if goal.days.p50 is None or goal.goal_date.p50 is None:
        tail = "it may be reached, but more likely later than that"
        if goal.metric in told.turned:
            return f"{begun(name)} cannot be dated yet: the measurements turned some weeks ago."
        if goal.status == "unreachable":
            tail = (
                "the measurements move that way, but too slowly"
                if nears(goal)
                else "the measurements do not move that way"
            )
        return f"{begun(name)} is not expected within a year on the present trend; {tail}."
    middle = day(goal.goal_date.p50)
    first, last = goal.goal_date.p10, goal.goal_date.p90
    if first is None:
        return f"{begun(name)} around {middle}, with a wide margin on both sides."
    if last is None:
        return (
            f"{begun(name)} around {middle}; hardly before {day(first)}, and it may take more "
            "than a year."
        )
    start = day(first, year=first[:4] != last[:4])
    return f"{begun(name)} around {middle}, most likely between {start} and {day(last)}."


def _too_little(told: Told, goal: GoalOut | None) -> str:
    metric = goal.metric if goal is not None and goal.metric is not None else "weight"
    have = told.quality.get(metric)
    if (have is None or have.n == 0) and metric == "strength":
        return (
            "Nothing tells of a one-repetition maximum yet: sets of ten repetitions or fewer, "
            "each with its load, logged at least three times over two weeks, make a forecast."
        )
    if have is None or have.n == 0:
        return (
            f"There are no measurements of {title(metric)} yet. Log it at least three times over "
            "two weeks, best once or twice a week in the morning, and a forecast follows."
        )
    if have.n == 1:
        return (
            f"One measurement of {title(metric)} is too little for a forecast. Log it on at least "
            "three days over two weeks."
        )
    return (
        f"{number(have.n)} days with a measurement of {title(metric)} over "
        f"{number(have.span_days)} days are too little for a forecast. Log it on at least "
        "three days over two weeks."
    )


def insights(told: Told) -> list[Advice]:
    """What is worth knowing, most important first; at most six."""
    return list(_insights(told))[:6]


def _insights(told: Told) -> Iterator[Advice]:
    for event in told.events:
        yield Advice(code=event.code, text=event.detail)
    metrics: set[str | None] = set()
    for goal in told.goals[:2]:
        if goal.metric not in metrics:
            yield from _trend(goal, told)
        metrics.add(goal.metric)
        yield from _deadline(goal)
    if told.goals and told.status == "ok":
        yield _certainty(told)
    kept = told.adherence
    ended = kept.completed + kept.no_show + kept.cancelled
    if ended:
        yield Advice(
            code="adherence",
            text=f"{kept.completed} of {ended} sessions of the last eight weeks took place."
            if ended in (kept.completed, kept.no_show, kept.cancelled)
            else f"{kept.completed} session{'' if kept.completed == 1 else 's'} of the last eight "
            f"weeks took place, {kept.no_show} {'was' if kept.no_show == 1 else 'were'} missed "
            f"and {kept.cancelled} cancelled.",
        )
    repaired = [name for name, quality in told.quality.items() if quality.unit_repairs]
    if repaired:
        yield Advice(
            code="units",
            text=f"Some readings of {title(repaired[0])} were stored in another unit, or with a "
            "decimal point that slipped, and were converted; the list stands beside the series.",
        )


def _trend(goal: GoalOut, told: Told) -> Iterator[Advice]:
    if goal.trend is None or goal.metric is None:
        return
    rose = goal.trend.per_week > 0
    if goal.metric == "weight" and rose and any(e.code == "too_fast" for e in told.events):
        yield Advice(code="turned", text="It had risen before, so its pace cannot be told yet.")
        return
    if goal.metric in told.turned:
        way = "rose before and has fallen" if rose else "fell before and has risen"
        yield Advice(
            code="turned",
            text=f"The {title(goal.metric)} {way} for about two weeks, so its pace cannot be told "
            "yet.",
        )
        return
    way = "falls" if goal.trend.per_week < 0 else "rises"
    share = goal.trend.pct_bw_per_week
    more = f" ({number(abs(share))} % of body weight)" if share else ""
    if goal.trend.lo <= 0 <= goal.trend.hi:
        yield Advice(code="trend", text=f"The {title(goal.metric)} shows no clear trend yet.")
        return
    yield Advice(
        code="trend",
        text=f"The {title(goal.metric)} {way} by about {pace_of(goal)} a week{more}.",
    )


def _deadline(goal: GoalOut) -> Iterator[Advice]:
    if goal.target_date is None or goal.trend is None or goal.status == "reached":
        return
    if goal.needed_rate_per_week is None:
        yield Advice(
            code="deadline",
            text=f"The date that was set for it, {day(goal.target_date)}, has passed.",
        )
        return
    verb = "fall" if goal.needed_rate_per_week < 0 else "rise"
    text = (
        f"To arrive by {day(goal.target_date)} it would have to {verb} by "
        f"{pace_of(goal, needed=True)} a week"
    )
    if _hasty(goal):
        text += ", faster than a body should lose; a later date is the better one"
    yield Advice(code="deadline", text=f"{text}.")


def _mostly_fat(goal: GoalOut) -> bool:
    """Whether muscle is to be gained and the weight surely rises faster than muscle can grow.

    Source: doi 10.3390/sports7070154, a quarter to half a percent a week.
    """
    if goal.category != "muscle_gain" or goal.metric != "weight" or goal.trend is None:
        return False
    return bool(goal.current) and goal.trend.lo > _FASTEST_GAIN * (goal.current or 0.0)


def _hasty(goal: GoalOut) -> bool:
    """Whether the date asks for more than a hundredth of the body's weight a week."""
    if goal.metric != "weight" or goal.current is None or goal.needed_rate_per_week is None:
        return False
    return goal.needed_rate_per_week < -_FASTEST_SHARE * goal.current


def _certainty(told: Told) -> Advice:
    if told.confidence >= _SURE:
        text = "The readings agree well, so the forecast is fairly sure."
    elif told.confidence >= _UNSURE:
        text = "The forecast is a fair guess; more readings will narrow it."
    else:
        text = "The forecast is still wide: small changes of pace move the date by months."
    return Advice(code="certainty", text=text)


def recommendations(told: Told) -> list[Advice]:
    """What to do next; at most five."""
    codes: set[str] = {event.code for event in told.events}
    goal = told.goals[0] if told.goals else None
    found = list(_advice(told, codes, goal))
    if not found:
        found.append(Advice(code="keep_going", text="Keep the plan and the rhythm of measuring."))
    return found[:5]


def _advice(told: Told, codes: set[str], goal: GoalOut | None) -> Iterator[Advice]:
    if "fast_pulse" in told.concerns:
        yield Advice(
            code="fast_pulse",
            text="The heart beats faster at rest than it should: a doctor should see that before "
            "training gets harder, and at once with chest pain, dizziness or short breath.",
        )
    if "sudden_gain" in told.concerns:
        yield Advice(
            code="sudden_gain",
            text="The weight jumped within days, and that is mostly water: salt, starch, travel "
            "or the cycle explain it as a rule. With short breath, swollen legs or trouble lying "
            "flat a doctor should see it today.",
        )
    if "young_loss" in told.concerns:
        yield Advice(
            code="young_loss",
            text="Who is still growing loses weight only under a doctor's care: leave the target "
            "aside, praise moving and skill, and talk with the parents.",
        )
    if "unhealthy_target" in told.concerns:
        yield Advice(
            code="unhealthy_target",
            text="The target lies below what a body needs: agree on it with a doctor or a "
            "dietitian before anything else.",
        )
    if "unintended_loss" in told.concerns:
        yield Advice(
            code="unintended_loss",
            text="The weight fell by a twentieth or more within half a year, and no goal asks for "
            "that: if it was not meant, a doctor should know.",
        )
    if told.status == "contradictory_goals":
        yield Advice(code="choose_goal", text="Decide which goal comes first and close the other.")
    if told.status == "no_goal":
        yield Advice(
            code="set_goal",
            text="Set a goal with a value, a unit and a date."
            if goal is None
            else "Set a goal beside it that is measured, with a value, a unit and a date.",
        )
    if told.status == "insufficient_data" or "stale_data" in codes:
        yield Advice(
            code="log_more",
            text="Measure once or twice a week, at the same time of day, and log the unit too.",
        )
    if told.past_from_start:
        yield Advice(code="check_goal", text="Check the goal: nothing was left to do for it.")
    elif told.status == "goal_reached":
        yield Advice(code="maintain", text="Hold it for some weeks, then set the next goal.")
    if "too_fast" in codes:
        yield Advice(
            code="slow_down",
            text="Slow down: a gentler pace keeps more muscle and is easier to hold. If it goes "
            "on, a doctor or a dietitian should look at it.",
        )
    if goal is not None and _mostly_fat(goal):
        yield Advice(
            code="gain_slower",
            text="Gain more slowly: beyond half a percent of body weight a week little of it is "
            "muscle.",
        )
    if "plateau" in codes and "fast_pulse" not in told.concerns:
        yield Advice(
            code="plateau_variety",
            text="Change something: other exercises, a little more movement, a look at the diet.",
        )
    if "regain" in codes and wastes(told.goals):
        yield Advice(
            code="eat_enough",
            text="Talk about what changed since the best value: food, sleep, how heavy the sets "
            "are. No cardio is added while weight is to be gained.",
        )
    elif "regain" in codes and "fast_pulse" in told.concerns:
        pass  # The doctor comes first.
    elif "regain" in codes and any(pulse_climbs(goal) for goal in told.goals):
        yield Advice(
            code="rest_first",
            text="A pulse at rest that climbs can tell of too little sleep, stress, hard training "
            "or an illness: rest first, and ask a doctor if it stays up.",
        )
    elif "regain" in codes:
        yield Advice(
            code="more_cardio",
            text="Talk about what changed since the best value and add some easy cardio.",
        )
    yield from _habits(told.adherence)
    late = goal is not None and goal.status in ("behind", "unreachable")
    # A target that is left behind or unhealthy is not to be had a little later.
    calm = codes.isdisjoint({"plateau", "regain"}) and not told.concerns and not told.turned
    if late and calm:
        yield Advice(
            code="adjust_goal",
            text="At this pace the goal comes late: agree on a nearer target or a later date.",
        )
    if any(quality.unit_uncertain for quality in told.quality.values()):
        yield Advice(
            code="check_units",
            text="Ask in which unit the weight was entered: the readings alone cannot tell.",
        )


def pulse_climbs(goal: GoalOut) -> bool:
    """Whether the goal is a calmer heart, and the trend leads away from it."""
    turned = goal.trend is not None and goal.trend.per_week > 0
    return goal.metric == "resting_heart_rate" and goal.direction == "decrease" and turned


def wastes(goals: Sequence[GoalOut]) -> bool:
    """Whether what turned away from its goal is something that was to be gained.

    Cardio would spend what is missing there.
    """
    turned = [
        goal.direction
        for goal in goals
        if goal.trend is not None
        and goal.trend.per_week * (-1 if goal.direction == "decrease" else 1) < 0
    ]
    return "increase" in turned and "decrease" not in turned


def _habits(kept: Adherence) -> Iterator[Advice]:
    ended = kept.completed + kept.no_show + kept.cancelled
    if kept.rate is not None and ended >= _FEW_SESSIONS:
        if kept.rate < _LOW_ADHERENCE:
            yield Advice(
                code="fewer_sessions",
                text="Plan fewer sessions that really take place, at times that suit better.",
            )
        elif kept.rate >= _GOOD_ADHERENCE:
            yield Advice(code="praise_adherence", text="Sessions are kept well; say so.")
    logs = round(_WEEKS * kept.logs_per_week)
    if kept.mean_difficulty is not None and kept.mean_difficulty >= _HARD and logs >= _FEW_LOGS:
        yield Advice(code="ease_off", text="Workouts are rated very hard; ease off a little.")
