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
