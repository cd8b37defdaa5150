"""Lets a model explain and mend a review's findings, without a database: one call, one retry.

A form that the model refuses unread is no call: it is asked again in another.

The daemon's gateway journals and budgets its calls; here a person pays for one run, so a plain
call to the provider does. What is sent is what the agent sends: masked, and data only.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agents.code import words
from agents.code.model import Progress
from agents.code.prompts import CODE_SYSTEM
from agents.code.workshop import Answered, Workshop
from daemon import settings
from daemon.errors import ConfigurationError
from daemon.llm import classify, structured
from daemon.llm.classify import Verdict
from daemon.llm.models import KnownModels
from daemon.llm.provider import Provider
from daemon.llm.wire import Call, Reply, response_of

NAME = "code_words"
SHOWN = 5
REWRITES = 5
MOST_TOKENS = 4000
SECONDS = 90.0


async def ask(workshop: Workshop, fingerprints: Sequence[str], told: Progress | None) -> None:
    """Put the model's words and what passed the gate into the workshop.

    Raises ConfigurationError without a key. A model that does not answer costs its words only.
    """
    loaded = settings.load()
    key = loaded.openai_api_key.get_secret_value() if loaded.openai_api_key else None
    provider = Provider(api_key=key, base_url=loaded.openai_base_url)
    if not provider.configured:
        raise ConfigurationError(
            "--model needs a model to ask: neither OPENAI_API_KEY nor OPENAI_BASE_URL is set",
            hint="leave --model out: everything else works without",
        )
    asked = workshop.question(fingerprints[:SHOWN], REWRITES)
    if not asked:
        return
    known = KnownModels()
    try:
        if told is not None:
            told("asking", 0, 1)
        refused = workshop.answer(await _answers(provider, known, loaded.openai_model, asked))
        if refused:
            again = [
                item | {"refused": refused[item["id"]]}
                for item in asked["findings"]
                if item["id"] in refused
            ]
            asked = {"findings": again}
            workshop.answer(await _answers(provider, known, loaded.openai_model, asked))
    finally:
        await provider.aclose()


async def _answers(
    provider: Provider, known: KnownModels, model: str, asked: Mapping[str, Any]
) -> list[Answered]:
    reply, verdict = await _reply(provider, known, model, asked)
    text = str(response_of(reply.json())["text"])
    parsed = structured.parse(text, len(text.encode()), words.CodeWords)
    if parsed.value is None:
        hint = classify.HINTS.get(verdict.kind) or classify.CODE_HINTS.get(verdict.code, "")
        why = verdict.code or reply.problem or reply.status
        sys.stderr.write(f"the model gave no usable answer ({why}){hint and f': {hint}'}\n")
        return []
    said, _ = words.sieve(parsed.value, asked)
    return [
        Answered(item.id, item.explanation, item.existing_code, item.replacement_code)
        for item in said.items
    ]


async def _reply(
    provider: Provider, known: KnownModels, model: str, asked: Mapping[str, Any]
) -> tuple[Reply, Verdict]:
    """The reply to the question in a form that the model takes; found as the gateway finds it."""
    while True:
        habits = known.for_question(model, NAME)
        form = habits.response_format
        call = Call(
            model,
            structured.messages(CODE_SYSTEM, asked, words.CodeWords, form),
            habits.output_tokens(MOST_TOKENS),
            structured.response_format(words.CodeWords, NAME, form),
            reasoning_effort=habits.effort,
            omits=habits.omits,
        )
        reply = await provider.call(call, SECONDS)
        verdict = classify.classify(reply, datetime.now(UTC))
        if verdict.kind == "schema":
            known.refuses_schema(model, NAME)
        for parameter in verdict.parameters:
            known.learn(model, parameter)
        if known.for_question(model, NAME) == habits:
            return reply, verdict
