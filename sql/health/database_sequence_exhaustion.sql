-- Check:    database.sequence_exhaustion
-- Unit:     percent
-- Warning:  75
-- Critical: 90
-- Every:    900 seconds
-- Needs:    SELECT or USAGE on the sequences
-- Servers:  13 and newer
-- Target:   sequence
-- Says:     the sequence {sequence} has used {value} of the numbers that its column can hold
-- Remedy:   ALTER TABLE ... ALTER COLUMN ... TYPE bigint, in a maintenance window, as it rewrites the
--           table; the same for columns that refer to it; then ALTER SEQUENCE ... AS bigint, else a
--           serial column's sequence ends where it did
--
-- The limit is that of the column: a bigint sequence under an integer column fails at 2,147,483,647.
-- A last_value that may not be seen is NULL, not nought.
WITH sequences AS (
    SELECT c.oid::regclass::text AS seq, s.last_value, x.most,
        round(100.0 * s.last_value / x.most, 2)::float8 AS percent,
        has_sequence_privilege(c.oid, 'SELECT,USAGE') AS seen
    FROM pg_sequences s
    JOIN pg_namespace n ON n.nspname = s.schemaname
    JOIN pg_class c ON c.relname = s.sequencename AND c.relnamespace = n.oid
    LEFT JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass
        AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
    LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    CROSS JOIN LATERAL (
        SELECT least(s.max_value, CASE a.atttypid
            WHEN 'smallint'::regtype THEN 32767
            WHEN 'integer'::regtype THEN 2147483647
            ELSE 9223372036854775807 END) AS most) x
    WHERE s.increment_by > 0 AND NOT s.cycle
)
SELECT f.percent AS value, h.hidden, jsonb_strip_nulls(jsonb_build_object('not_visible', h.names,
    'sequence', f.seq, 'last', f.last_value, 'limit', f.most)) AS detail
FROM (SELECT count(*)::int AS hidden, jsonb_agg(n.seq) AS names FROM sequences n WHERE NOT n.seen) h
LEFT JOIN (
    SELECT * FROM sequences q WHERE q.percent IS NOT NULL ORDER BY q.percent DESC, q.seq LIMIT 10
) f ON true
ORDER BY 1 DESC NULLS LAST, f.seq
