-- Purpose: lets one daemon at a time judge what is an alert, to the end of its transaction.
-- Index:   none.
-- Caller:  AlertStore.round, before it reads anything: what it reads is then up to date.
-- Locks:   an advisory one.
SELECT pg_advisory_xact_lock(hashtextextended('ai_alerts:' || current_schema(), 0))
