-- Check:    database.duplicate_index
-- Unit:     count
-- Warning:  1
-- Critical: never
-- Notice:   yes
-- Every:    86400 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     indexes that repeat what another one begins with: {pairs}
-- Remedy:   DROP INDEX CONCURRENTLY the first of each pair
--
-- The same columns, or the first ones of the other, with the same operator classes, collations, order,
-- predicate and method. One that is unique, a primary key or under another constraint is never called
-- superfluous, nor one of a partition, which goes with its parent's.
SELECT count(*)::float8 AS value, 0 AS hidden,
    jsonb_build_object('pairs', jsonb_agg(
        jsonb_build_array(a.indexrelid::regclass::text, b.indexrelid::regclass::text))) AS detail
FROM pg_index a
JOIN pg_index b ON b.indrelid = a.indrelid AND b.indexrelid <> a.indexrelid
JOIN pg_class ca ON ca.oid = a.indexrelid
JOIN pg_class cb ON cb.oid = b.indexrelid AND cb.relam = ca.relam
JOIN pg_class c ON c.oid = a.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND a.indisvalid AND b.indisvalid AND NOT a.indisunique AND NOT a.indisprimary
    AND NOT a.indisexclusion AND NOT ca.relispartition
    AND a.indexprs IS NULL AND b.indexprs IS NULL AND a.indnatts = a.indnkeyatts
    AND (a.indkey::text = b.indkey::text OR starts_with(b.indkey::text, a.indkey::text || ' '))
    AND starts_with(b.indclass::text || ' ', a.indclass::text || ' ')
    AND starts_with(b.indcollation::text || ' ', a.indcollation::text || ' ')
    AND starts_with(b.indoption::text || ' ', a.indoption::text || ' ')
    AND coalesce(pg_get_expr(a.indpred, a.indrelid), '')
        = coalesce(pg_get_expr(b.indpred, b.indrelid), '')
    AND (a.indkey::text <> b.indkey::text OR b.indisunique OR a.indexrelid > b.indexrelid)
