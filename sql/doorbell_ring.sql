-- Purpose: wakes a sleeping daemon; silent while none sleeps.
-- Index:   none.
-- Caller:  Store.ring.
-- Locks:   tries the doorbell's slots, shared, to the end of the transaction.
SELECT ai_ring()
