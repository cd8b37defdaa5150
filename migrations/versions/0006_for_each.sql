ALTER TABLE ai_schedules ADD COLUMN for_each text
    CONSTRAINT ai_schedules_for_each CHECK (for_each = 'active_clients');

COMMENT ON COLUMN ai_schedules.for_each IS 'Edited by admins. active_clients: each slot makes a request for every active client of the main app, with its client_id in input_data; NULL: one request.';
