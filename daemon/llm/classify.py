"""What a reply means and what to do about it: the provider's moods as one pure function.

| reply                                   | kind           | reaction                             |
|-----------------------------------------|----------------|--------------------------------------|
| 200 with JSON                           | answer         | settle, then validate                |
| timeout, reset, cut, 408, 409, 5xx      | transient      | at most 2 retries, then a fallback   |
| 400 json_validate_failed                | transient      | the same: the model's JSON was none  |
| 429                                     | rate_limited   | wait up to 5 s, else unavailable     |
| insufficient_quota, 402                 | quota          | breaker of the provider, 15 min      |
| 401, 403, a key that is refused         | auth           | breaker of the provider, 5 min       |
| model_not_found, a model that is none   | model_gone     | breaker of the model, 1 h            |
| 404 for something else, 405, a redirect | address        | breaker of the model, 5 min          |
| 400 about the schema of an answer       | schema         | ask this question in a simpler form  |
| 400 naming a parameter                  | parameter      | remember it, leave it out, ask again |
| 400 context_length_exceeded, 413        | context_length | ask once for a shorter answer        |
| content_filter, what was flagged        | refusal        | no retry                             |
| any other 4xx                           | bad_request    | a bug of ours: no retry, logged      |

Codes decide where there are any that say it. Most servers that speak OpenAI's API have none of
their own: there the words of their messages do, as far as they are known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from daemon.llm.wire import Reply

Json = Any
Kind = Literal[
    "answer",
    "transient",
    "rate_limited",
    "quota",
    "auth",
    "model_gone",
    "address",
    "schema",
    "parameter",
    "context_length",
    "refusal",
    "bad_request",
]

PARAMETERS = (
    "response_format", "temperature", "store", "max_completion_tokens", "reasoning_effort",
)  # fmt: skip
"""What a model may refuse and can do without; response_format is simplified first."""
SYSTEM = "system"
"""A message that a model may know nothing of: what it says stands before the data then."""
WORDS_LIMIT_CHARS = 4000
"""So much of what a server says is searched for what it means."""
QUOTA_CODES = {
    "insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "budget_exceeded",
    "exceeded_current_quota_error",
}  # fmt: skip
REFUSAL_CODES = {"content_filter", "content_policy_violation", "data_inspection_failed"}
MODEL_CODES = {
    "model_not_found", "model_decommissioned", "invalid_model", "DeploymentNotFound",
}  # fmt: skip
OPEN_SECONDS: Mapping[Kind, float] = {
    "auth": 300.0,
    "quota": 900.0,
    "model_gone": 3600.0,
    "address": 300.0,
}
"""How long the breaker opens at once."""
HINTS: Mapping[Kind, str] = {
    "auth": "check OPENAI_API_KEY, and whether the provider serves its project and this country",
    "quota": "the account has no money or quota left: see the provider's billing page",
    "model_gone": "the provider has no such model for this key: check OPENAI_MODEL,"
    " LLM_FALLBACK_MODELS and the agent's model",
    "address": "nobody takes chat completions at OPENAI_BASE_URL: it often ends in /v1, and a"
    " redirect is not followed",
    "context_length": "the model takes too few tokens for this question: set another OPENAI_MODEL,"
    " or a longer context at the server",
    "schema": "the provider takes this question's schema in no form: simplify the agent's"
    " output_schema",
    "parameter": "the model refuses what it cannot do without: set another OPENAI_MODEL",
    "bad_request": "the provider refuses the question as it is: set another OPENAI_MODEL, or"
    " report the code",
}
"""By kind: what whoever runs the service can do about it."""
CODE_HINTS = {
    "not_json": "what answers at OPENAI_BASE_URL is no such API: it often ends in /v1",
    "timeout": "the model took longer than the agent has: if that is usual, set an OPENAI_MODEL"
    " that is faster or thinks less",
    "unreachable": "check OPENAI_BASE_URL, the server there and the way out of this network",
}
FAILURE_THRESHOLD = 5
"""So many transient failures in a row open a model's breaker."""
FAILURE_SECONDS = 30.0

