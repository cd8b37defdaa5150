-- Purpose: notes that a key was used, at most once a minute.
-- Index:   primary key of ai_api_keys.
-- Caller:  daemon.web.access.
-- Locks:   the key.
UPDATE ai_api_keys k SET last_used_at = now()
WHERE k.id = %(key_id)s::bigint
    AND (k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute')
