"""What is wrong with an input is said by field, value and what would be right."""

from __future__ import annotations

import importlib
import re
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from agents.base import AgentInput, BaseAgent
from agents.catalog import AGENTS
from daemon.intake import Parsed, parse
from daemon.model import ErrorInfo


class Wish(AgentInput):
    client_id: int = Field(gt=0)
    minutes: int = Field(45, ge=15, le=120, validation_alias="time_per_session")
    level: Literal["beginner", "advanced"] = "beginner"
    notes: str = Field("", max_length=20)


class Nothing(BaseModel):
    pass


class Agent(BaseAgent[Wish, Nothing]):
    type = "wishes"
    name = "Wishes"
    description = "Takes wishes."
    Input = Wish
    Output = Nothing


def message(input_data: object) -> str:
    found = parse(Agent(), input_data)
    assert isinstance(found, ErrorInfo)
    assert found.code in {"invalid_input", "input_too_large"}
    return found.message


def test_a_missing_field_is_named() -> None:
    """A required field that was left out is named."""
    assert message({}) == "input_data.client_id is missing; it is required"


def test_a_bad_value_is_shown_with_what_is_right() -> None:
    """Numbers and words of a closed list are repeated beside what is expected."""
    assert 'input_data.client_id is "1; drop table"; expected a valid integer' in message(
        {"client_id": "1; drop table"}
    )
    assert "input_data.time_per_session is 500; expected less than or equal to 120" in message(
        {"client_id": 1, "time_per_session": 500}
    )
    assert "expected 'beginner' or 'advanced'" in message({"client_id": 1, "level": "expert"})


def test_free_text_is_never_repeated() -> None:
    """A note that is too long may be a health note: its text stays out of the message."""
    assert "chest pain" not in message({"client_id": 1, "notes": "chest pain since Monday, " * 9})


def test_another_kind_of_value_is_told_what_is_right() -> None:
    """Where the value stays out of the message, what would be right still stands in it."""
    assert message({"client_id": 1, "notes": 7}) == "input_data.notes: expected a valid string"


def test_what_is_no_object_is_said_to_be_none() -> None:
    """Arrays, strings, numbers and null are named for what they are."""
    assert message([1]) == "input_data is an array; expected a JSON object"
    assert message("x") == "input_data is a string; expected a JSON object"
    assert message(None) == "input_data is null; expected a JSON object"
    assert message(3) == "input_data is a number; expected a JSON object"


def test_what_was_made_json_twice_is_said_to_be() -> None:
    """A JSON column that is given JSON's text holds a string; the hint says what helps."""
    found = parse(Agent(), '{"client_id": 1}')
    assert isinstance(found, ErrorInfo)
    assert found.hint == "it was made JSON twice: hand over the object itself, not its text"


def test_unknown_keys_are_dropped_and_named() -> None:
    """A key that the agent does not know is no error, since callers would show random data."""
    found = parse(Agent(), {"client_id": "7", "colour": "red", "time_per_session": 30})
    assert isinstance(found, Parsed)
    assert found.unknown == ("colour",)
    assert isinstance(found.value, Wish)
    assert (found.value.client_id, found.value.minutes) == (7, 30)


def test_an_input_larger_than_the_agent_reads_is_refused_by_size() -> None:
    """A huge input is refused by its size, not by its content."""
    found = parse(Agent(), {"client_id": 1, "notes": "x" * 70_000})
    assert isinstance(found, ErrorInfo)
    assert found.code == "input_too_large"
    assert "65536" in found.message


def test_what_nobody_sees_is_spelt_out() -> None:
    """A character that turns the writing round stands in a message as its escape."""
    assert 'input_data.client_id is "1\\u202e2";' in message({"client_id": "1\u202e2"})
    assert 'input_data.client_id is "Łódź 中 😀";' in message({"client_id": "Łódź 中 😀"})


WRONG: tuple[object, ...] = (
    None,
    True,
    5,
    2.5,
    "x",
    [None],
    [[True]],
    [{}],
    {"a": None},
    {"a": {"value": False}},
)
PYTHON = re.compile(r"\b(None|True|False|NoneType|dictionary)\b|\ba (str|int|float|dict|bool)\b")


@pytest.mark.parametrize("task_type", AGENTS)
def test_messages_speak_json(task_type: str) -> None:
    """Whoever sends JSON from Node or PHP reads null, true and objects, not Python."""
    module, _, name = AGENTS[task_type].partition(":")
    agent = getattr(importlib.import_module(module), name)()
    refused = 0
    for field in agent.Input.model_fields:
        for value in WRONG:
            found = parse(agent, {"client_id": 1, field: value})
            if isinstance(found, ErrorInfo):
                refused += 1
                assert not PYTHON.search(found.message), found.message
    assert refused
