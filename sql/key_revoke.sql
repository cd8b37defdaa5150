-- Purpose: ends a key, by its id or its name, and with it its sessions.
-- Index:   primary key of ai_api_keys, ai_api_keys_name.
-- Caller:  daemon.web.actions; python -m daemon keys revoke.
-- Locks:   the key.
UPDATE ai_api_keys k SET revoked_at = now(), revoked_by = %(by)s::text
WHERE k.revoked_at IS NULL
    AND (k.id = %(key_id)s::bigint OR k.name = %(name)s::text)
RETURNING k.id, k.name, k.role
