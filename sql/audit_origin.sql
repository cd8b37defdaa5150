-- Purpose: says once per transaction from where a change comes, and why; the tables' defaults pick
--          it up.
-- Index:   none.
-- Caller:  daemon.web.audit.
-- Locks:   none.
SELECT set_config('ai.origin', %(origin)s::text, true), set_config('ai.note', %(note)s::text, true)
