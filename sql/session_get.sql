-- Purpose: who a cookie belongs to, while the session and the key behind it hold.
-- Index:   ai_sessions_token_hash_key; primary key of ai_api_keys.
-- Caller:  daemon.web.access, for a session that was not seen within the last second.
-- Locks:   none.
SELECT s.id, s.key_id, coalesce(k.name, s.name) AS name, coalesce(k.role, s.role) AS role
FROM ai_sessions s LEFT JOIN ai_api_keys k ON k.id = s.key_id
WHERE s.token_hash = %(hash)s::bytea AND s.revoked_at IS NULL AND s.expires_at > now()
    AND (s.key_id IS NULL
        OR k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now()))
