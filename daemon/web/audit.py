"""Who changed what: a line of ``ai_audit_log`` in the transaction of the change itself.

Functions of the schema that act (``ai_retry``, ``ai_answer`` …) write their own line; from where
the change came they learn from the transaction, which :func:`begin` tells once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from psycopg import AsyncConnection

from daemon.statements import Statements
from daemon.store.safe_json import dumps

if TYPE_CHECKING:
    from daemon.web.access import Principal

Json = Any


async def begin(
    connection: AsyncConnection[Any], texts: Statements, who: Principal, note: str = ""
) -> None:
    """Say at the start of a transaction from where it comes. note: why a configuration changes."""
    await connection.execute(texts["audit_origin"], {"origin": who.address, "note": note[:2000]})


async def audit(
    connection: AsyncConnection[Any],
    texts: Statements,
    who: Principal,
    action: str,
    target: str,
    before: Mapping[str, Json] | None = None,
    after: Mapping[str, Json] | None = None,
) -> None:
    """A line about a change that this transaction makes.

    action: a verb such as ``pause``. target: kind and id, ``agent:scheduling``. before, after:
    what changed, without secrets.
    """
    await connection.execute(
        texts["audit_put"],
        {
            "actor": who.name,
            "channel": who.channel,
            "action": action,
            "target": target,
            "before": None if before is None else dumps(dict(before)),
            "after": None if after is None else dumps(dict(after)),
            "origin": who.address,
        },
    )
