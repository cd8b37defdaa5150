"""What goes to a provider and what comes back, without any library's types.

A :class:`Call` is exactly the body that is sent, so its canonical JSON identifies the call in the
journal. A :class:`Reply` is what arrived, read from the wire: client libraries rename, repair or
discard parts of an answer, and raise on the rest, when it has been paid for already.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from daemon.store.safe_json import dumps

Json = Any
Message = Mapping[str, str]
Problem = Literal["unreachable", "timeout", "connection", "cut", "too_large", "client"]

TEXT_LIMIT_BYTES = 256_000
"""Longer answers are no answers: not parsed, and not kept beyond this length."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a chat-completions endpoint.

    messages: ``{"role", "content"}`` each. response_format, temperature, reasoning_effort: None
    leaves it out. omits: parameters this model refuses, and ``system`` where it takes none.
    """

    model: str
    messages: Sequence[Message]
    max_output_tokens: int
    response_format: Mapping[str, Json] | None = None
    temperature: float | None = None
    reasoning_effort: str | None = None
    omits: frozenset[str] = frozenset()

    def body(self) -> dict[str, Json]:
        """The JSON body. ``store`` is false: clients' data does not stay with the provider."""
        # Servers that do not know the newer name take the older one.
        older = "max_completion_tokens" in self.omits
        body: dict[str, Json] = {
            "model": self.model,
            "messages": self._messages(),
            "max_tokens" if older else "max_completion_tokens": self.max_output_tokens,
            "store": False,
        }
        if self.response_format is not None:
            body["response_format"] = self.response_format
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if self.reasoning_effort is not None:
            body["reasoning_effort"] = self.reasoning_effort
        return {name: value for name, value in body.items() if name not in self.omits}

    def _messages(self) -> list[dict[str, str]]:
        """As they are, or the first two in one for a model that knows no system message."""
        messages = [dict(message) for message in self.messages]
        if "system" in self.omits and len(messages) > 1 and messages[0]["role"] == "system":
            rules = messages.pop(0)["content"]
            messages[0]["content"] = f"{rules}\n\n{messages[0]['content']}"
        return messages

    def canonical(self) -> str:
        """The body as JSON with sorted keys: the same call has the same text."""
        return canonical(self.body())


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. status: None if nothing did. problem: why the reply is not complete."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    problem: Problem | None = None
    seconds: float = 0.0

    def json(self) -> Json:
        """The body as JSON, None if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


def canonical(value: Json) -> str:
    """JSON with sorted keys, without NUL and lone surrogates. Raises ValueError on NaN."""
    clean = json.loads(dumps(value))
    return json.dumps(
        clean, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(text: str) -> bytes:
    """SHA-256 of a canonical text."""
    return hashlib.sha256(text.encode()).digest()


def response_of(body: Json) -> dict[str, Json]:
    """The part of an answer that is kept and replayed: ``text, finish_reason, refusal, bytes``.

    Never raises: an answer without choices has an empty text, and is billed all the same.
    """
    choice = _choice(body)
    message = _message(choice)
    text = _text(message.get("content"))
    refusal = message.get("refusal")
    return {
        "text": text[:TEXT_LIMIT_BYTES],
        "finish_reason": str(choice.get("finish_reason") or ""),
        "refusal": refusal if isinstance(refusal, str) and refusal else None,
        "bytes": len(text.encode("utf-8", "replace")),
    }


def thought_of(body: Json) -> bool:
    """Whether an answer shows, beside its text or before it, what the model thought."""
    message = _message(_choice(body))
    shown = (message.get("reasoning_content"), message.get("reasoning"))
    return any(shown) or _text(message.get("content")).lstrip().startswith("<think")


def _choice(body: Json) -> Mapping[str, Json]:
    choices = body.get("choices") if isinstance(body, Mapping) else None
    choice = choices[0] if isinstance(choices, list) and choices else {}
    return choice if isinstance(choice, Mapping) else {}


def _message(choice: Mapping[str, Json]) -> Mapping[str, Json]:
    message = choice.get("message")
    return message if isinstance(message, Mapping) else {}


def _text(content: Json) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, Mapping)]
        return "".join(part for part in parts if isinstance(part, str))
    return ""
