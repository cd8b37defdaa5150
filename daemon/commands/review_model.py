"""Lets a model explain and mend a review's findings, without a database: one call, one retry.

The daemon's gateway journals and budgets its calls; here a person pays for one run, so a plain
call to the provider does. What is sent is what the agent sends: masked, and data only.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from agents.code import words
from agents.code.model import Progress
from agents.code.prompts import CODE_SYSTEM
from agents.code.workshop import Answered, Workshop
from daemon import settings
from daemon.errors import ConfigurationError
from daemon.llm import models, structured
from daemon.llm.provider import Provider
from daemon.llm.wire import Call, response_of

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
    try:
        if told is not None:
            told("asking", 0, 1)
        refused = workshop.answer(await _answers(provider, loaded.openai_model, asked))
        if refused:
            again = [
                item | {"refused": refused[item["id"]]}
                for item in asked["findings"]
                if item["id"] in refused
            ]
            workshop.answer(await _answers(provider, loaded.openai_model, {"findings": again}))
    finally:
        await provider.aclose()


async def _answers(provider: Provider, model: str, asked: Mapping[str, Any]) -> list[Answered]:
    habits = models.known(model)
    call = Call(
        model,
        structured.messages(CODE_SYSTEM, asked, words.CodeWords, habits.response_format),
        habits.output_tokens(MOST_TOKENS),
        structured.response_format(words.CodeWords, "code_words", habits.response_format),
        reasoning_effort=habits.effort,
        omits=habits.omits,
    )
    reply = await provider.call(call, SECONDS)
    text = str(response_of(reply.json())["text"])
    parsed = structured.parse(text, len(text.encode()), words.CodeWords)
    if parsed.value is None:
        sys.stderr.write(f"the model gave no usable answer ({reply.problem or reply.status})\n")
        return []
    said, _ = words.sieve(parsed.value, asked)
    return [
        Answered(item.id, item.explanation, item.existing_code, item.replacement_code)
        for item in said.items
    ]
