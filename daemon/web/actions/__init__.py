"""Everything that people and programs may change over HTTP, each thing once.

The API and the console call the same methods. Each is one transaction together with its line in
the audit log; the caller has checked the role, the method checks everything else, and raises
:class:`daemon.web.refused.Refused` with the status, the field and what would be right. The first
argument is always ``who`` does it (:class:`daemon.web.access.Principal`).

==============  ==================================================================================
requests.py     submit, cancel, retry (one or many), answer, give_feedback, decide_suggestion
agents.py       create_agent, set_agent, roll_back, archive_agent, pause, resume, set_limits
upkeep.py       set_budget, set_schedule, run_schedule, drain,
                acknowledge, silence, answer_healing
keys.py         add_key, revoke_key, revoke_session, list_keys, list_sessions
==============  ==================================================================================
"""

from __future__ import annotations

from daemon.web.actions.agents import AgentActions
from daemon.web.actions.keys import KeyActions
from daemon.web.actions.requests import RequestActions
from daemon.web.actions.upkeep import UpkeepActions

__all__ = ["Actions"]


class Actions(RequestActions, AgentActions, UpkeepActions, KeyActions):
    """All of them, on one pool. Safe to share between tasks."""
