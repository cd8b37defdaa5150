"""A client's requests are found by the beginning of ``client_id``: it always fits into the index.

The index took the text as it was. An index entry holds a third of a page at most, so a request
with more than that in ``client_id`` could be inserted but never ended: nobody could refuse it.
"""

from __future__ import annotations

from migrations.load import declare_compatible, index

revision = "0016_client_index"
down_revision = "0015_sent_again"

WHERE = "WHERE finished_at IS NOT NULL AND input_data ->> 'client_id' IS NOT NULL"


def upgrade() -> None:
    on = f"ai_requests (left(input_data ->> 'client_id', 40), id DESC) {WHERE}"
    index("ai_requests_client", on, again=True)
    declare_compatible("0002_functions")


def downgrade() -> None:
    on = f"ai_requests ((input_data ->> 'client_id'), id DESC) {WHERE}"
    index("ai_requests_client", on, again=True)
    declare_compatible("0002_functions")