LONGEST_SECONDS = 31 * 86_400.0
"""No provider has anybody wait for longer: a larger number is a time of day in seconds since 1970,
as some servers send it. Taken for a wait, it would keep every daemon from asking ever again."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_CODE = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")

_EMPTY_CODE = re.compile(r"(?:http_)?\d+|error|api_error|invalid_request_error|BadRequestError")

_MONEY = re.compile(
    r"insufficient (?:balance|credit|fund|quota)|credit balance|all available credits"
    r"|budget has been exceeded",
    re.IGNORECASE,
)
_FLAGGED = re.compile(r"content exists risk|flagged|content management policy", re.IGNORECASE)
_KEY = re.compile(
    r"(?:incorrect|invalid|expired) api[ _-]?key"
    r"|api[ _-]?key (?:is )?(?:not valid|invalid|expired)",
    re.IGNORECASE,
)
_MODEL = re.compile(
    r"(?:not a valid|invalid|unknown|no such) model"
    r"|model\b.{0,120}?(?:not exist|not found|decommissioned)",
    re.IGNORECASE | re.DOTALL,
)
_NAMES_A_MODEL = re.compile(r"\b(?:models?|deployment|endpoints)\b", re.IGNORECASE)
"""What a 404 says that is about the model; one about the address knows no such word."""
_NO_SYSTEM = re.compile(
    r"system role|does not support 'system'|developer instruction is not enabled"
    r"|roles must alternate",
    re.IGNORECASE,
)
_SCHEMA = re.compile(
    r"invalid (?:json )?schema|response_(?:json_)?schema|schema conversion failed|parse grammar"
    r"|grammar error|too many states",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"context[ _](?:length|window|size)|reduce the length|too large for|prompt is too long"
    r"|exceeds the maximum number of tokens|tokens to keep from the initial prompt"
    r"|max_(?:completion_)?tokens\b.{0,80}?(?:too large|less than or equal|at least 1)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply means.

    code: for the ledger and the breaker's reason; never the provider's free text, which may quote
    the prompt. retry_after_seconds: as the provider asked. parameters: those it refuses.
    billed: it may have cost something.
    """

    kind: Kind
    code: str = ""
    retry_after_seconds: float | None = None
    parameters: tuple[str, ...] = ()
    billed: bool = False


@dataclass(frozen=True, slots=True)
class Bucket:
    """One of the provider's rate limits, as its headers tell: requests or tokens."""

    kind: Literal["rpm", "tpm"]
    rate_per_second: float
    burst: float
    remaining: float


def classify(reply: Reply, now: datetime) -> Verdict:
    """now: aware, to read a Retry-After that is a date."""
    if reply.problem is not None:
        if reply.problem == "client":
            return Verdict("bad_request", "client_error")
        if reply.problem == "unreachable":
            return Verdict("transient", "unreachable")
        # Whatever was sent may have been answered, and billed, on the other side.
        return Verdict("transient", reply.problem, billed=True)
    status = reply.status or 0
    body = reply.json()
    if 200 <= status < 300:
        if not isinstance(body, Mapping):
            return Verdict("transient", "not_json", billed=True)
        if not body.get("error"):
            return Verdict("answer")
        # Some gateways wrap an upstream failure in a 200.
        inner = body["error"]
        code = inner.get("code") if isinstance(inner, Mapping) else None
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return _failure(status, _error_of(body), reply.headers, now)


def _failure(
    status: int, error: Mapping[str, Json], headers: Mapping[str, str], now: datetime
) -> Verdict:
    named = {_name(error.get("code")), _name(error.get("type"))}
    code = _name(error.get("code")) or _name(error.get("type")) or f"http_{status}"
    words = _words(error)
    refused = status in {400, 403, 422}
    if named & REFUSAL_CODES or (refused and (_FLAGGED.search(words) or _was_flagged(error))):
        return Verdict("refusal", code)
    spent = named & QUOTA_CODES and status in {400, 403, 429}
    if status == 402 or spent or (refused and _MONEY.search(words)):
        return Verdict("quota", _telling(code, "quota"))
    if status == 429 and not _TOO_LONG.search(words):
        return Verdict("rate_limited", code, _asked_in_words(error) or retry_after(headers, now))
    if status == 401 or (refused and (_KEY.search(words) or "API_KEY_INVALID" in _reasons(error))):
        return Verdict("auth", _telling(code, "auth"))
    nameless = status == 404 and _NAMES_A_MODEL.search(words)
    if named & MODEL_CODES or nameless or (refused and _MODEL.search(words)):
        return Verdict("model_gone", _telling(code, "model_gone"))
    if status in {404, 405} or 300 <= status < 400:
        return Verdict("address", "wrong_address")
    if status == 403:
        return Verdict("auth", _telling(code, "auth"))
    if code == "json_validate_failed":
        return Verdict("transient", code, billed=True)
    if status in {408, 409, 425} or status >= 500:
        # Not the provider's word but that of a gateway, which lost the answer on its way.
        lost = status in {502, 504, 524} and not error
        return Verdict("transient", code, retry_after(headers, now), billed=lost)
    if status == 413 or "context_length_exceeded" in named or _TOO_LONG.search(words):
        return Verdict("context_length", code)
    if _SCHEMA.search(words):
        return Verdict("schema", code)
    if parameters := _parameters(error):
        return Verdict("parameter", code, parameters=parameters)
    return Verdict("bad_request", code)


