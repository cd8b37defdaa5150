-- Purpose: counts one model call whose owner died as uncertain money; null when there is none left.
-- Index:   ai_llm_calls_open.
-- Caller:  daemon.llm.journal for upkeep, repeated until it returns null.
-- Locks:   the call's budgets, then its journal row.
SELECT ai_call_abandon_v1(make_interval(secs => %(older_seconds)s::float8)) AS id
