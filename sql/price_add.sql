-- Purpose: a price that a person sets, from now on; earlier calls keep theirs.
-- Index:   the unique key of ai_model_prices.
-- Caller:  daemon.web.actions.
-- Locks:   none beyond the new row.
INSERT INTO ai_model_prices (model_pattern, tier, input_usd_per_million,
    cached_input_usd_per_million, output_usd_per_million, valid_from, source)
VALUES (%(model_pattern)s::text, %(tier)s::text, %(input_usd_per_million)s::numeric,
    %(cached_input_usd_per_million)s::numeric, %(output_usd_per_million)s::numeric, now(),
    %(source)s::text)
RETURNING id
