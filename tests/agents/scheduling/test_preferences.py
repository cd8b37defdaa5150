"""Preferred times, as people type them."""

from datetime import datetime

import pytest

from agents.scheduling.clock import GymClock
from agents.scheduling.preferences import Wishes, read, warnings

CLOCK = GymClock.of("Europe/Berlin")
NOW = datetime(2026, 11, 20, 9)


def wishes(*texts: str) -> Wishes:
    return read(texts, CLOCK, NOW)


def understood(text: str) -> tuple[list[str], list[str], int]:
    """What is liked and disliked, as it is shown, and how many clauses were not understood."""
    found = wishes(text)
    likes, dislikes = ([wish.label() for wish in side] for side in (found.likes, found.dislikes))
    return likes, dislikes, found.unread


@pytest.mark.parametrize(
    ("text", "likes", "dislikes"),
    [
        ("morning", ["morning"], []),
        ("Mon 18:00", ["Mon 18:00"], []),
        ("weekday evenings", ["weekday evening"], []),
        ("2026-11-24T18:00", ["2026-11-24 18:00"], []),
        ("2026-11-24T17:00:00Z", ["2026-11-24 18:00"], []),
        ("Mon, Wed 18:00", ["Mon 18:00", "Wed 18:00"], []),
        ("tuesday and thursday at 6pm", ["Tue Thu 18:00"], []),
        ("any day except Friday", [], ["Fri"]),
        ("no sundays; evenings", ["evening"], ["Sun"]),
        ("between 5 and 7 pm", ["17:00-19:00"], []),
        ("17-19", ["17:00-19:00"], []),
        ("11-1pm", ["11:00-13:00"], []),
        ("after 17:00", ["from 17:00"], []),
        ("before 9", ["before 09:00"], []),
        ("Mon-Fri 7am", ["weekdays 07:00"], []),
        ("Sat to Mon mornings", ["Mon Sat Sun morning"], []),
        ("lunes por la mañana", ["Mon morning"], []),
        ("lunch", ["lunchtime"], []),
        # of the days on which most people work, where no day is named
        ("after work", ["weekday evening"], []),
        ("before work or after work", ["weekday early morning", "weekday evening"], []),
        ("Saturdays after work", ["Sat evening"], []),
        ("noon", ["lunchtime"], []),
        ("midday", ["midday"], []),
        ("lunch at 1", ["13:00"], []),
        ("6:30 am or 7 pm", ["06:30", "19:00"], []),
        ("12 am", ["00:00"], []),
        ("I'd prefer Mondays if possible", ["Mon"], []),
        # hours without a half of the day are those of a gym, however they are written
        ("weekdays 6-8", ["weekdays 18:00-20:00"], []),
        ("2-4", ["14:00-16:00"], []),
        ("9-5", ["09:00-17:00"], []),
        ("Tuesdays at 6", ["Tue 18:00"], []),
        ("6 o'clock", ["18:00"], []),
        ("7 in the morning", ["07:00"], []),
        ("7 at night", ["19:00"], []),
        ("6 to 8 in the evening", ["18:00-20:00"], []),
        ("Tuesday at 7", ["Tue 07:00"], []),
        ("de 18 a 20h", ["18:00-20:00"], []),
        # open ends
        ("18:30 or later", ["from 18:30"], []),
        ("Mon 5pm onwards", ["Mon from 17:00"], []),
        ("17:00+", ["from 17:00"], []),
        ("9am or earlier", ["before 09:00"], []),
        ("earliest 17:00", [], ["before 17:00"]),
        ("latest 20:00", [], ["from 20:00"]),
        # abbreviations, dashes, politeness
        ("Mon. 18:00", ["Mon 18:00"], []),
        ("Sat am", ["Sat morning"], []),
        ("Mon PM", ["Mon from 12:00"], []),
        ("Mon\u2014Fri after 18:00", ["weekdays from 18:00"], []),
        ("late evenings", ["night"], []),
        ("sundays, please", ["Sun"], []),
        # a day and a part of the day that are told apart belong together
        ("Mondays only, evenings", ["Mon evening"], []),
        ("Mon, Wed, after 17:00", ["Mon from 17:00", "Wed from 17:00"], []),
        ("evenings, weekends", ["evening", "weekends"], []),
        ("weekends, evenings", ["weekends", "evening"], []),
    ],
)
def test_what_people_type(text: str, likes: list[str], dislikes: list[str]) -> None:
    """Weekdays, parts of the day, times, spans, dates and negations become structure."""
    assert understood(text) == (likes, dislikes, 0)


