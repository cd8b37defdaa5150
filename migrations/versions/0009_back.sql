DROP VIEW ai_code_repositories;
DROP FUNCTION ai_suggestion_decide(bigint, text, text, text, text);
DROP TRIGGER ai_suggestion_decided ON ai_code_suggestions;
DROP FUNCTION ai_suggestion_decided_v1();
DROP FUNCTION ai_suggestion_step_v1(text, text);
DROP INDEX ai_code_suggestions_request;
DROP INDEX ai_code_suggestions_file;
DROP TABLE ai_code_sources;
