-- The cost of every priced call, derived again from the provider's raw usage and the price row that
-- was used. A row with a `difference_usd` other than 0 is a bug or a changed price row.
--
-- prompt_tokens includes the cached and the written-to-cache tokens, completion_tokens the reasoning.
CREATE VIEW ai_cost_check AS
SELECT
    t.id,
    t.request_id,
    t.returned_model,
    t.cost_usd,
    t.derived_usd,
    t.cost_usd - t.derived_usd AS difference_usd
FROM (
    SELECT c.id, c.request_id, c.returned_model, c.cost_usd,
        round((
            (u.prompt - u.cached - u.written) * p.input_usd_per_million
            + u.cached * coalesce(p.cached_input_usd_per_million, p.input_usd_per_million)
            + u.written * coalesce(p.cache_write_usd_per_million, p.input_usd_per_million)
            + u.completion * p.output_usd_per_million
        ) / 1000000, 8) AS derived_usd
    FROM ai_llm_calls c
    JOIN ai_model_prices p ON p.id = c.price_id
    CROSS JOIN LATERAL (
        SELECT (c.usage ->> 'prompt_tokens')::numeric AS prompt,
            (c.usage ->> 'completion_tokens')::numeric AS completion,
            coalesce((c.usage #>> '{prompt_tokens_details,cached_tokens}')::numeric, 0) AS cached,
            coalesce((c.usage #>> '{prompt_tokens_details,cache_write_tokens}')::numeric, 0)
                AS written
    ) u
    WHERE c.cost_state = 'exact'
) t;

-- Budgets against the ledger: every difference is 0, unless old calls were pruned.
CREATE VIEW ai_budget_check AS
SELECT b.scope, b.period,
    b.spent_usd - coalesce(l.spent_usd, 0) AS spent_difference_usd,
    b.reserved_usd - coalesce(l.reserved_usd, 0) AS reserved_difference_usd,
    b.uncertain_usd - coalesce(l.uncertain_usd, 0) AS uncertain_difference_usd
FROM ai_budgets b
LEFT JOIN (
    SELECT u.scope, u.period,
        sum(c.charged_usd) FILTER (WHERE c.cost_state IN ('exact', 'unpriced')) AS spent_usd,
        sum(c.reserved_usd) FILTER (WHERE c.status = 'started') AS reserved_usd,
        sum(c.charged_usd) FILTER (WHERE c.cost_state = 'uncertain') AS uncertain_usd
    FROM ai_llm_calls c, unnest(c.scopes, c.periods) AS u (scope, period)
    GROUP BY 1, 2
) l ON l.scope = b.scope AND l.period = b.period
WHERE b.period NOT IN ('day', 'month');
