-- Check:    database.idle_in_transaction
-- Unit:     seconds
-- Warning:  60
-- Critical: 300
-- Every:    60 seconds
-- Needs:    pg_read_all_stats for other roles' sessions; database.hidden_transaction stands in
-- Servers:  13 and newer
-- Says:     a session of {role} ({application}, pid {pid}) has done nothing in its open transaction for {value}
-- Remedy:   SET idle_in_transaction_session_timeout for that role; SELECT pg_terminate_backend(pid)
SELECT greatest(0, extract(epoch FROM now() - a.state_change))::float8 AS value,
    0 AS hidden,
    jsonb_build_object('pid', a.pid, 'backend_start', a.backend_start, 'role', a.usename,
        'application', a.application_name, 'state', a.state,
        'ours', a.usename = current_user) AS detail
FROM pg_stat_activity a
WHERE a.state IN ('idle in transaction', 'idle in transaction (aborted)')
    AND a.pid <> pg_backend_pid() AND a.datname = current_database()
ORDER BY a.state_change LIMIT 1
