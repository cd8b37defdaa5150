-- Purpose: every price that is valid now: the newest row of each pattern and tier.
-- Index:   the unique key of ai_model_prices; a small table.
-- Caller:  daemon.llm.journal, at start and when prices change.
-- Locks:   none.
SELECT DISTINCT ON (model_pattern, tier)
    id, model_pattern, tier, input_usd_per_million, cached_input_usd_per_million,
    cache_write_usd_per_million, output_usd_per_million
FROM ai_model_prices
WHERE valid_from <= coalesce(%(now)s::timestamptz, now())
ORDER BY model_pattern, tier, valid_from DESC
