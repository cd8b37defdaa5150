-- Purpose: whether any key opens anything.
-- Index:   none; a handful of rows.
-- Caller:  daemon.web.access.
-- Locks:   none.
SELECT EXISTS (SELECT FROM ai_api_keys k WHERE k.revoked_at IS NULL
    AND (k.expires_at IS NULL OR k.expires_at > now())) AS found
