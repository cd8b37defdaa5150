"""Metrics that are computed from others."""

from __future__ import annotations

from daemon.meters import Meters


def test_share_of_the_prompt_cache() -> None:
    """The share is that of all input tokens so far, by model; a model never asked has none."""
    meters = Meters()
    assert b"ai_llm_prompt_cache_ratio{" not in meters.expose()
    counts = {"input": 100, "cached_input": 0, "output": 5, "reasoning": 0}
    meters.tokens("gpt", counts)
    meters.tokens("gpt", counts | {"input": 300, "cached_input": 100})
    text = meters.expose()
    assert b'ai_llm_prompt_cache_ratio{model="gpt"} 0.25' in text
    assert b'ai_llm_tokens_total{kind="cached_input",model="gpt"} 100.0' in text


def test_what_is_rare_begins_at_nought() -> None:
    """A series that begins with its first event has no increase to show, and no rate."""
    meters = Meters()
    meters.know_models(["gpt", "spare"])
    meters.know(["known"])
    meters.know_rules(["restart_self"])
    sample = meters.registry.get_sample_value
    for outcome in ("completed", "failed", "refused"):
        labels = {"task_type": "known", "outcome": outcome}
        assert sample("ai_requests_total", labels) == 0.0
    for model in ("gpt", "spare"):
        labels = {"model": model, "task_type": "known"}
        assert sample("ai_llm_cost_usd_total", labels) == 0.0
    labels = {"rule": "restart_self", "outcome": "done"}
    assert sample("ai_healing_actions_total", labels) == 0.0


def test_no_moment_looks_like_a_number_of_requests() -> None:
    """``ai_requests_created`` would be when counting began."""
    meters = Meters()
    meters.know(["known"])
    assert b"_created" not in meters.expose()
