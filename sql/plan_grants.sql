-- Purpose: the grants that our role lacks to write plans into the main app, one statement a row.
-- Index:   catalogues only.
-- Caller:  Store.complete and Store.redo_projections, where a plan was refused.
-- Locks:   none.
WITH lacking AS (
    SELECT w.kind, '' AS what, w.found::text AS name
    FROM (SELECT p.kind, to_regclass(p.name) AS found
        FROM (VALUES ('SELECT', 'trainers'), ('SELECT', 'exercises'), ('SELECT', 'workout_templates'),
            ('INSERT', 'workout_templates'), ('INSERT', 'workout_exercises'),
            ('SELECT', 'ai_saved_plans'), ('INSERT', 'ai_saved_plans'), ('UPDATE', 'ai_saved_plans')
        ) AS p (kind, name)) w
    WHERE NOT has_any_column_privilege(w.found, w.kind)
    UNION ALL
    SELECT 'USAGE', 'SEQUENCE ', s.found::text
    FROM pg_attribute a
    CROSS JOIN LATERAL (SELECT
        pg_get_serial_sequence(a.attrelid::regclass::text, a.attname)::regclass AS found) s
    WHERE a.attrelid IN (to_regclass('workout_templates'), to_regclass('workout_exercises'))
        AND a.attname = 'id' AND a.attidentity = ''
        AND NOT has_sequence_privilege(s.found, 'USAGE, UPDATE')
)
SELECT format('GRANT %%s ON %%s%%s TO %%I', l.kind, l.what, string_agg(l.name, ', ' ORDER BY l.name),
    current_user) AS statement
FROM lacking l
GROUP BY l.kind, l.what ORDER BY 1