def _telling(code: str, kind: Kind) -> str:
    """A code that says what is the matter: the breaker's reason, which people read."""
    return kind if _EMPTY_CODE.fullmatch(code) else code


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds the provider asks to wait; its headers say it in seconds, ms or as a date."""
    seconds = _asked_to_wait(headers, now)
    return seconds if seconds is not None and seconds <= LONGEST_SECONDS else None


def _asked_in_words(error: Mapping[str, Json]) -> float | None:
    """Gemini's way to say it: ``"retryDelay": "34s"`` in a detail of the error."""
    told = [duration_seconds(item.get("retryDelay")) for item in _details(error)]
    waits = [wait for wait in told if wait is not None and wait <= LONGEST_SECONDS]
    return max(waits, default=None)


def _asked_to_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    lower = {name.lower(): value for name, value in headers.items()}
    if (milliseconds := _number(lower.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    value = lower.get("retry-after")
    if (seconds := _number(value)) is not None:
        return seconds
    if value:
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max(0.0, (at - now).total_seconds())
    waits = [
        duration_seconds(lower.get(f"x-ratelimit-reset-{kind}"))
        for kind in ("requests", "tokens")
        if _number(lower.get(f"x-ratelimit-remaining-{kind}")) == 0
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def buckets(headers: Mapping[str, str]) -> tuple[Bucket, ...]:
    """The rate limits in ``x-ratelimit-*`` headers, in the order rpm, tpm; empty without any.

    ``reset`` is the time until the bucket is full again, so what is missing divided by it is the
    true rate, also where the limit is a daily one; a full bucket is taken to be per minute.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    found: list[Bucket] = []
    kinds: tuple[tuple[Literal["rpm", "tpm"], str], ...] = (("rpm", "requests"), ("tpm", "tokens"))
    for kind, word in kinds:
        limit = _number(lower.get(f"x-ratelimit-limit-{word}"))
        remaining = _number(lower.get(f"x-ratelimit-remaining-{word}"))
        if not limit or remaining is None:
            continue
        reset = duration_seconds(lower.get(f"x-ratelimit-reset-{word}"))
        missing = limit - remaining
        rate = missing / reset if reset and missing > 0 else limit / 60
        found.append(Bucket(kind, min(rate, limit), limit, remaining))
    return tuple(found)


def duration_seconds(text: Json) -> float | None:
    """``6m0s``, ``1.5s``, ``20ms`` in seconds; None if it is nothing of the kind."""
    if not text or not isinstance(text, str):
        return None
    if (plain := _number(text)) is not None:
        return plain if plain <= LONGEST_SECONDS else None
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        return None
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value < 1e12 else None


def _error_of(body: Json) -> Mapping[str, Json]:
    """What a reply says of the failure, however it is wrapped.

    OpenAI puts an ``error`` object into an object, Gemini that into a list; xAI says ``error`` in
    words beside a code, Mistral and older vLLM have no ``error`` around it at all.
    """
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, Mapping):
        return {}
    error = body.get("error")
    if isinstance(error, Mapping):
        return error
    return {**body, "message": error} if isinstance(error, str) else body


def _name(value: Json) -> str:
    """A code as a code: whatever looks like free text is dropped."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else ""


def _parameters(error: Mapping[str, Json]) -> tuple[str, ...]:
    """Which optional parameters a 400 complains about, all at once where it names them all."""
    if _NO_SYSTEM.search(_words(error)):
        return (SYSTEM,)
    if places := _places(error):
        return tuple(name for name in PARAMETERS if name in places)
    named, _, _ = _name(error.get("param")).partition(".")
    if named not in {"", "None"}:
        return (named,) if named in PARAMETERS else ()
    words = _words(error)
    return tuple(name for name in PARAMETERS if re.search(rf"\b{name}\b", words))


def _details(error: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    """The details beside a message of Google's."""
    details = error.get("details")
    kept = details if isinstance(details, list) else []
    return [item for item in kept if isinstance(item, Mapping)]


def _reasons(error: Mapping[str, Json]) -> set[str]:
    return {_name(item.get("reason")) for item in _details(error)}


def _was_flagged(error: Mapping[str, Json]) -> bool:
    """OpenRouter's moderation: a 403 that is no word about the key."""
    metadata = error.get("metadata")
    return isinstance(metadata, Mapping) and "flagged_input" in metadata


def _places(error: Mapping[str, Json]) -> set[str]:
    """The fields that a server of pydantic's kind names; beside them it quotes the body."""
    message = error.get("message")
    inner = message.get("detail") if isinstance(message, Mapping) else None
    for items in (error.get("detail"), inner):
        if isinstance(items, list):
            places = [item.get("loc") for item in items if isinstance(item, Mapping)]
            return {str(part) for loc in places if isinstance(loc, list) for part in loc}
    return set()


def _words(error: Mapping[str, Json]) -> str:
    """What a failure says in words, to look for what it means; never shown, it may quote us."""
    metadata = error.get("metadata")
    # OpenRouter hands on what the provider behind it said.
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    told = (error.get("message"), error.get("detail"), raw)
    return " ".join(text[:WORDS_LIMIT_CHARS] for text in told if isinstance(text, str))
