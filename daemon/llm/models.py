"""What a model takes: how it is told to answer in JSON, and which parameters it refuses.

Known families are written down here. What a server teaches with a 400 is learned, kept in
``ai_provider_state`` and shared by every daemon, so that it is paid for once. That a model thinks
before it writes shows in its answers, and each daemon sees it for itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

ResponseFormat = Literal["json_schema", "json_object", "text"]
SIMPLER: dict[ResponseFormat, ResponseFormat] = {
    "json_schema": "json_object",
    "json_object": "text",
    "text": "text",
}

REASONING_TOKENS = 2000
"""Added to the output cap of models that think before they write: thinking counts as output."""

_JSON_OBJECT = re.compile(r"gpt-4-turbo.*|gpt-4-.*-preview|gpt-3\.5.*")
_TEXT = re.compile(r"gpt-4|gpt-4-0\d{3}|gpt-4-32k.*|o1-mini.*|o1-preview.*")
_REASONING = re.compile(r"o\d.*|gpt-[5-9](?!.*chat).*")
_LABOURED = re.compile(r"o\d.*|gpt-5(-mini|-nano)?(-\d{4}-\d{2}-\d{2})?")
"""Those that think at length unless told otherwise; later families answer at once by default."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How to talk to one model. output_cap: most output tokens it accepts to be asked for.

    reasoning: it thinks before it writes, and what it thinks counts as output. effort: how hard it
    is told to think, None for a model that is told nothing.
    """

    response_format: ResponseFormat = "json_schema"
    omits: frozenset[str] = frozenset()
    output_cap: int | None = None
    reasoning: bool = False
    effort: Literal["low"] | None = None

    def output_tokens(self, wanted: int, room: int = 1) -> int:
        """The cap to ask for, so that ``wanted`` tokens of answer fit, ``room`` times over."""
        total = room * (wanted + REASONING_TOKENS if self.reasoning else wanted)
        return total if self.output_cap is None else min(total, self.output_cap)

    def without(self, parameter: str) -> Habits:
        """After a 400 that named ``parameter``: a simpler response_format, or none of it."""
        if parameter == "response_format" and self.response_format != "text":
            return replace(self, response_format=SIMPLER[self.response_format])
        return replace(self, omits=self.omits | {parameter})


def known(model: str) -> Habits:
    """The habits of a model by its name alone. Unknown ones are taken for modern.

    What stands before a slash is whose model it is, as gateways to many providers write it.
    """
    model = model.rsplit("/", 1)[-1]
    if _TEXT.fullmatch(model):
        return Habits("text", output_cap=4096, reasoning=model.startswith("o1"))
    if _JSON_OBJECT.fullmatch(model):
        return Habits("json_object", output_cap=4096)
    if _REASONING.fullmatch(model):
        effort: Literal["low"] | None = "low" if _LABOURED.fullmatch(model) else None
        return Habits(omits=frozenset({"temperature"}), reasoning=True, effort=effort)
    return Habits()


class KnownModels:
    """Habits by model: written down, then corrected by what was learned."""

    def __init__(self) -> None:
        self._learned: dict[str, Habits] = {}
        self._thinking: set[str] = set()
        self._refused: set[tuple[str, str]] = set()

    def __getitem__(self, model: str) -> Habits:
        habits = self._learned.get(model) or known(model)
        return replace(habits, reasoning=True) if model in self._thinking else habits

    def thinks(self, model: str) -> None:
        """Note that ``model`` thought before it wrote, and needs room for it."""
        self._thinking.add(model)

    def for_question(self, model: str, name: str) -> Habits:
        """The habits of a model when it is asked the question ``name``."""
        habits = self[model]
        if (model, name) in self._refused and habits.response_format == "json_schema":
            return replace(habits, response_format=SIMPLER[habits.response_format])
        return habits

    def refuses_schema(self, model: str, name: str) -> None:
        """Note that ``model`` takes other schemas, and not that of the question ``name``."""
        self._refused.add((model, name))

    def load(self, model: str, response_format: ResponseFormat | None, omits: list[str]) -> None:
        """What another daemon, or an earlier life of this one, learned."""
        base = known(model)
        self._learned[model] = replace(
            base,
            response_format=response_format or base.response_format,
            omits=base.omits | frozenset(omits),
        )

    def learn(self, model: str, parameter: str) -> Habits | None:
        """Note that ``model`` refuses ``parameter``; None if that is nothing new."""
        before = self[model]
        after = before.without(parameter)
        if after == before:
            return None
        self._learned[model] = after
        return after
