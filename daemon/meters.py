"""The service's metrics, all of them, on one registry.

``task_type`` and ``model`` come from outside: whatever is not registered is counted as
``unknown``, so that no client can fill the monitoring with labels. Gauges about the queue are
refreshed by upkeep; scraping never touches the database.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from daemon import __version__

UNKNOWN = "unknown"
SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)

# "ai_requests_created" would be a moment, not a number of requests.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Meters:
    """One set of metrics per process; a test makes its own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._task_types: frozenset[str] = frozenset()
        self._models: tuple[str, ...] = ()
        self.requests = Counter(
            "ai_requests_total",
            "Ends of attempts, and of requests that had none, by outcome.",
            ["task_type", "outcome"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "ai_request_seconds",
            "From claim to the committed outcome.",
            ["task_type"],
            buckets=SECONDS,
            registry=registry,
        )
        self.queue_wait_seconds = Histogram(
            "ai_queue_wait_seconds",
            "From insert to the first claim, also of what was wanted later.",
            ["task_type"],
            buckets=SECONDS,
            registry=registry,
        )
        self.pending = Gauge(
            "ai_requests_pending",
            "Requests waiting, due or not; of each type up to 10,000 are counted.",
            ["task_type"],
            registry=registry,
        )
        self.oldest_pending_seconds = Gauge(
            "ai_oldest_pending_seconds",
            "Age of the oldest due request that waits.",
            registry=registry,
        )
        self.llm_calls = Counter(
            "ai_llm_calls_total",
            "Model calls; budget, breaker, replay and cached: nobody was asked.",
            ["model", "outcome"],
            registry=registry,
        )
        self.llm_tokens = Counter(
            "ai_llm_tokens_total",
            "Tokens bought; input holds cached_input, output holds reasoning.",
            ["model", "kind"],
            registry=registry,
        )
        self.llm_prompt_cache_ratio = Gauge(
            "ai_llm_prompt_cache_ratio",
            "Share of the input tokens, since the start, that the provider's prompt cache served.",
            ["model"],
            registry=registry,
        )
        self._prompt_tokens: dict[str, tuple[int, int]] = {}
        self.llm_cost_usd = Counter(
            "ai_llm_cost_usd_total",
            "Cost of model calls.",
            ["model", "task_type"],
            registry=registry,
        )
        self.llm_estimates_exceeded = Counter(
            "ai_llm_estimates_exceeded_total",
            "Calls that cost more than was reserved for them.",
            ["model"],
            registry=registry,
        )
        self.listener_connected = Gauge(
            "ai_listener_connected", "1 while notifications arrive.", registry=registry
        )
        self.listener_reconnects = Counter(
            "ai_listener_reconnects_total", "LISTEN connections replaced.", registry=registry
        )
        self.notify_roundtrip_seconds = Gauge(
            "ai_notify_roundtrip_seconds", "Last NOTIFY to ourselves.", registry=registry
        )
        self.wakeups = Counter(
            "ai_wakeups_total", "Looks at the queue, by cause.", ["source"], registry=registry
        )
        self.yielded_seconds = Counter(
            "ai_yielded_seconds_total",
            "Rested between claims of a backlog because others wrote much to the database.",
            registry=registry,
        )
        self.leases_lost = Counter(
            "ai_leases_lost_total", "Attempts that lost their lease.", registry=registry
        )
        self.superseded_cost_usd = Counter(
            "ai_superseded_cost_usd_total",
            "Cost of attempts whose result came too late to count.",
            registry=registry,
        )
        self.healing_actions = Counter(
            "ai_healing_actions_total",
            "What self-healing did.",
            ["rule", "outcome"],
            registry=registry,
        )
        self.alerts_firing = Gauge(
            "ai_alerts_firing", "Open alerts.", ["severity"], registry=registry
        )
        self.health_status = Gauge(
            "ai_health_check_status",
            "1 for the status that a check has, 0 for the others.",
            ["check", "status"],
            registry=registry,
        )
        self.health_value = Gauge(
            "ai_health_check_value",
            "What a check measured, in its own unit.",
            ["check"],
            registry=registry,
        )
        self.pool_wait_seconds = Gauge(
            "ai_pool_wait_seconds", "Wait for a connection of the pool.", registry=registry
        )
        self.breaker_open = Gauge(
            "ai_breaker_open", "1 while a model is not asked.", ["model"], registry=registry
        )
        self.budget_used_ratio = Gauge(
            "ai_budget_used_ratio",
            "Spent and promised share of a budget.",
            ["scope"],
            registry=registry,
        )
        self.code_suggestions = Gauge(
            "ai_code_suggestions",
            "Suggestions about code that stand.",
            ["severity", "status"],
            registry=registry,
        )
        # To look up a metric's child takes as long as to count with it; these are used often.
        self.requests_of = cache(self.requests.labels)
        self.request_seconds_of = cache(self.request_seconds.labels)
        self.queue_wait_seconds_of = cache(self.queue_wait_seconds.labels)
        started = Gauge(
            "ai_started_timestamp_seconds",
            "When this process began, in seconds since 1970.",
            registry=registry,
        )
        started.set_to_current_time()
        build = Gauge("ai_build_info", "Always 1.", ["version", "python"], registry=registry)
        build.labels(__version__, platform.python_version()).set(1)

    def know_rules(self, rules: Iterable[str]) -> None:
        """The healing rules that there are. What begins with its first event has no increase to
        see, and of these events there are few."""
        for rule in rules:
            for outcome in ("done", "no_effect", "failed", "proposed"):
                self.healing_actions.labels(rule, outcome)

    def know_models(self, models: Iterable[str]) -> None:
        """The models that the settings name, before the task types that may ask them: a cost that
        begins with its first call has no increase to see."""
        self._models = tuple(dict.fromkeys(models))

    def know(self, task_types: Iterable[str]) -> None:
        """The task types that may be labels; every other one is ``unknown``."""
        self._task_types = frozenset(task_types)
        for task_type in (*self._task_types, UNKNOWN):
            for outcome in ("completed", "failed", "refused"):
                self.requests_of(task_type, outcome)
            for model in self._models:
                self.llm_cost_usd.labels(model, task_type)

    def task_type(self, name: str) -> str:
        """``name`` as a label."""
        return name if name in self._task_types else UNKNOWN

    def queue(self, depths: Iterable[tuple[str, int]], oldest_seconds: float) -> None:
        """Refresh the gauges of the queue: (task_type, pending) pairs, age of the oldest due."""
        summed: dict[str, int] = dict.fromkeys(self._task_types, 0)
        for task_type, count in depths:
            label = self.task_type(task_type)
            summed[label] = summed.get(label, 0) + count
        for label, count in summed.items():
            self.pending.labels(label).set(count)
        self.oldest_pending_seconds.set(oldest_seconds)

    def tokens(self, model: str, counts: Mapping[str, int]) -> None:
        """Count what a call used, by kind: input, cached_input, output, reasoning."""
        for kind, count in counts.items():
            self.llm_tokens.labels(model, kind).inc(count)
        prompt, cached = self._prompt_tokens.get(model, (0, 0))
        prompt, cached = prompt + counts["input"], cached + counts["cached_input"]
        self._prompt_tokens[model] = prompt, cached
        if prompt:
            self.llm_prompt_cache_ratio.labels(model).set(cached / prompt)

    def breakers(self, models: Iterable[str]) -> None:
        """Refresh which models' breakers are open."""
        self.breaker_open.clear()
        for model in models:
            self.breaker_open.labels(model).set(1)

    def suggestions(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Refresh how many suggestions stand, by (severity, status); both are closed lists."""
        self.code_suggestions.clear()
        for labels, count in counts.items():
            self.code_suggestions.labels(*labels).set(count)

    def budgets(self, ratios: Mapping[str, float]) -> None:
        """Refresh the used shares by scope: ``global``, and ``agent:`` of a known type."""
        self.budget_used_ratio.clear()
        for scope, ratio in ratios.items():
            kind, _, name = scope.partition(":")
            known = kind == "global" or self.task_type(name) == name
            self.budget_used_ratio.labels(scope if known else f"{kind}:{UNKNOWN}").set(ratio)

    def expose(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self.registry)
