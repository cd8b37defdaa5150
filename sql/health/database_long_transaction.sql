-- Check:    database.long_transaction
-- Unit:     seconds
-- Warning:  300
-- Critical: 1800
-- Every:    60 seconds
-- Needs:    pg_read_all_stats for other roles' sessions; database.hidden_transaction stands in
-- Servers:  13 and newer
-- Says:     a transaction of {role} ({application}, pid {pid}) is open for {value}
-- Remedy:   end it in the application, or SELECT pg_cancel_backend(pid); vacuum cannot clean up
--           behind it
--
-- The statement is cut before its first literal or comment, and numbers are masked: both hold clients'
-- data.
SELECT greatest(0, extract(epoch FROM now() - a.xact_start))::float8 AS value,
    0 AS hidden,
    jsonb_build_object('pid', a.pid, 'role', a.usename, 'application', a.application_name,
        'state', a.state, 'statement', left(regexp_replace(
            regexp_replace(a.query, '(''|\$[A-Za-z_]*\$|--|/[*]).*$', '...'),
            '\m\d[\d.]*', '?', 'g'), 120)) AS detail
FROM pg_stat_activity a
WHERE a.xact_start IS NOT NULL AND a.pid <> pg_backend_pid()
    AND a.backend_type = 'client backend' AND a.datname = current_database()
    AND NOT a.application_name = ANY (%(ignore_applications)s::text[])
ORDER BY a.xact_start LIMIT 1
