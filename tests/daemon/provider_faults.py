"""What every fault of a provider leads to: one row each, executed by the tests, shown in the docs.

The request wants ``on_unavailable = degrade`` and no fallback model is set. ``waits`` and
``fails`` say what the same fault does to a request that wants ``wait`` or ``fail``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tests.kit import provider
from tests.kit.provider import Behaviour, honest, status

DONE, FAILED = ("done", "exact"), ("failed", "none")
IN_DOUBT = ("failed", "uncertain")
UNPRICED = ("done", "unpriced")
SHORT = '{"summary": "fine", "tips": []}'
CAPPED = {"prompt_tokens": 200, "completion_tokens": 300, "total_tokens": 500}
HUGE = '{"summary": "' + "long " * 1_000_000 + '", "tips": []}'


@dataclass(frozen=True)
class Fault:
    """name; script: what the provider does; reason: why there is no answer, None if there is one.

    ledger: (status, cost_state) of each physical call. breaker: state of (model, provider).
    waits: what ``wait`` leads to. fails: the error code of ``fail``. says: for the docs.
    """

    name: str
    says: str
    script: Sequence[Behaviour]
    reason: str | None
    ledger: Sequence[tuple[str, str]]
    breaker: tuple[str, str] = ("closed", "closed")
    waits: Literal["answer", "snooze"] = "answer"
    fails: str | None = None
    deadline_seconds: float = 10.0


FAULTS = (
    Fault(
        "401",
        "one call; the provider's breaker opens for 5 minutes",
        [status(401, "invalid_api_key")],
        "provider_error",
        [FAILED],
        ("closed", "open"),
        "snooze",
        "provider_unavailable",
    ),
    Fault(
        "403",
        "one call; the provider's breaker opens for 5 minutes",
        [status(403, "unsupported_country_region_territory")],
        "provider_error",
        [FAILED],
        ("closed", "open"),
        "snooze",
        "provider_unavailable",
    ),
    Fault(
        "insufficient quota",
        "one call; the provider's breaker opens for 15 minutes",
        [status(429, "insufficient_quota")],
        "provider_error",
        [FAILED],
        ("closed", "open"),
        "snooze",
        "provider_unavailable",
    ),
    Fault(
        "429, Retry-After in a moment",
        "waits in place, asks again",
        [provider.rate_limited(0.01), honest],
        None,
        [FAILED, DONE],
    ),
    Fault(
        "429 without Retry-After",
        "waits in place, asks again, at most twice",
        [provider.rate_limited()] * 3,
        "provider_error",
        [FAILED] * 3,
        ("closed", "closed"),
        "snooze",
        "provider_unavailable",
    ),
    Fault(
        "429, Retry-After 90 s",
        "holds no slot: the model's breaker opens until then",
        [provider.rate_limited(90)],
        "provider_error",
        [FAILED],
        ("open", "closed"),
        "snooze",
        "provider_unavailable",
    ),
    Fault(
        "429, Retry-After as a date",
        "the same, until that date",
        [provider.rate_limited(90, as_date=True)],
        "provider_error",
        [FAILED],
        ("open", "closed"),
        "snooze",
        "provider_unavailable",
    ),
    Fault("500 once", "asks again", [status(500), honest], None, [FAILED, DONE]),
    Fault(
        "500 for good",
        "three calls, then no more",
        [status(500)] * 3,
        "provider_error",
        [FAILED] * 3,
        ("closed", "closed"),
        "snooze",
        "provider_unavailable",
    ),
    Fault(
        "connection reset",
        "asks again; the lost call counts as uncertain money",
        [provider.reset, honest],
        None,
        [IN_DOUBT, DONE],
    ),
    Fault(
        "connection cut in the middle",
        "asks again; the lost call counts as uncertain money",
        [provider.cut, honest],
        None,
        [IN_DOUBT, DONE],
    ),
    Fault(
        "hang",
        "the deadline holds; uncertain money",
        [provider.hang],
        "timeout",
        [IN_DOUBT],
        ("closed", "closed"),
        "snooze",
        "provider_unavailable",
        deadline_seconds=1.0,
    ),
    Fault(
        "one byte now and then",
        "the deadline holds; uncertain money",
        [provider.drip],
        "timeout",
        [IN_DOUBT],
        ("closed", "closed"),
        "snooze",
        "provider_unavailable",
        deadline_seconds=1.0,
    ),
    Fault(
        "truncated JSON (length)",
        "asks once for twice the length",
        [provider.truncated, honest],
        None,
        [DONE, DONE],
    ),
    Fault(
        "truncated twice",
        "no third try",
        [provider.truncated, provider.truncated],
        "invalid_output",
        [DONE, DONE],
        fails="provider_unavailable",
    ),
    Fault("fenced JSON", "the fence is stripped", [provider.fenced], None, [DONE]),
    Fault(
        "thoughts before the JSON, notes after it",
        "both are stripped",
        [provider.text(f"<think>{{so}}? {{}}</think>\n{SHORT}\nNote: {{this}}.")],
        None,
        [DONE],
    ),
    Fault(
        "refusal",
        "no retry",
        [provider.refusal()],
        "refusal",
        [DONE],
        fails="provider_refused",
    ),
    Fault(
        "wrong schema, then right",
        "one repair turn that names what is wrong",
        [provider.text('{"tipps": "none"}'), honest],
        None,
        [DONE, DONE],
    ),
    Fault(
        "wrong schema for good",
        "one repair turn, then no answer",
        [provider.text('{"tipps": 1}'), provider.text("[]")],
        "invalid_output",
        [DONE, DONE],
        fails="provider_unavailable",
    ),
    Fault(
        "NUL and lone surrogates",
        "removed; the rest is used",
        [provider.text('{"summary": "fine\\u0000 and \\ud800 good", "tips": []}')],
        None,
        [DONE],
    ),
    Fault(
        "5 MB answer",
        "not parsed; one repair turn",
        [provider.text(HUGE, usage=CAPPED), honest],
        None,
        [DONE, DONE],
    ),
    Fault(
        "body that is no JSON",
        "asks again; the lost call counts as uncertain money",
        [provider.raw(b"<html>gateway</html>", content_type="text/html"), honest],
        None,
        [IN_DOUBT, DONE],
    ),
    Fault(
        "502 or 504 of a gateway in between",
        "asks again; the answer may be lost on its way, so the call counts as uncertain money",
        [provider.raw(b"<html>504</html>", 504, "text/html"), honest],
        None,
        [IN_DOUBT, DONE],
    ),
    Fault(
        "wrong model name (404)",
        "the model's breaker opens for an hour",
        [status(404, "model_not_found")],
        "provider_error",
        [FAILED],
        ("open", "closed"),
        "snooze",
        "provider_unavailable",
    ),
    Fault(
        "wrong address (404, 405, a redirect)",
        "the model's breaker opens for 5 minutes",
        [provider.raw(b"404 page not found", 404, "text/plain")],
        "provider_error",
        [FAILED],
        ("open", "closed"),
        "snooze",
        "provider_unavailable",
    ),
    Fault(
        "input that the provider flags (400, 403)",
        "no retry; the next request is asked as ever",
        [status(400, "content_filter")],
        "refusal",
        [FAILED],
        fails="provider_refused",
    ),
    Fault(
        "missing usage",
        "the answer is used; its cost is unknown, the reservation is charged",
        [provider.changed(usage=None)],
        None,
        [UNPRICED],
    ),
    Fault(
        "an unknown model answered",
        "the answer is used; its cost is unknown, the worst price is charged",
        [provider.changed(model="gpt-unheard-of")],
        None,
        [UNPRICED],
    ),
    Fault(
        "another tier answered",
        "priced as returned",
        [provider.changed(service_tier="priority")],
        None,
        [DONE],
    ),
    Fault(
        "Groq's name for the default tier answered",
        "priced as the default",
        [provider.changed(service_tier="on_demand")],
        None,
        [DONE],
    ),
    Fault(
        "no choices",
        "billed; one repair turn",
        [provider.changed(choices=[]), honest],
        None,
        [DONE, DONE],
    ),
    Fault(
        "response_format refused",
        "remembered for the model; asked again in a simpler form",
        [provider.no_response_format(), honest],
        None,
        [FAILED, DONE],
    ),
    Fault(
        "context length exceeded",
        "asks once for a shorter answer",
        [status(400, "context_length_exceeded"), honest],
        None,
        [FAILED, DONE],
    ),
    Fault(
        "any other 400",
        "a bug of ours: no retry",
        [status(400, "invalid_request_error")],
        "provider_error",
        [FAILED],
        fails="provider_unavailable",
    ),
    Fault(
        "hostile: garbage",
        "one repair turn, then no answer",
        [provider.text("lorem ipsum"), provider.text("dolor sit")],
        "invalid_output",
        [DONE, DONE],
        fails="provider_unavailable",
    ),
    Fault(
        "hostile: unknown ids",
        "dropped and listed",
        [provider.hostile(tips=[{"exercise_id": 666, "tip": "Lift."}])],
        None,
        [DONE],
    ),
    Fault(
        "hostile: numbers of its own",
        "one repair turn, then no answer",
        [provider.hostile(summary="You will lose 12 kg.")] * 2,
        "invalid_output",
        [DONE, DONE],
        fails="provider_unavailable",
    ),
    Fault(
        "hostile: markup",
        "one repair turn, then no answer",
        [provider.hostile(summary="<script>alert()</script>")] * 2,
        "invalid_output",
        [DONE, DONE],
        fails="provider_unavailable",
    ),
)
