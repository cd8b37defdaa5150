-- Purpose: which of the main app's tables our search path leads to, and whether our role may read them.
-- Index:   catalogues only.
-- Caller:  daemon.health.doctor.
-- Locks:   none.
SELECT quote_ident(t.name) AS table_name, t.name = 'clients' AS is_clients,
    to_regclass(quote_ident(t.name)) IS NOT NULL AS found,
    coalesce(has_any_column_privilege(to_regclass(quote_ident(t.name)), 'SELECT'), false) AS readable,
    ARRAY(SELECT a.attname::text FROM pg_attribute a
        WHERE a.attrelid = to_regclass(quote_ident(t.name)) AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY 1) AS columns,
    quote_ident(current_user) AS role_name, array_to_string(current_schemas(false), ', ') AS schemas
FROM unnest(%(names)s::text[]) AS t (name)
ORDER BY 1
