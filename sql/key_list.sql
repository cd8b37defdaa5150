-- Purpose: all keys, those in use first, then by name; no secret is in them.
-- Index:   none; a handful of rows.
-- Caller:  daemon.web.actions, for the console; python -m daemon keys list.
-- Locks:   none.
SELECT k.id, k.name, k.role, k.prefix, k.created_at, k.created_by, k.expires_at, k.last_used_at,
    k.revoked_at, k.revoked_by,
    k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now()) AS usable
FROM ai_api_keys k
ORDER BY k.revoked_at IS NOT NULL, k.name, k.id DESC LIMIT 500
