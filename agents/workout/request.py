"""What a workout request may say, and what an operator may set.

:class:`WorkoutRequest` is the caller's JSON with every value checked and "not given" (null, an
empty text, list or object) folded to None; `agents.workout.fill_gaps` turns it into the exact
:class:`agents.workout.profile.Profile` that the algorithms see.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from agents import moments
from agents.base import AgentConfig, AgentInput
from agents.given import kind, shown
from agents.workout.profile import LEVELS, Adaptation, Kind, Level
from agents.workout.wishes import pieces

MAX_TEXT, MAX_WISHES = 4000, 200


def _whole(low: int, high: int | None) -> Callable[[Any], Any]:
    wanted = f"a whole number from {low} to {high}" if high else f"a whole number from {low} up"

    def check(value: Any) -> int | None:
        if value is None or value in ("", [], {}):
            return None
        number = value
        if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,20}\s*", value):
            number = int(value)
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        if isinstance(number, bool) or not isinstance(number, int):
            raise ValueError(f"{shown(value)} given; expected {wanted}")
        if number < low or (high is not None and number > high):
            raise ValueError(f"{shown(value)} given; expected {wanted}")
        return number

    return check


def _ranged(low: int, high: int) -> BeforeValidator:
    """:func:`_whole`, with its bounds in the schema."""
    bounds = Annotated[int | None, Field(ge=low, le=high)]
    return BeforeValidator(_whole(low, high), json_schema_input_type=bounds)


def _texts(value: Any) -> tuple[str, ...] | None:
    """A list of texts or one text; empty entries go, nothing is split here."""
    if value is None or value in ("", [], {}):
        return None
    items = value if isinstance(value, list | tuple) else [value]
    texts: list[str] = []
    for item in items:
        if item is None or item == "":
            continue
        if isinstance(item, bool) or not isinstance(item, str | int | float):
            raise ValueError(f"holds {kind(item)}; expected a text or a list of texts")
        text = str(item).strip()
        if len(text) > MAX_TEXT:
            raise ValueError(
                f"holds a text of {len(text)} characters; expected at most {MAX_TEXT}"
            )
        if text:
            texts.append(text)
    return tuple(texts) or None


def _wishes(value: Any) -> tuple[str, ...] | None:
    """Texts that are taken apart into single wishes, each of which is looked up everywhere."""
    texts = _texts(value)
    found = len(pieces(texts or ()))
    if found > MAX_WISHES:
        raise ValueError(f"holds {found} wishes; expected at most {MAX_WISHES}")
    return texts


def _word(allowed: tuple[str, ...]) -> Callable[[Any], Any]:
    def check(value: Any) -> str | None:
        if value is None or value in ("", [], {}):
            return None
        folded = value.strip().lower() if isinstance(value, str) else value
        if folded not in allowed:
            raise ValueError(f"{shown(value)} given; expected one of {', '.join(allowed)}")
        return str(folded)

    return check


def _zone(value: Any) -> str | None:
    if value is None or value in ("", [], {}):
        return None
    if not isinstance(value, str) or value.strip() not in available_timezones():
        raise ValueError(f"{shown(value)} given; expected an IANA name such as Europe/Berlin")
    return value.strip()


def _client(value: Any) -> Any:
    number = _whole(1, 2**63 - 1)(value)
    if number is None:
        raise ValueError(
            f"{shown(value)} given; expected the id of a client, a whole number from 1 up"
        )
    return number


Texts = tuple[str, ...] | None


class Clearance(BaseModel):
    """A professional's word that the client may train: who gave it and when."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    cleared: bool = False
    by: str = Field(default="", max_length=200)
    on: dt.date | None = Field(default=None, alias="date")

    @property
    def date(self) -> dt.date | None:
        """The day it was given."""
        return self.on


def _clearance(value: Any) -> Any:
    if value is None or value in ("", [], {}):
        return None
    if not isinstance(value, dict):
        raise ValueError(
            f"{kind(value)} given; expected an object such as "
            '{"cleared": true, "by": "Dr Meyer", "date": "2026-03-01"}'
        )
    given = {key: value[key] for key in ("cleared", "by", "date") if value.get(key) is not None}
    if not isinstance(given.get("by", ""), str):
        raise ValueError(f"by {shown(given['by'])} given; expected who gave it, such as Dr Meyer")
    if not isinstance(given.get("cleared", False), bool | str | int | float):
        raise ValueError(f"cleared {shown(given['cleared'])} given; expected true or false")
    day = given.get("date")
    if day is None or isinstance(day, dt.date):
        return given
    try:
        if not isinstance(day, str):
            raise ValueError
        given["date"] = dt.date.fromisoformat(day.strip()[:10]) if day.strip() else None
    except ValueError:
        raise ValueError(
            f"date {shown(day)} given; expected an ISO date such as 2026-03-01"
        ) from None
    return given


