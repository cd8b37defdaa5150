"""What a call may cost, and what it did cost, in Decimal to eight places.

The measured cost follows the model and the service tier that the provider *returned*, and its raw
usage. A model without a price has no known cost: ``usd`` is None, the call is ``unpriced``, and
budgets are charged at the worst configured price, never at zero.

| state     | when                                             | budgets are charged            |
|-----------|--------------------------------------------------|--------------------------------|
| exact     | priced model, usable usage                       | the cost                       |
| unpriced  | no price for model or tier, or no usable usage   | worst price, or the reservation |
| uncertain | sent, no answer: it may have been billed         | the reservation                |
| none      | the provider refused before doing anything       | nothing                        |
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Any, Literal

Json = Any
CostState = Literal["exact", "unpriced", "uncertain", "none"]

CENT_OF_MICRO = Decimal("0.00000001")
MILLION = Decimal(1_000_000)
MESSAGE_OVERHEAD_TOKENS = 16
WORST_IF_NONE_IS_CONFIGURED = (Decimal(150), Decimal(600))
"""USD per million tokens in and out, where ai_model_prices is empty."""

DEFAULT_TIERS = {"", "auto", "default", "on_demand", "standard"}
"""Names for the tier that nobody asked for: OpenAI says ``default``, Groq ``on_demand``."""

_SNAPSHOT = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$")
"""How a dated name ends: at OpenAI, Anthropic (20250514), Mistral and xAI (2506)."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one call. prompt includes cached and written; completion, the reasoning."""

    prompt: int
    cached: int
    written: int
    completion: int
    reasoning: int

    @property
    def total(self) -> int:
        return self.prompt + self.completion

    @classmethod
    def parse(cls, raw: Json) -> Usage | None:
        """The provider's raw usage; None where the two totals are missing or make no sense."""
        if not isinstance(raw, Mapping):
            return None
        prompt, completion = _count(raw.get("prompt_tokens")), _count(raw.get("completion_tokens"))
        if prompt is None or completion is None:
            return None
        cached = _detail(raw, "prompt_tokens_details", "cached_tokens")
        written = _detail(raw, "prompt_tokens_details", "cache_write_tokens")
        if cached + written > prompt:
            return None
        reasoning = _detail(raw, "completion_tokens_details", "reasoning_tokens")
        return cls(prompt, cached, written, completion, reasoning)


