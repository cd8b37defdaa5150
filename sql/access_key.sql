-- Purpose: whose key this is, while it opens anything.
-- Index:   ai_api_keys_hash_key.
-- Caller:  daemon.web.access, for a key that was not seen within the last second.
-- Locks:   none.
SELECT k.id, k.name, k.role, k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute'
    AS stale
FROM ai_api_keys k
WHERE k.hash = %(hash)s::bytea AND k.revoked_at IS NULL
    AND (k.expires_at IS NULL OR k.expires_at > now())
