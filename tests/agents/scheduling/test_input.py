"""What a caller may send, and what is said about a value that cannot be used."""

from typing import Any

import pytest

from agents.scheduling.agent import SchedulingAgent
from agents.scheduling.model import ScheduleRequest
from daemon.intake import Parsed, parse
from daemon.model import ErrorInfo

AGENT = SchedulingAgent()


def read(**given: Any) -> ScheduleRequest:
    """The typed request."""
    parsed = parse(AGENT, given)
    assert isinstance(parsed, Parsed), parsed
    assert isinstance(parsed.value, ScheduleRequest)
    return parsed.value


def refused(**given: Any) -> str:
    """The sentence of the refusal."""
    parsed = parse(AGENT, given)
    assert isinstance(parsed, ErrorInfo)
    assert parsed.code == "invalid_input"
    return parsed.message


def test_what_the_main_app_sends_is_understood() -> None:
    """Digits as text are an id, and empty values count as not given."""
    request = read(client_id="7", trainer_id=None, preferred_times=[], availability={}, week="")
    assert (request.client_id, request.trainer_id, request.preferred_times) == (7, None, None)
    assert not request.week_mode


def test_aliases_and_single_values() -> None:
    """`duration_minutes` is `duration`; one text or date stands for a list of it."""
    request = read(
        client_id=1, duration_minutes="45", preferred_times="morning", blackout_dates="2026-12-24"
    )
    assert request.duration == 45
    assert request.preferred_times == ("morning",)
    assert [str(day) for day in request.blackout_dates or ()] == ["2026-12-24"]


def test_hours_take_names_and_the_end_of_the_day() -> None:
    """A weekday may be a name, and 24:00 is the end of the day."""
    request = read(client_id=1, availability=[{"weekday": "Monday", "start": "9", "end": "24:00"}])
    hours = request.availability[0]
    assert (hours.weekday, hours.start, hours.end) == (1, 540, 1440)


def test_a_week_is_recognised() -> None:
    """A week, a demand, or sessions of a trainer without a client ask for a week."""
    assert read(trainer_id=1, week="2026-11-25").week_mode
    assert read(trainer_id=1, demand=[{"client_id": 2}]).demand[0].sessions == 1
    listed = [{"session_id": 3, "client_id": 2, "session_date": "2026-11-24T18:00"}]
    assert read(trainer_id=1, existing_sessions=listed).existing_sessions[0].id == 3


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "client_id is missing"),
        ({"client_id": 0}, "from 1 up"),
        ({"client_id": True}, "from 1 up"),
        ({"client_id": 1.5}, "from 1 up"),
        ({"client_id": 1, "horizon_days": 400}, "from 1 to 60"),
        ({"client_id": 1, "duration": 5}, "from 10 to 480"),
        ({"client_id": 1, "timezone": "Berlin"}, "Europe/Berlin"),
        ({"client_id": 1, "as_of": "yesterday"}, "2026-03-01T18:00:00"),
        ({"client_id": 1, "as_of": "9999-12-31"}, "a year from 1970 to 2200"),
        ({"client_id": 1, "blackout_dates": ["1.12."]}, "expected an ISO date"),
        ({"client_id": 1, "preferred_times": ["x" * 4001]}, "4001 characters"),
        ({"client_id": 1, "preferred_times": [{"a": 1}]}, "expected a text"),
        ({"client_id": 1, "availability": [{"start": "9", "end": "10"}]}, "a weekday"),
        (
            {"client_id": 1, "availability": [{"weekday": 0, "start": "9", "end": "10"}]},
            "1 (Monday) to 7 (Sunday)",
        ),
        (
            {"client_id": 1, "availability": [{"weekday": 1, "start": "22:00", "end": "06:00"}]},
            "split hours that cross midnight",
        ),
        ({"week": "2026-11-25"}, "trainer_id is missing"),
        ({"trainer_id": 3}, "client_id is missing"),
        ({"trainer_id": 1, "demand": [{"client_id": 1, "sessions": 9}]}, "from 1 to 7"),
        ({"client_id": 1, "narrative": "loud"}, "auto, off"),
        ({"client_id": 1, "availability": "always"}, "'always' given; expected a list of objects"),
        ({"client_id": 1, "availability": [5]}, '5 given; expected a list of objects such as {"w'),
        ({"trainer_id": 1, "demand": {"client_id": 2}}, 'such as {"client_id": 7'),
        ({"client_id": 1, "existing_sessions": 3}, 'such as {"session_id": 3'),
    ],
)
def test_a_bad_value_is_named(given: dict[str, Any], told: str) -> None:
    """A refusal says what was given and what would be right."""
    assert told in refused(**given)


def test_unknown_keys_are_dropped_and_named() -> None:
    """A key nobody knows does not cost the caller an answer."""
    parsed = parse(AGENT, {"client_id": 1, "colour": "blue"})
    assert isinstance(parsed, Parsed)
    assert parsed.unknown == ("colour",)
