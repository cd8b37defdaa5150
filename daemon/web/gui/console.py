"""What the console's pages share: reads, actions, the person at the other end, the frame.

Which role each page needs stands in :mod:`daemon.web.gui.app`; the door in front asks the session
before a handler runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aiohttp import web
from multidict import MultiDictProxy

from daemon.web.access import PRINCIPAL
from daemon.web.gui.reads import Reads, Row
from daemon.web.gui.render import (
    KEYS,
    THEME,
    Page,
    Undo,
    forget,
    respond,
    said,
    say,
    today,
)
from daemon.web.gui.shared import Sections

if TYPE_CHECKING:
    from daemon.registry import Registry
    from daemon.settings import Settings
    from daemon.web.actions import Actions

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
FORM: web.RequestKey[Any] = web.RequestKey("form", MultiDictProxy)
"""What was typed, of a POST that passed the door."""
RANK = {"viewer": 0, "operator": 1, "admin": 2}
THEMES = ("light", "dark")
LOOKS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class May:
    """What a role may do: look, operate (retry, pause, answer), administer (settings, keys)."""

    role: str

    @property
    def operate(self) -> bool:
        return RANK[self.role] >= RANK["operator"]

    @property
    def administer(self) -> bool:
        return RANK[self.role] >= RANK["admin"]


@dataclass
class Console:
    """registry: the agents of this process, for their forms. actions: what changes anything."""

    reads: Reads
    registry: Registry
    settings: Settings
    actions: Actions
    sections: Sections = field(default_factory=Sections)

    def forget(self) -> None:
        """Something changed: whoever looks now is shown how it is after that."""
        self.reads.forget()
        self.sections.forget()

    def budget(self, frame: Row) -> Decimal | None:
        """What today's model calls may cost: the tighter of the environment's and the table's."""
        limits = [x for x in (self.settings.daily_budget_usd, frame["budget"]) if x is not None]
        return min(limits, default=None)

    async def respond(self, request: web.Request, page: Page) -> web.Response:
        """The page for whoever asks, with what was left to be said."""
        person = request[PRINCIPAL]
        flash = None if "X-Fragment" in request.headers else said(request)
        theme, place = request.cookies.get(THEME, ""), place_of(request)
        common = {
            "person": person,
            "may": May(person.role),
            "token": person.token,
            "flash": flash,
            "theme": theme if theme in THEMES else "",
            "keys": request.cookies.get(KEYS) != "off",
            "environment": self.settings.environment,
            "path": place.partition("?")[0],
            "path_qs": place,
            "at": page.at or place,
            "now": today().isoformat(timespec="milliseconds"),
        }
        response = await respond(request, page, self._frame, common, self.sections)
        if flash is not None:
            forget(request, response)
        return response

    async def _frame(self) -> Mapping[str, Any]:
        frame = await self.reads.frame()
        return {**frame, "budget": self.budget(frame)}

    def done(
        self,
        form: Mapping[str, Any],
        text: str,
        *,
        to: str = "",
        tone: str = "",
        undo: Undo | None = None,
        link: tuple[str, str] | None = None,
    ) -> web.Response:
        """After an action: back to where it was asked for, with a sentence."""
        self.forget()
        response = web.Response(
            status=303, headers={"Location": to or inside(str(form.get("back", "")))}
        )
        say(response, text, tone=tone, undo=undo, link=link)
        return response


def place_of(request: web.Request) -> str:
    """The address of the page that a request is about: its own, or for a form's, which only takes
    forms, the nearest one above it that can be looked at."""
    if any(_is_page(resource, request.path) for resource in request.app.router.resources()):
        return request.path_qs if request.method in LOOKS else request.path
    above = request.path
    while above := above.rpartition("/")[0]:
        if any(_is_page(resource, above) for resource in request.app.router.resources()):
            return above
    return "/gui"


def _is_page(resource: web.AbstractResource, path: str) -> bool:
    if not any(route.method in LOOKS for route in resource):
        return False
    info = resource.get_info()
    pattern = info.get("pattern")
    return pattern.fullmatch(path) is not None if pattern else info.get("path") == path


def inside(url: str | None, otherwise: str = "/gui") -> str:
    """The URL if it leads to a page of the console, else ``otherwise``."""
    if not url or not url.isprintable() or "\\" in url or ".." in url:
        return otherwise
    return url if url == "/gui" or url.startswith(("/gui/", "/gui?")) else otherwise
