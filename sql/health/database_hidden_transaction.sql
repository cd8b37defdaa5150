-- Check:    database.hidden_transaction
-- Shape:    seen
-- Unit:     seconds
-- Warning:  300
-- Critical: 1800
-- Every:    60 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     a transaction of another role ({role}, {application}, pid {pid}) is open for {value} at least
-- Remedy:   ask who works as that role; GRANT pg_read_all_stats to ours shows what the session does
--
-- pg_stat_activity hides what other roles do, pg_locks does not: the same virtual transaction id in
-- two samples is one transaction, open all that time.
SELECT l.pid || '/' || l.virtualtransaction AS key,
    jsonb_build_object('pid', l.pid, 'role', a.usename, 'application', a.application_name) AS detail
FROM pg_locks l
JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'virtualxid' AND l.granted AND a.datname = current_database()
    AND a.state IS NULL AND a.usename <> current_user
