"""Agents that consist of a row in ``ai_agents``: a prompt, the shape of the input and the answer.

::

    INSERT INTO ai_agents (name, type, config) VALUES ('Haiku', 'haiku', '{
        "kind": "prompt",
        "system": "Write a haiku about the topic.",
        "input_schema": {"properties": {"topic": {"type": "string", "maxLength": 80}},
                         "required": ["topic"]},
        "output_schema": {"properties": {"lines": {"type": "array", "minItems": 3, "maxItems": 3,
                                                   "items": {"type": "string"}}},
                          "required": ["lines"]},
        "views": ["ai_queue_depth"],
        "limits": {"max_output_tokens": 300}}');

From then on every daemon answers requests whose ``task_type`` is the row's ``type``, with the same
checks, repairs, budgets, versions and ledger as any other agent. The model gets the prompt and, as
data, the request's input and the rows of the views; nothing else. Without a model there is no
answer: such a request waits, or fails if it wishes so.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, create_model, model_validator

from agents.base import (
    VIEWS,
    AgentConfig,
    AgentInput,
    BaseAgent,
    ConfigType,
    LLMUse,
    ProviderUnavailable,
    Result,
    RunContext,
)
from agents.json_schema import Closed, model_of

Json = Any
KIND = "prompt"
DRAFT = "draft:"
"""Before the type of a prompt agent that is not active yet: nobody asks for it by accident."""


class PromptInput(AgentInput):
    """Base of every input."""

    model_config = ConfigDict(serialize_by_alias=True)


class PromptLimits(BaseModel):
    """How much one request may use. usd: US dollars; seconds; bytes of input_data."""

    model_config = ConfigDict(extra="forbid")

    max_calls: int = Field(3, ge=1, le=10)
    max_output_tokens: int = Field(1000, ge=16, le=16_000)
    deadline_seconds: float = Field(60.0, ge=1, le=600)
    cache_seconds: float = Field(0.0, ge=0)
    max_input_bytes: int = Field(64 * 1024, ge=2, le=1024 * 1024)


class PromptConfig(AgentConfig):
    """``ai_agents.config`` of such an agent. views: read-only, of ``agents.base.VIEWS``."""

    kind: Literal["prompt"] = "prompt"
    system: str = Field(min_length=1, max_length=20_000)
    input_schema: dict[str, Json] = Field(default_factory=dict)
    output_schema: dict[str, Json]
    views: tuple[Literal[VIEWS], ...] = ()  # type: ignore[valid-type]
    limits: PromptLimits = PromptLimits()
    max_usd: Decimal | None = Field(Decimal("0.05"), ge=0, le=999_999)

    _input: type[BaseModel] = PrivateAttr(default=PromptInput)
    _answer: type[BaseModel] = PrivateAttr(default=Closed)
    _output: type[BaseModel] = PrivateAttr(default=Closed)

    @model_validator(mode="after")
    def _build(self) -> PromptConfig:
        if not self.use_model or self.on_unavailable == "degrade":
            raise ValueError(
                "there is no answer without the model: leave use_model out, set on_unavailable to"
                ' "wait" or "fail", or set enabled = false'
            )
        if not self.output_schema.get("properties"):
            raise ValueError("output_schema.properties is missing: what is the answer made of?")
        self._input = model_of(self.input_schema, "input_schema", PromptInput, "Input")
        self._answer = model_of(self.output_schema, "output_schema", Closed, "Answer")
        self._output = self._answer
        if "data_warnings" not in self._answer.model_fields:
            self._output = create_model(
                "Output",
                __base__=self._answer,
                data_warnings=(list[str], Field(default_factory=list)),
            )
        return self

    @property
    def input_model(self) -> type[BaseModel]:
        """What a request's input is checked against."""
        return self._input

    @property
    def answer_model(self) -> type[BaseModel]:
        """What the model is asked for."""
        return self._answer

    @property
    def output_model(self) -> type[BaseModel]:
        """The result: the answer, and what was wrong with input or answer."""
        return self._output


class PromptAgent(BaseAgent[AgentInput, BaseModel]):
    """Asks the model once and gives back its answer. What it is made of stands in its config."""

    type = KIND
    name = "Prompt"
    description = "An agent that consists of its row in ai_agents."
    Config: ClassVar[ConfigType] = PromptConfig
    sends: ClassVar[Mapping[str, str]] = {
        "input": "the request's input_data, as far as the agent's input_schema names it",
        "views": "rows of the views in its config: sums of the service's own work",
    }

    async def execute(self, ctx: RunContext, inp: AgentInput) -> Result[BaseModel]:
        config = ctx.config
        assert isinstance(config, PromptConfig)
        views = {name: list(await ctx.view(name)) for name in config.views}
        answer = await ctx.llm.ask(
            config.answer_model,
            name=KIND,
            system=config.system,
            data={"input": inp.model_dump(mode="json", exclude_unset=True), "views": views},
            max_output_tokens=config.limits.max_output_tokens,
        )
        if answer.value is None:
            raise ProviderUnavailable("the model gave no answer that could be used")
        output = answer.value.model_dump(mode="json")
        if config.output_model is not config.answer_model:
            output["data_warnings"] = [f"answer_mended: {what}" for what in answer.dropped]
        return Result(config.output_model.model_validate(output))


def agent_of(task_type: str, name: str, config: PromptConfig) -> BaseAgent[Any, Any]:
    """The agent that a row describes."""
    made: type[PromptAgent] = type(
        "RowAgent",
        (PromptAgent,),
        {
            "type": task_type,
            "name": name,
            "Input": config.input_model,
            "Output": config.output_model,
            "llm": LLMUse(
                optional=False,
                max_calls=config.limits.max_calls,
                deadline_seconds=config.limits.deadline_seconds,
                cache_seconds=config.limits.cache_seconds,
            ),
            "timeout_seconds": config.limits.deadline_seconds + 30.0,
            "max_input_bytes": config.limits.max_input_bytes,
        },
    )
    return made()


def is_prompt(task_type: str, config: Json) -> bool:
    """Whether a row describes such an agent, well or badly."""
    return task_type == KIND or (isinstance(config, Mapping) and config.get("kind") == KIND)


def lacks_kind(config: Json) -> bool:
    """Whether a row that is no such agent can only be meant to be one."""
    return isinstance(config, Mapping) and not {"system", "output_schema"}.isdisjoint(config)
