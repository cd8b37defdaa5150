-- Purpose: who is signed in, newest first.
-- Index:   ai_sessions_expires.
-- Caller:  daemon.web.actions, for the console.
-- Locks:   none.
SELECT s.id, s.name, coalesce(k.role, s.role) AS role, s.address, s.created_at, s.expires_at,
    s.key_id
FROM ai_sessions s LEFT JOIN ai_api_keys k ON k.id = s.key_id
WHERE s.expires_at > now() AND s.revoked_at IS NULL AND k.revoked_at IS NULL
ORDER BY s.id DESC LIMIT 200
