-- Purpose: settles model calls: ledger lines, budgets, rate buckets, breaker. Safe to repeat.
-- Index:   see functions/call_end_v1.sql.
-- Caller:  daemon.llm.journal, after each physical model call, whatever came of it, with those
--          that wait for it too.
-- Locks:   buckets, budgets, the calls' journal rows, breaker, in that order.
SELECT place, verdict
FROM ai_calls_end_v1(p_calls => %(calls)s::jsonb)
