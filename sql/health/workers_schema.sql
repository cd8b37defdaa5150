-- Check:    workers.schema
-- Unit:     flag
-- Warning:  1
-- Critical: 1
-- Every:    60 seconds
-- Needs:    SELECT on ai_alembic_version
-- Servers:  13 and newer
-- Says:     the schema's revision ({database}) is none that this code knows
-- Remedy:   python -m daemon migrate, or deploy the code that knows this revision
--
-- A newer revision whose note says that this code still works on it is no fault.
SELECT (count(*) <> 1 OR coalesce(bool_or(NOT v.version_num = ANY (%(known_revisions)s::text[])
        AND coalesce(NOT substring(obj_description('ai_alembic_version'::regclass, 'pg_class')
            FROM 'works with code from (\S+)') = ANY (%(known_revisions)s::text[]), true)), true)
    )::int::float8 AS value,
    0 AS hidden,
    jsonb_build_object('database', jsonb_agg(v.version_num)) AS detail
FROM ai_alembic_version v
