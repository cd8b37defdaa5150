-- Health is kept as states; the table itself came with the first revision.
COMMENT ON FUNCTION ai_health_state_v1 IS 'Writes the state of components: a new row when the status or the worst check changes and on the hour, else the newest is touched.';
COMMENT ON COLUMN ai_system_health.request_id IS 'ai_requests.id of the newest run that a request asked for; NULL: the daemon''s own timer, or an older service.';
COMMENT ON COLUMN ai_system_health.worker_id IS 'The daemon that looked last; NULL: an older service.';
COMMENT ON COLUMN ai_system_health.checks_unknown IS 'How many of its checks could not tell, for want of a right or of time.';
COMMENT ON COLUMN ai_system_health.metrics IS 'Measured values by check, a JSON object. older_status: the older service''s own word.';
