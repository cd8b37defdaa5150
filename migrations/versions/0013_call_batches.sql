COMMENT ON FUNCTION ai_calls_begin_v1 IS 'Daemon only: ai_call_begin_v1 for many calls at once.';
COMMENT ON FUNCTION ai_calls_end_v1 IS 'Daemon only: settles many model calls at once.';
COMMENT ON FUNCTION ai_calls_lock_v1 IS 'Daemon only: takes the locks that several calls share.';