def _adaptations(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise ValueError(
            f"{shown(value)} given; expected a list of {', '.join(get_args(Adaptation))}"
        )
    return value


class WorkoutRequest(AgentInput):
    """The caller's wishes. Null everywhere means: not given, look at the main app's tables.

    With duration_weeks or focus_areas the answer is a plan of so many weeks, else one week and
    count cards of it. preferences, avoid_exercises, conditions, injuries: as people write them.
    clearance: a professional's, where an answer wanted one. narrative: off asks no model.
    adaptations: what a review of the client's progress asks for.
    """

    client_id: Annotated[int, BeforeValidator(_client)]
    goals: Annotated[Texts, BeforeValidator(_texts)] = Field(
        default=None, description="Such as weight_loss, muscle_gain, strength."
    )
    fitness_level: Annotated[Level | None, BeforeValidator(_word(LEVELS))] = None
    available_equipment: Annotated[Texts, BeforeValidator(_texts)] = Field(
        default=None,
        validation_alias=AliasChoices("available_equipment", "equipment"),
        description="Such as dumbbells, bands, or gym for all of it.",
    )
    time_per_session: Annotated[int | None, _ranged(15, 120)] = Field(
        default=None, description="Minutes, 15 to 120."
    )
    sessions_per_week: Annotated[int | None, _ranged(1, 6)] = None
    duration_weeks: Annotated[int | None, _ranged(1, 52)] = Field(
        default=None, description="With it a plan of that many weeks, built up to 16."
    )
    focus_areas: Annotated[Texts, BeforeValidator(_texts)] = Field(
        default=None, description="Such as legs, back, core."
    )
    count: Annotated[int | None, _ranged(3, 5)] = None
    preferences: Annotated[Texts, BeforeValidator(_wishes)] = None
    avoid_exercises: Annotated[Texts, BeforeValidator(_wishes)] = None
    conditions: Annotated[Texts, BeforeValidator(_texts)] = None
    injuries: Annotated[Texts, BeforeValidator(_texts)] = None
    age: Annotated[int | None, BeforeValidator(_whole(-1000, 1000))] = None
    clearance: Annotated[Clearance | None, BeforeValidator(_clearance)] = None
    trainer_id: Annotated[int | None, BeforeValidator(_whole(1, None))] = None
    as_of: Annotated[dt.datetime | None, BeforeValidator(moments.moment)] = None
    timezone: Annotated[str | None, BeforeValidator(_zone)] = None
    narrative: Annotated[
        Literal["auto", "off"] | None, BeforeValidator(_word(("auto", "off")))
    ] = None
    adaptations: Annotated[tuple[Adaptation, ...], BeforeValidator(_adaptations)] = ()

    @model_validator(mode="before")
    @classmethod
    def _fold(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and value.get("adaptations", ()) in (None, "", [], {}):
            return {key: item for key, item in value.items() if key != "adaptations"}
        return value

    @property
    def kind(self) -> Kind:
        """The main app sends two calls under one task type; these two fields tell them apart."""
        planned = self.duration_weeks is not None or self.focus_areas is not None
        return "plan" if planned else "recommendations"

    def zone(self, default: str) -> ZoneInfo:
        """The zone whose calendar decides dates."""
        return ZoneInfo(self.timezone or default)


class WorkoutConfig(AgentConfig):
    """Lasting settings in ``ai_agents.config``; the console's form shows the descriptions."""

    words: bool = Field(True, description="Ask the model for reasons and tips.")
    share_texts: bool = Field(
        True,
        description="Let the model read what client and trainers wrote, for conditions and wishes"
        " that our own reading missed.",
    )
    max_output_tokens: int = Field(
        default=1500, ge=200, le=4000, description="Most that the model may write in one answer."
    )
    default_minutes: int = Field(
        default=45, ge=15, le=120, description="A session's length where nobody said, 15 to 120."
    )
    default_sessions_per_week: int = Field(
        default=3, ge=1, le=6, description="Where neither request nor history says, 1 to 6."
    )
    default_weeks: int = Field(
        default=4, ge=1, le=16, description="A plan's length where nobody said, 1 to 16."
    )
    save_to_main_app: bool = Field(
        False,
        description="Write each plan's first week into the main app as workout templates of the"
        " trainer in charge.",
    )
