-- Purpose: the prices that hold now, for people: with their source and since when.
-- Index:   the unique key of ai_model_prices; a small table.
-- Caller:  python -m daemon prices list.
-- Locks:   none.
SELECT DISTINCT ON (p.model_pattern, p.tier)
    p.id, p.model_pattern, p.tier, p.input_usd_per_million::text,
    p.cached_input_usd_per_million::text, p.cache_write_usd_per_million::text,
    p.output_usd_per_million::text, p.valid_from::text AS valid_from, p.source
FROM ai_model_prices p
WHERE p.valid_from <= now()
ORDER BY p.model_pattern, p.tier, p.valid_from DESC