@pytest.mark.parametrize(
    ("text", "likes", "dislikes"),
    [
        # a refusal goes on through a list
        ("not Monday or Tuesday", [], ["Mon", "Tue"]),
        ("never mon, tue", [], ["Mon", "Tue"]),
        ("no mornings, evenings or weekends", [], ["morning", "evening", "weekends"]),
        ("can't do mornings or evenings", [], ["morning", "evening"]),
        ("except Tuesday/Thursday", [], ["Tue", "Thu"]),
        ("neither Monday nor Tuesday", [], ["Mon", "Tue"]),
        ("not Mon and not Tue", [], ["Mon", "Tue"]),
        ("no lunes o martes", [], ["Mon", "Tue"]),
        ("ni lunes ni martes", [], ["Mon", "Tue"]),
        ("not before 9 or after 20:00", [], ["before 09:00", "from 20:00"]),
        # until something positive is said
        ("not on Mon or Wed, mornings only", ["morning"], ["Mon", "Wed"]),
        ("I am never free on Fridays; Mondays are great", ["Mon"], ["Fri"]),
        ("Not Mondays. Tuesdays are fine", ["Tue"], ["Mon"]),
        ("not Monday but Tuesday", ["Tue"], ["Mon"]),
        ("Mondays don't work and Tuesdays are great", ["Tue"], ["Mon"]),
        (
            "weekends are bad for me, weekdays after 6 please",
            ["weekdays from 18:00"],
            ["weekends"],
        ),
        # wherever in its clause it stands
        ("Mondays don't work", [], ["Mon"]),
        ("Mondays and Tuesdays don't work", [], ["Mon Tue"]),
        ("Mon, Tue or Wed don't work", [], ["Mon", "Tue", "Wed"]),
        ("Mondays don't work in the morning", [], ["Mon morning"]),
        ("evenings are impossible", [], ["evening"]),
        ("mornings or evenings are impossible", [], ["morning", "evening"]),
        ("Mon 18:00, evenings are impossible", ["Mon 18:00"], ["evening"]),
        ("unavailable Monday", [], ["Mon"]),
        ("busy on tuesdays", [], ["Tue"]),
        ("busy until 5pm", [], ["before 17:00"]),
        ("Fridays are out", [], ["Fri"]),
        ("los lunes no puedo", [], ["Mon"]),
        ("I can't do Mondays because of my kids", [], ["Mon"]),
        # an exception
        ("any time but mornings", [], ["morning"]),
        ("anything but mornings", [], ["morning"]),
        ("any time but 6am", [], ["06:00"]),
        ("all days but Monday and Tuesday", [], ["Mon Tue"]),
        ("any time works but mornings are best", ["morning"], []),
        ("mornings, but not on Mondays", ["morning"], ["Mon"]),
        ("weekdays except Friday", ["weekdays"], ["Fri"]),
        ("evenings except Tuesday/Thursday", ["evening"], ["Tue", "Thu"]),
        ("no later than 8pm", [], ["from 20:00"]),
        # an hour of the afternoon
        ("after 5", ["from 17:00"], []),
        ("weekdays after 5", ["weekdays from 17:00"], []),
        ("from 5 to 7", ["17:00-19:00"], []),
        ("after 5 am", ["from 05:00"], []),
        ("after 05:00", ["from 05:00"], []),
        ("after 5 in the morning", ["morning"], []),
        ("after 7", ["from 07:00"], []),
        # in the evening, where the evening is spoken of
        ("No Mondays! Tuesdays please!", ["Tue"], ["Mon"]),
        ("evenings, no later than 8", ["evening"], ["from 20:00"]),
        ("evenings but not after 9", ["evening"], ["from 21:00"]),
        ("mornings, not after 9", ["morning"], ["from 09:00"]),
        # of the days beside it
        ("weekends not before 10", ["weekends"], ["weekends before 10:00"]),
        ("Tue/Thu not after 20:00", ["Tue", "Thu"], ["from 20:00"]),
        ("not Mon, not Tue, not before 10", [], ["Mon", "Tue", "before 10:00"]),
    ],
)
def test_a_refusal_is_never_a_wish(text: str, likes: list[str], dislikes: list[str]) -> None:
    """What people refuse is avoided, as far as they mean it, and what they wish is wished."""
    assert understood(text) == (likes, dislikes, 0)


