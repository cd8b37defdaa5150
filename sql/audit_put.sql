-- Purpose: a line of the audit log, in the transaction of what it tells.
-- Index:   none.
-- Caller:  daemon.web.audit; python -m daemon cancel, keys, prices.
-- Locks:   none beyond the new row.
INSERT INTO ai_audit_log (actor, channel, action, target, before, after, origin)
VALUES (%(actor)s::text, %(channel)s::text, %(action)s::text, %(target)s::text,
    %(before)s::jsonb, %(after)s::jsonb,
    coalesce(%(origin)s::text, nullif(current_setting('ai.origin', true), '')))
