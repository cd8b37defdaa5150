COMMENT ON COLUMN ai_system_health.request_id IS 'ai_requests.id of the newest run.';
COMMENT ON COLUMN ai_system_health.worker_id IS 'The daemon that ran it.';
COMMENT ON COLUMN ai_system_health.checks_unknown IS 'How many could not tell.';
COMMENT ON COLUMN ai_system_health.metrics IS 'Measured values, a JSON object. older_status: the older service''s own word.';