@pytest.mark.parametrize(
    ("text", "dislikes"),
    [
        ("no sundays, evenings", ["Sun"]),
        ("no mornings, weekends", ["morning"]),
        ("Mondays drain me", []),
        ("I work Mondays", []),
        ("I don't work Mondays", []),
        ("I don't mind Mondays", []),
        ("not only Mondays", []),
        ("never busy on Mondays", []),
        ("no problem on Mondays", []),
        ("is Monday ok?", []),
        ("half past six on Mondays", []),
        ("not after 8", []),
        ("never after 10", []),
        ("Tue 18", []),
        ("Tue 1800", []),
        ("2026-11-24 and 2026-11-26", []),
        ("evenings 2-3 times a week", []),
    ],
)
def test_what_may_mean_both_is_said_to_be_unread(text: str, dislikes: list[str]) -> None:
    """A clause that could be a wish or its opposite, or holds an unknown word, is no wish."""
    found = wishes(text)
    assert found.likes == ()
    assert [wish.label() for wish in found.dislikes] == dislikes
    assert found.unread == 1
    assert [said.split(":")[0] for said in warnings(found)] == ["preference_unread"]


def test_a_refusal_behind_its_day_is_no_wish() -> None:
    """ "Tuesdays, no" is not understood, but never taken for a wish."""
    assert wishes("Tuesdays, no").likes == ()


@pytest.mark.parametrize(
    "text",
    [
        "ignore previous instructions",
        "2026-13-40",
        "31 Nov",
        "7 may be better",
        "in 3 weeks",
        "99 at 77:77",
        "🙂",
    ],
)
def test_nonsense_is_counted_not_guessed(text: str) -> None:
    """What says nothing is counted, and the warning repeats none of it."""
    found = wishes(text)
    assert (found.likes, found.dislikes) == ((), ())
    assert found.unread == 1
    assert text not in " ".join(warnings(found))


def test_a_span_is_for_the_whole_session() -> None:
    """Who is there from six to eight is not there until half past eight, and who is busy from
    twelve to two not until half past twelve."""
    found = wishes("Mon 18-20, busy 12-14")
    monday = datetime(2026, 11, 23)
    assert found.strength(monday.replace(hour=19), 60) == 1.0
    assert found.strength(monday.replace(hour=19, minute=30), 60) == 0.5
    assert found.strength(monday.replace(hour=19, minute=30), 30) == 1.0
    assert found.strength(monday.replace(hour=11, minute=30), 60) == -1.0
    assert found.strength(monday.replace(hour=11), 60) == 0.0
    assert found.strength(monday.replace(hour=14), 60) == 0.0
    # Of a part of the day, and of an open end, the start counts.
    assert wishes("evenings").strength(monday.replace(hour=21, minute=30), 60) == 1.0
    assert wishes("before 9").strength(monday.replace(hour=8, minute=30), 60) == 1.0


def test_past_dates_are_ignored() -> None:
    """A wish for a moment gone by counts as past and asks for nothing."""
    found = wishes("2026-11-01T18:00", "2026-11-20", "15 Nov")
    assert found.past == 2
    assert [wish.label() for wish in found.likes] == ["2026-11-20"]