@dataclass(frozen=True, slots=True)
class Price:
    """A row of ai_model_prices, USD per million tokens."""

    id: int | None
    pattern: str
    tier: str
    input: Decimal
    cached_input: Decimal | None
    cache_write: Decimal | None
    output: Decimal

    def usd(self, usage: Usage) -> Decimal:
        """USD, rounded half up to eight places, as the view ai_cost_check derives it."""
        cached = self.input if self.cached_input is None else self.cached_input
        written = self.input if self.cache_write is None else self.cache_write
        amount = (
            (usage.prompt - usage.cached - usage.written) * self.input
            + usage.cached * cached
            + usage.written * written
            + usage.completion * self.output
        )
        return (amount / MILLION).quantize(CENT_OF_MICRO, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call is booked at. usd: the measured cost, None where it is not known."""

    state: CostState
    charged: Decimal
    usd: Decimal | None = None
    price_id: int | None = None


class Prices:
    """The prices that are valid now."""

    def __init__(self, prices: Iterable[Price] = ()) -> None:
        self._named: dict[tuple[str, str], Price] = {}
        self._prefixes: list[Price] = []
        every: list[Price] = []
        configured: Price | None = None
        for price in prices:
            every.append(price)
            if price.pattern == "*":
                configured = price
            elif price.pattern.endswith("*"):
                self._prefixes.append(price)
            else:
                self._named[price.pattern, price.tier] = price
        self._prefixes.sort(key=lambda price: -len(price.pattern))
        self.worst = configured or _dearest(every)

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> Prices:
        """From the rows of ``sql/price_list.sql``."""
        return cls(
            Price(
                row["id"],
                row["model_pattern"],
                row["tier"],
                row["input_usd_per_million"],
                row["cached_input_usd_per_million"],
                row["cache_write_usd_per_million"],
                row["output_usd_per_million"],
            )
            for row in rows
        )

    def find(self, model: str, tier: str | None = None) -> Price | None:
        """The price of a model as the provider names it: its own, else its snapshot's, a prefix's.

        tier: as returned; None and all of DEFAULT_TIERS are the same. A tier without a price is
        not sold at another one's: the answer is None.
        """
        wanted = "default" if tier is None or tier in DEFAULT_TIERS else tier
        for name in (model, _SNAPSHOT.sub("", model)):
            if found := self._named.get((name, wanted)):
                return found
        for price in self._prefixes:
            if price.tier == wanted and model.startswith(price.pattern[:-1]):
                return price
        return None

    def reservation(self, model: str, prompt_tokens: int, output_tokens: int) -> Decimal:
        """The most that a call may cost, USD, rounded up; at the worst price if it has none."""
        price = self.find(model) or self.worst
        dearest_input = max(price.input, price.cache_write or price.input)
        amount = prompt_tokens * dearest_input + output_tokens * price.output
        return (amount / MILLION).quantize(CENT_OF_MICRO, ROUND_UP)

    def cost(self, model: str, tier: str | None, raw_usage: Json, reserved: Decimal) -> Cost:
        """What an answered call cost. reserved: charged where the usage cannot be used."""
        usage = Usage.parse(raw_usage)
        price = self.find(model, tier)
        if usage is None:
            return Cost("unpriced", reserved)
        if price is None:
            return Cost("unpriced", self.worst.usd(usage))
        usd = price.usd(usage)
        return Cost("exact", usd, usd, price.id)


def counted(raw: Json) -> Json:
    """A provider's usage, with thinking among the completion as OpenAI counts it.

    Gemini and xAI bill what a model thinks as output and leave it out of ``completion_tokens``;
    ``total_tokens`` has it. What they said themselves stays as ``told_completion_tokens``.
    """
    usage = Usage.parse(raw)
    total = _count(raw.get("total_tokens")) if usage is not None else None
    if usage is None or total is None or total <= usage.total:
        return raw
    details = raw.get("completion_tokens_details")
    reasoning = max(usage.reasoning, total - usage.total)
    return {
        **raw,
        "completion_tokens": total - usage.prompt,
        "told_completion_tokens": usage.completion,
        "completion_tokens_details": {
            **(details if isinstance(details, Mapping) else {}),
            "reasoning_tokens": reasoning,
        },
    }


def estimate_tokens(text: str, messages: int) -> int:
    """An upper bound for prompt tokens: three ASCII bytes each, other bytes one each."""
    ascii_bytes = sum(1 for char in text if char < "\x80") if not text.isascii() else len(text)
    other_bytes = len(text.encode("utf-8", "replace")) - ascii_bytes
    return math.ceil(ascii_bytes / 3) + other_bytes + MESSAGE_OVERHEAD_TOKENS * messages


def is_snapshot_of(name: str, model: str) -> bool:
    """Whether ``name`` is a dated snapshot of ``model``, and so found by its price."""
    return name != model and _SNAPSHOT.sub("", name) == model


def _dearest(prices: list[Price]) -> Price:
    into, out = WORST_IF_NONE_IS_CONFIGURED
    if prices:
        into, out = max(p.input for p in prices), max(p.output for p in prices)
    return Price(None, "*", "default", into, None, None, out)


def _count(value: Json) -> int | None:
    """A token count: a whole number from 0 to 2**31 - 1."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        return None
    return value


def _detail(raw: Mapping[str, Json], group: str, name: str) -> int:
    details = raw.get(group)
    return (_count(details.get(name)) or 0) if isinstance(details, Mapping) else 0
