"""Requests, and what people say about their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from daemon.store.safe_json import dumps
from daemon.web.access import Principal
from daemon.web.actions.base import Act, Connection, Row
from daemon.web.refused import Refused, conflict, invalid, not_found

Json = Any
MOST_AT_ONCE = 1000
"""Requests that one action may cancel or retry."""
MOST_NAMED = 20
"""Items of an answer that a refusal names."""
DECISIONS = {
    "no_such_status": "expected pending, accepted, rejected or applied",
    "forbidden": "a suggestion that is {before} cannot become {after}",
}


class RequestActions(Act):
    async def submit(
        self,
        who: Principal,
        task_type: str,
        input_data: Json,
        *,
        idempotency_key: str | None = None,
        priority: int = 0,
        run_after: datetime | None = None,
        expires_at: datetime | None = None,
        fair_key: str = "",
        requested_by: str | None = None,
        max_usd: Decimal | None = None,
        on_unavailable: Literal["degrade", "wait", "fail"] | None = None,
    ) -> tuple[int, bool]:
        """Ask for something as the main app does by SQL; (the request's id, whether it is new).

        What the agent thinks of the input is the request's own error, never this method's. A
        person's request leaves a line in the audit log; of the main app's, which come by the
        thousand, the row itself is the record. Refused: 422 where the key has asked something
        else, or for somebody else; its answer is no answer to this.
        """
        asked = dumps(input_data)
        async with self._transaction(who) as connection:
            row = await self._row(
                connection,
                "request_ask",
                task_type=task_type,
                input_data=asked,
                priority=priority,
                run_after=run_after,
                expires_at=expires_at,
                idempotency_key=idempotency_key,
                fair_key=fair_key,
                requested_by=requested_by,
                max_usd=max_usd,
                on_unavailable=on_unavailable,
            )
            assert row is not None
            made = await self._row(
                connection,
                "request_fresh",
                request_id=row["id"],
                input_data=asked,
                requested_by=requested_by,
            )
            fresh = bool(made and made["fresh"])
            if made and not fresh and not made["same"]:
                raise Refused(
                    422,
                    "idempotency_key_reused",
                    f"idempotency_key: request {row['id']} has it, and asked something else",
                    "a new question needs a new key",
                    details={"request_id": row["id"]},
                )
            if fresh and who.role != "service":
                await self._audit(
                    connection,
                    who,
                    "submit",
                    f"request:{row['id']}",
                    after={"task_type": task_type[:200]},
                )
        return row["id"], fresh

    async def cancel(self, who: Principal, request_id: int) -> str:
        """Ask a request to stop; returns the status it had.

        Pending and waiting ones end within a second, running ones within two. Refused: 404, 409
        when it has ended.
        """
        async with self._transaction(who) as connection:
            row = await self._row(connection, "request_cancel", request_id=request_id)
            if row is None:
                found = await self._row(connection, "request_exists", request_id=request_id)
                if found is None:
                    raise not_found(f"request {request_id}")
                raise conflict(
                    f"request {request_id} is {found['status']}: there is nothing to stop",
                    status=found["status"],
                )
            await self._audit(
                connection, who, "cancel", f"request:{request_id}", {"status": row["status"]}
            )
        status: str = row["status"]
        return status

    async def retry(self, who: Principal, request_id: int) -> None:
        """Reopen a failed, cancelled or expired request. Refused: 404, 409 in any other state."""
        async with self._transaction(who) as connection:
            row = await self._row(
                connection,
                "request_retry",
                request_id=request_id,
                actor=who.name,
                channel=who.channel,
                now=None,
            )
            if row is None or not row["reopened"]:
                found = await self._row(connection, "request_exists", request_id=request_id)
                if found is None:
                    raise not_found(f"request {request_id}")
                raise conflict(
                    f"request {request_id} is {found['status']}",
                    "only failed, cancelled and expired requests can be reopened",
                    status=found["status"],
                )

    async def cancel_many(self, who: Principal, request_ids: Sequence[int]) -> int:
        """Ask many to stop; returns how many there was something to stop of. At most 1,000."""
        return await self._many(self.cancel, who, request_ids)

    async def retry_many(self, who: Principal, request_ids: Sequence[int]) -> int:
        """Reopen many; returns how many were. At most 1,000."""
        return await self._many(self.retry, who, request_ids)

    async def _many(self, act: Any, who: Principal, request_ids: Sequence[int]) -> int:
        if len(request_ids) > MOST_AT_ONCE:
            raise invalid("ids", f"{len(request_ids)} given; at most {MOST_AT_ONCE} at once")
        done = 0
        for request_id in dict.fromkeys(request_ids):
            # Each in its own transaction: none holds a lock while the others are looked at.
            try:
                await act(who, request_id)
            except Refused:
                continue
            done += 1
        return done

    async def answer(
        self,
        who: Principal,
        request_id: int,
        key: str,
        decision: Literal["approve", "reject"],
        *,
        reason: str = "",
        more: Mapping[str, Json] | None = None,
    ) -> None:
        """A person's answer to an agent's question; the first counts, the request goes on.

        more: what else the agent is told. Refused: 400 for a rejection without a reason, 404, 409
        when somebody answered before (details: who, what) or the request has ended.
        """
        if decision == "reject" and not reason.strip():
            raise invalid("reason", "a rejection needs one", "say why, for whoever asked")
        answer: dict[str, Json] = {**(more or {}), "decision": decision}
        if reason.strip():
            answer["reason"] = reason.strip()[:2000]
        async with self._transaction(who) as connection:
            row = await self._row(
                connection,
                "approval_answer",
                request_id=request_id,
                key=key,
                answer=dumps(answer),
                decided_by=who.name,
                channel=who.channel,
            )
            if row is None or not row["answered"]:
                found = await self._row(
                    connection, "approval_state", request_id=request_id, key=key
                )
                if found is None:
                    raise not_found(f"question {key!r} of request {request_id}")
                if not found["decided"]:
                    raise conflict(
                        f"request {request_id} is {found['status']}; nobody waits for an answer"
                    )
                raise conflict(
                    f"{found['decided_by']} answered first: {found['decision']}",
                    decided_by=found["decided_by"],
                    decision=found["decision"],
                )

    async def decide_suggestion(
        self, who: Principal, suggestion_id: int, status: str, reason: str | None = None
    ) -> str:
        """accepted, rejected, applied, or pending again; returns the status before.

        Refused: 400 for another word, 404, 409 where the life cycle knows no such step. The same
        decision twice is no error and changes nothing.
        """
        async with self._transaction(who) as connection:
            row = await self._row(
                connection,
                "suggestion_decide",
                id=suggestion_id,
                status=status,
                reason=reason,
                actor=who.name,
                channel=who.channel,
            )
        assert row is not None
        verdict, before = row["verdict"], row["status_before"]
        match verdict:
            case "unknown":
                raise not_found(f"suggestion {suggestion_id}")
            case "no_such_status":
                raise invalid("status", f"{status[:40]!r} given; {DECISIONS[verdict]}")
            case "forbidden":
                raise conflict(
                    DECISIONS[verdict].format(before=before, after=status), status=before
                )
        return str(before)

    async def reveal(self, who: Principal, request_id: int) -> None:
        """Note that somebody looks at what was sent to models, before it is shown."""
        async with self._transaction(who) as connection:
            await self._audit(connection, who, "reveal_prompts", f"request:{request_id}")

    async def give_feedback(
        self,
        who: Principal,
        request_id: int,
        verdict: Literal["helpful", "not_helpful", "incorrect"],
        *,
        item_id: str = "",
        reason: str = "",
    ) -> str | None:
        """What somebody says of an answer, or of one item of it; replaces what they said before.

        Returns why it counts nowhere, or None where it counts. It is its own record: no line in
        the audit log.
        """
        async with self._transaction(who) as connection:
            row = await self._row(
                connection,
                "feedback_put",
                request_id=request_id,
                item_id=item_id[:200],
                verdict=verdict,
                reason=reason.strip()[:2000] or None,
                given_by=who.name,
            )
        problem: str | None = row["problem"] if row is not None else None
        return problem

    async def take_feedback(
        self,
        who: Principal,
        item_id: str,
        verdict: Literal["helpful", "not_helpful", "incorrect"],
        *,
        given_by: str = "",
        reason: str | None = None,
    ) -> Row:
        """What a person of the main app says; the request is the number before the item's dash.

        Returns id and request_id. Refused: 404 where no request has that number, 409 where it has
        no answer that could be judged, 422 where the answer has no such item. Nothing is kept
        then.
        """
        async with self._transaction(who) as connection:
            row = await self._row(
                connection,
                "feedback_put",
                request_id=0,
                item_id=item_id,
                verdict=verdict,
                reason=reason,
                given_by=given_by or who.name,
            )
            assert row is not None
            match row["problem"]:
                case "unknown_request":
                    raise not_found(
                        f"answer with the item {item_id[:60]!r}",
                        "send an item's id as the answer has it, such as 412-1",
                    )
                case "not_answered":
                    raise conflict(f"request {row['request_id']} has no answer to judge")
            if row["item_id"] != str(row["request_id"]):
                await self._check_item(connection, row["request_id"], row["item_id"])
        return {"id": row["id"], "request_id": row["request_id"]}

    async def _check_item(self, connection: Connection, request_id: int, item_id: str) -> None:
        """Raises Refused (422), with what items there are, where the answer has no such one."""
        row = await self._row(connection, "answer_items", request_id=request_id)
        items: list[str] = (row and row["items"]) or []
        if item_id in items:
            return
        more = f" and {len(items) - MOST_NAMED} more" if len(items) > MOST_NAMED else ""
        named = f"its items are {', '.join(items[:MOST_NAMED])}{more}" if items else "it has none"
        raise Refused(
            422,
            "unknown_item",
            f"recommendation_id: the answer to request {request_id} has no item {item_id[:60]!r}",
            f"{named}; {request_id} judges it as a whole",
            details={"request_id": request_id, "items": items[:MOST_NAMED]},
        )
