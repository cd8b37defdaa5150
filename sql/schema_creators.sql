-- Purpose: which logins may create functions in our schema without being ours. PostgreSQL prefers a closer
--          match of argument types wherever it stands, so their code can come to run with our rights.
-- Index:   catalogues only.
-- Caller:  daemon.health.doctor.
-- Locks:   none.
SELECT r.rolname AS role_name, quote_ident(n.nspname) AS schema_name,
    has_schema_privilege('public', n.oid, 'CREATE') AS everybody
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_roles r ON r.rolcanlogin AND NOT r.rolsuper
WHERE c.oid = to_regclass('ai_requests') AND has_schema_privilege(r.oid, n.oid, 'CREATE')
    AND NOT pg_has_role(r.oid, c.relowner, 'MEMBER')
ORDER BY 1
