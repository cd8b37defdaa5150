-- Purpose: the price that holds for each model, and which models were used in the last 30 days.
-- Index:   the unique key of ai_model_prices; primary key of ai_call_hours.
-- Caller:  the console: budgets.
-- Locks:   none.
WITH used AS (
    SELECT h.model, sum(h.calls) AS calls, sum(h.cost_usd) AS cost_usd,
        sum(h.unpriced_usd) AS unpriced_usd
    FROM ai_call_hours h WHERE h.hour > now() - interval '30 days' GROUP BY h.model
    ORDER BY 2 DESC LIMIT 50
)
SELECT u.model, u.calls, u.cost_usd, u.unpriced_usd, p.model_pattern, p.tier,
    p.input_usd_per_million, p.cached_input_usd_per_million, p.output_usd_per_million,
    nullif(p.valid_from, '-infinity') AS valid_from, p.source
FROM used u
LEFT JOIN LATERAL (
    SELECT q.* FROM ai_model_prices q
    WHERE q.valid_from <= now() AND q.tier = 'default' AND q.model_pattern <> '*'
        AND (u.model = q.model_pattern OR u.model LIKE q.model_pattern || '-%%'
            OR (q.model_pattern LIKE '%%*'
                AND starts_with(u.model, rtrim(q.model_pattern, '*'))))
    ORDER BY length(q.model_pattern) DESC, q.valid_from DESC LIMIT 1
) p ON true
ORDER BY u.calls DESC
