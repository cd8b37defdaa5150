-- Purpose: adds prices that hold from now on, where they differ from those that hold. A row that an
--          admin wrote stays in force: its source is neither the seed's nor the package's.
-- Index:   the unique key of ai_model_prices; a small table.
-- Caller:  python -m daemon prices sync.
-- Locks:   none beyond the new rows.
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(prices)s::jsonb) AS p (model_pattern text, tier text,
        input_usd_per_million numeric, cached_input_usd_per_million numeric,
        cache_write_usd_per_million numeric, output_usd_per_million numeric)
),
judged AS (
    SELECT g.*,
        CASE
            WHEN c.source IS NULL THEN 'new'
            WHEN c.source NOT LIKE 'seed %%' AND c.source NOT LIKE 'genai-prices %%' THEN 'kept'
            WHEN (g.input_usd_per_million, g.cached_input_usd_per_million,
                    g.cache_write_usd_per_million, g.output_usd_per_million)
                IS NOT DISTINCT FROM (c.input_usd_per_million, c.cached_input_usd_per_million,
                    c.cache_write_usd_per_million, c.output_usd_per_million) THEN 'same'
            ELSE 'changed'
        END AS verdict
    FROM given g
    LEFT JOIN LATERAL (
        SELECT m.* FROM ai_model_prices m
        WHERE m.model_pattern = g.model_pattern AND m.tier = g.tier AND m.valid_from <= now()
        ORDER BY m.valid_from DESC LIMIT 1
    ) c ON true
),
added AS (
    INSERT INTO ai_model_prices (model_pattern, tier, input_usd_per_million,
        cached_input_usd_per_million, cache_write_usd_per_million, output_usd_per_million,
        valid_from, source)
    SELECT j.model_pattern, j.tier, j.input_usd_per_million, j.cached_input_usd_per_million,
        j.cache_write_usd_per_million, j.output_usd_per_million, now(), %(source)s::text
    FROM judged j
    WHERE j.verdict IN ('new', 'changed') AND NOT %(dry_run)s::boolean
    ON CONFLICT (model_pattern, tier, valid_from) DO NOTHING
)
SELECT j.model_pattern, j.tier, j.verdict FROM judged j ORDER BY j.model_pattern, j.tier