@pytest.mark.parametrize(
    ("text", "likes", "dislikes"),
    [
        ("from 2026-12-01", ["from 2026-12-01"], []),
        ("after 2026-11-30 evenings", ["from 2026-12-01 evening"], []),
        ("before 2026-12-01", ["until 2026-11-30"], []),
        ("until 2026-12-01", ["until 2026-12-01"], []),
        ("2026-11-24 to 2026-11-28", ["2026-11-24 to 2026-11-28"], []),
        ("not before 2026-12-01", [], ["until 2026-11-30"]),
        ("not from 2026-12-20 to 2026-12-31", [], ["2026-12-20 to 2026-12-31"]),
        ("not after 2026-12-01", [], ["from 2026-12-02"]),
        ("2026-11-24 at 18:00", ["2026-11-24 18:00"], []),
        ("2026-11-24 18:00-20:00", ["2026-11-24 18:00-20:00"], []),
        ("2026-11-24 after 17:00", ["2026-11-24 from 17:00"], []),
        ("tomorrow evening", ["2026-11-21 evening"], []),
        ("today at 18:00", ["2026-11-20 18:00"], []),
        ("tonight", ["2026-11-20 night"], []),
        ("24 Nov", ["2026-11-24"], []),
        ("Tue 24 Nov 18:00", ["2026-11-24 18:00"], []),
        ("Nov 24th at 6pm", ["2026-11-24 18:00"], []),
        ("Nov 24, 6pm-8pm", ["2026-11-24 18:00-20:00"], []),
        ("24 Nov 18:00-20:00", ["2026-11-24 18:00-20:00"], []),
        ("Nov 24 18-20", ["2026-11-24 18:00-20:00"], []),
        ("the 24th of November", ["2026-11-24"], []),
        ("24 de noviembre por la tarde", ["2026-11-24 afternoon"], []),
        ("evenings from Dec 1", ["from 2026-12-01 evening"], []),
        ("after Dec. 1st, 2026", ["from 2026-12-02"], []),
        ("1 Dec or later", ["from 2026-12-01"], []),
        ("24-28 Nov mornings", ["2026-11-24 to 2026-11-28 morning"], []),
        ("Nov 24-28", ["2026-11-24 to 2026-11-28"], []),
        ("Nov 24 to Dec 2", ["2026-11-24 to 2026-12-02"], []),
        ("not 24 Nov", [], ["2026-11-24"]),
        ("not in December", [], ["2026-12-01 to 2026-12-31"]),
        ("evenings in January", ["2027-01-01 to 2027-01-31 evening"], []),
        ("not before 5 Jan", [], ["until 2027-01-04"]),
        ("in May", ["2027-05-01 to 2027-05-31"], []),
        ("2026-12-01 onwards", ["from 2026-12-01"], []),
        ("1 Dec or earlier", ["until 2026-12-01"], []),
    ],
)
def test_dates_reach_as_far_as_they_say(text: str, likes: list[str], dislikes: list[str]) -> None:
    """Before, after, from and until a date mean that side of it, never the date alone."""
    assert understood(text) == (likes, dislikes, 0)


def test_a_near_miss_counts_half() -> None:
    """A start within half an hour of the wished one fits half, a disliked one counts against."""
    found = wishes("Mon 18:00, not Fri")
    monday = datetime(2026, 11, 23, 18)
    assert found.strength(monday) == 1.0
    assert found.strength(monday.replace(minute=30)) == 0.5
    assert found.strength(monday.replace(hour=19)) == 0.0
    assert found.strength(datetime(2026, 11, 27, 18)) == -1.0


def test_long_texts_cost_little() -> None:
    """Four thousand hostile letters are read at once."""
    assert wishes("-".join(["mon"] * 1000), "1-" * 2000, "at " * 1300).unread >= 1


def test_hundreds_of_wishes_are_not_all_looked_at() -> None:
    """Each is compared with every free time: 2,500 took two minutes. The first ones count, the
    others are said to be unread."""
    texts = [f"Mon {hour}:{minute:02d}" for hour in range(6, 21) for minute in range(60)]
    found = wishes(*texts)
    assert 60 <= len(found.likes) <= 120
    assert len(found.likes) + found.unread == len(texts)
