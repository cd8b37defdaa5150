"""``/gui/approvals``, ``/{id}`` for those of one request: agents' questions to people, and the
answers given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from daemon.web.access import PRINCIPAL
from daemon.web.gui.console import Console
from daemon.web.gui.render import Page
from daemon.web.gui.results import text
from daemon.web.gui.words import title
from daemon.web.privacy import redact

MOST = 25
SENTENCES = ("question", "text", "title", "message", "summary")
CONSEQUENCES = ("consequence", "effect", "writes", "then")


class Approvals:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(self, request: web.Request) -> web.Response:
        wanted = request.match_info.get("id")
        request_id = int(wanted) if wanted else None
        role = request[PRINCIPAL].role

        async def questions(*, is_open: bool) -> Any:
            rows = await self._console.reads.rows(
                "console_approvals", open=is_open, request_id=request_id
            )
            return {
                "rows": [shaped(row, role) for row in rows[:MOST]],
                "more": len(rows) > MOST,
            }

        page = Page(
            "approvals.html",
            "Approvals",
            "approvals",
            {
                "waiting": lambda: questions(is_open=True),
                "answered": lambda: questions(is_open=False),
            },
            {"only": request_id},
        )
        return await self._console.respond(request, page)


def shaped(row: dict[str, Any], role: str) -> dict[str, Any]:
    """A question as a sentence, its consequence, and whatever else it says as lines."""
    question = redact(row["question"], role)
    question = question if isinstance(question, Mapping) else {"question": question}
    said = next((text(question[key]) for key in SENTENCES if question.get(key)), "")
    effect = next((text(question[key]) for key in CONSEQUENCES if question.get(key)), "")
    rest = [
        (title(str(key)), text(value) if not isinstance(value, Mapping | list) else value)
        for key, value in question.items()
        if key not in SENTENCES + CONSEQUENCES and value not in (None, "", [], {})
    ]
    row["said"] = said or f"The agent asks about {row['key']}."
    row["effect"] = effect
    row["rest"] = rest[:20]
    answer = row["answer"] if isinstance(row["answer"], Mapping) else {}
    row["decision"] = {"approve": "accepted", "reject": "rejected"}.get(
        str(answer.get("decision")), "done"
    )
    row["reason"] = text(answer.get("reason") or answer.get("note"))
    return row
