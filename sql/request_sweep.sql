-- Purpose: cancels and expires what no attempt holds, answers overdue approvals; see
--          functions/sweep_v1.sql.
-- Index:   ai_requests_stop, ai_requests_expire, ai_approvals_open.
-- Caller:  Store.sweep.
-- Locks:   requests and approvals that nobody holds.
SELECT id, task_type, status FROM ai_sweep_v1(%(limit)s::integer, %(now)s::timestamptz)
