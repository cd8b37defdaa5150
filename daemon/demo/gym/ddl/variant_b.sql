-- What the app's newest models add, in a database born with them; an older one never gets these.

ALTER TABLE trainers ADD COLUMN deleted_at timestamp;
ALTER TABLE clients ADD COLUMN deleted_at timestamp;
ALTER TABLE assignments ADD COLUMN deleted_at timestamp;
ALTER TABLE sessions ADD COLUMN deleted_at timestamp;
