-- Check:    database.autovacuum_off
-- Unit:     count
-- Warning:  1
-- Critical: never
-- Every:    900 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     autovacuum is switched off (the server says {server}; tables: {tables})
-- Remedy:   ALTER TABLE ... RESET (autovacuum_enabled); ALTER SYSTEM RESET autovacuum
SELECT ((current_setting('autovacuum') <> 'on')::int + count(*))::float8 AS value,
    0 AS hidden,
    jsonb_build_object('server', current_setting('autovacuum'),
        'tables', coalesce(jsonb_agg(c.oid::regclass::text), '[]')) AS detail
FROM pg_class c
WHERE c.reloptions IS NOT NULL AND EXISTS (
    SELECT FROM pg_options_to_table(c.reloptions) o
    WHERE o.option_name = 'autovacuum_enabled' AND NOT o.option_value::boolean)
