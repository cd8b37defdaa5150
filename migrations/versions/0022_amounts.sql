-- First what is there, before any table is held: a limit of NaN was none, and nothing can be billed
-- by such a price.
UPDATE ai_budgets SET limit_usd = NULL WHERE limit_usd = 'NaN';
UPDATE ai_control SET daily_budget_usd = NULL WHERE daily_budget_usd = 'NaN';
DELETE FROM ai_model_prices
WHERE 'NaN' IN (input_usd_per_million, output_usd_per_million);
UPDATE ai_model_prices
SET cached_input_usd_per_million = nullif(cached_input_usd_per_million, 'NaN'),
    cache_write_usd_per_million = nullif(cache_write_usd_per_million, 'NaN')
WHERE 'NaN' IN (cached_input_usd_per_million, cache_write_usd_per_million);

-- NOT VALID: no row is read while the table is held.
ALTER TABLE ai_budgets ADD CONSTRAINT ai_budgets_amounts
    CHECK (limit_usd <> 'NaN') NOT VALID;
ALTER TABLE ai_control ADD CONSTRAINT ai_control_amounts
    CHECK (daily_budget_usd <> 'NaN') NOT VALID;
ALTER TABLE ai_model_prices ADD CONSTRAINT ai_model_prices_amounts
    CHECK ('NaN' NOT IN (input_usd_per_million, output_usd_per_million,
        cached_input_usd_per_million, cache_write_usd_per_million)) NOT VALID;
