-- Purpose: the database's clock, to notice when it jumps.
-- Index:   none.
-- Caller:  upkeep, before each reap.
-- Locks:   none.
SELECT clock_timestamp() AS now
