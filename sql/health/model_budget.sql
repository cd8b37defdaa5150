-- Check:    model.budget
-- Unit:     percent
-- Warning:  80
-- Critical: 100
-- Every:    60 seconds
-- Needs:    SELECT on ai_budgets and ai_control
-- Servers:  13 and newer
-- Target:   scope
-- Says:     {value} of the budget {scope} ({period}) is spent or promised: {used_usd} of {limit_usd} USD
-- Remedy:   raise the tightest limit of that scope, which the console's Budgets shows: DAILY_BUDGET_USD
--           (and restart) stands above ai_control.daily_budget_usd and the rows of ai_budgets; until
--           then agents answer without the model
--
-- The fullest budgets of this UTC day and month, of each scope the fuller one: spent, promised and
-- uncertain money against the tightest limit that stands now; what its last call was allowed is no
-- limit any more once somebody has raised it. A budget whose period has not begun, or is over, is
-- none of today's. day_share: of the whole's day alone, whichever budget is the fullest.
WITH budgets AS (
    SELECT k.kind, c.scope, c.period, c.spent_usd, c.reserved_usd, c.uncertain_usd,
        c.spent_usd + c.reserved_usd + c.uncertain_usd AS used,
        least(
            coalesce(CASE WHEN now() < own.interim_until THEN own.interim_usd END,
                least(
                    coalesce(own.limit_usd,
                        CASE WHEN now() < every.interim_until THEN every.interim_usd END,
                        every.limit_usd),
                    CASE WHEN k.kind = 'day' THEN a.daily_budget_usd END)),
            CASE WHEN k.kind = 'day' AND c.scope = 'global'
                THEN %(daily_budget_usd)s::numeric END) AS most
    FROM (VALUES ('day', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')),
        ('month', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'))) AS k (kind, period)
    JOIN ai_budgets c ON c.period = k.period
    LEFT JOIN ai_budgets own ON own.scope = c.scope AND own.period = k.kind
    LEFT JOIN ai_budgets every
        ON starts_with(c.scope, 'key:') AND every.scope = 'key:*' AND every.period = k.kind
    LEFT JOIN ai_control a ON c.scope = 'agent:' || a.task_type
)
SELECT round(least(1000, 100 * b.used / b.most), 1)::float8 AS value, 0 AS hidden,
    jsonb_build_object('scope', b.scope, 'period', b.period, 'limit_usd', b.most::float8,
        'used_usd', round(b.used, 4)::float8, 'spent_usd', b.spent_usd::float8,
        'reserved_usd', b.reserved_usd::float8, 'uncertain_usd', b.uncertain_usd::float8,
        'day_share', (SELECT round(g.used / g.most, 4)::float8 FROM budgets g
            WHERE g.kind = 'day' AND g.scope = 'global' AND g.most > 0),
        'ratios', (SELECT jsonb_object_agg(o.scope, o.ratio) FROM (
            SELECT r.scope, round(max(r.used / r.most), 4)::float8 AS ratio FROM budgets r
            WHERE r.most > 0 AND (r.scope = 'global' OR starts_with(r.scope, 'agent:'))
            GROUP BY r.scope) o)) AS detail
FROM (
    SELECT DISTINCT ON (f.scope) f.* FROM budgets f
    WHERE f.most > 0 ORDER BY f.scope, f.used / f.most DESC
) b
ORDER BY b.used / b.most DESC, b.scope LIMIT 10
