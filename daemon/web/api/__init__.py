"""The HTTP API under ``/api``: what the main app's callers, scripts and dashboards use.

``routes.py`` is the whole surface in one table: method, path, least role, models. ``models.py``
says what goes in and comes out, ``document.py`` makes OpenAPI of both. The handlers are in
``execute.py`` (ask and wait), ``executions.py`` (look, follow, stop, reopen), ``agents.py`` and
``insights.py``; what changes anything is in ``daemon.web.actions``, which the console uses too.
"""

from __future__ import annotations

from daemon.web.api.routes import Api, add_api

__all__ = ["Api", "add_api"]
