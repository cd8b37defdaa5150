DROP TRIGGER ai_audit_emptied ON ai_audit_log;
DROP TRIGGER ai_audit_kept ON ai_audit_log;
DROP FUNCTION ai_audit_kept_v1();
ALTER TABLE ai_audit_log ALTER origin DROP DEFAULT;
ALTER TABLE ai_agent_versions DROP COLUMN note;
DROP TABLE ai_sessions;
DROP TABLE ai_api_keys;
