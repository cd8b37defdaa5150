"""Is all well? Sentences for the top of the overview, worst first, each with what would help.

A pure function of what was read, so that every verdict can be tested without a browser.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from daemon.web.gui import words
from daemon.web.gui.words import amount, count, counted, plural, seconds, title, usd

Tone = Literal["bad", "warn", "info", "good"]
ORDER: Mapping[Tone, int] = {"bad": 0, "warn": 1, "info": 2, "good": 3}
STUCK_SECONDS = 60.0
"""A due request that waits for longer than this deserves a look."""
MOST_CAUSES = 20
"""So many causes of failures are read."""
MOST_ALIKE = 4
"""Verdicts of one kind; the page they lead to has all."""
NEAR_BUDGET = Decimal("0.8")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One sentence. remedy: what would help. links: (url, text). post: (url, text, fields)."""

    tone: Tone
    text: str
    remedy: str = ""
    links: Sequence[tuple[str, str]] = ()
    post: tuple[str, str, Mapping[str, str]] | None = None
    key: str = field(default="", compare=False)

    @property
    def status(self) -> str:
        """The class and word of its mark."""
        return {"bad": "critical", "warn": "warning", "info": "info", "good": "healthy"}[self.tone]


def judge(
    *,
    now: dt.datetime,
    frame: Row,
    agents: Sequence[Row],
    failures: Sequence[Row],
    signs: Row,
    budget: Decimal | None,
) -> list[Verdict]:
    """All verdicts, worst first; one that says "all is well" where there is no other."""
    found = [
        *_workers(now, signs),
        *_agents(now, agents),
        *_failures(now, frame, failures),
        *_money(frame, signs, budget),
        *_others(signs),
        *_people(frame),
    ]
    found.sort(key=lambda verdict: ORDER[verdict.tone])
    if not any(verdict.tone in {"bad", "warn"} for verdict in found):
        done = sum(int(agent["completed"] or 0) for agent in agents)
        text = f"All is well. {amount(done, 'request')} answered in the last 24 hours."
        found.insert(0, Verdict("good", text))
    return found


def _workers(now: dt.datetime, signs: Row) -> list[Verdict]:
    if signs["workers"]:
        return []
    last = signs["last_heartbeat"]
    ago = (
        f" The last sign of life came {seconds((now - last).total_seconds())} ago." if last else ""
    )
    return [
        Verdict(
            "bad",
            f"No daemon takes requests.{ago}",
            "Look at the service's log; make run starts one.",
            [("/gui/health#workers", "Workers")],
        )
    ]


def _agents(now: dt.datetime, agents: Sequence[Row]) -> list[Verdict]:
    found = []
    for agent in agents:
        url, name = f"/gui/agents/{agent['id']}", agent["name"]
        waiting = int(agent["due"] or 0)
        due = plural(waiting, "request", more=bool(agent["more"]))
        if agent["problem"] and agent["enabled"]:
            found.append(
                Verdict(
                    "bad",
                    f"{name} cannot answer: {agent['problem']}",
                    "Correct its configuration, or roll back to the version before.",
                    [(url, "Configuration")],
                )
            )
        elif agent["paused"]:
            until = f" until {words.until(agent['resume_at'], now)}" if agent["resume_at"] else ""
            found.append(
                Verdict(
                    "warn",
                    f"{name} is paused{until}; {due} {'waits' if waiting == 1 else 'wait'}.",
                    post=(f"{url}/resume", "Resume", {}),
                )
            )
        elif agent["oldest_due"] is not None:
            waits = (now - agent["oldest_due"]).total_seconds()
            if waits > STUCK_SECONDS:
                full = (
                    agent["concurrency"] is not None and agent["running"] >= agent["concurrency"]
                )
                found.append(
                    Verdict(
                        "warn",
                        f"{name}: {due} due, the oldest for {seconds(waits)}.",
                        "All its slots are in use: raise its limit, or start another daemon."
                        if full
                        else "A limit, a budget or the workers hold it up.",
                        [
                            (
                                f"/gui/requests?status=pending&task_type={agent['type']}",
                                "Requests",
                            ),
                            (url, "Limits"),
                        ],
                    )
                )
    return found


def _failures(now: dt.datetime, frame: Row, failures: Sequence[Row]) -> list[Verdict]:
    recent = [row for row in failures if (now - row["newest"]).total_seconds() < 86_400]
    if not recent:
        return []
    newest = max(recent, key=lambda row: row["newest"])
    # The frame's counter may be a second older than the newest failure.
    total = max(int(frame["failed_day"]), len(recent))
    others, more = len(recent) - 1, len(recent) == MOST_CAUSES
    also = (
        ""
        if not others
        else "; one other cause"
        if others == 1
        else f"; {counted(others, more)} other causes"
    )
    return [
        Verdict(
            "warn",
            f"{plural(total, 'request')} failed in the last 24 hours, the last one "
            f"{seconds((now - newest['newest']).total_seconds())} ago of {newest['code']}{also}.",
            str(newest["message"] or ""),
            [(f"/gui/requests/{newest['newest_id']}", "Why?"), ("#failures", "By cause")],
        )
    ]


def _money(frame: Row, signs: Row, budget: Decimal | None) -> list[Verdict]:
    found = []
    spent = Decimal(frame["cost_today"])
    if budget is not None and budget > 0 and spent >= budget * NEAR_BUDGET:
        over = spent >= budget
        found.append(
            Verdict(
                "bad" if over else "warn",
                f"{usd(spent)} of today's {usd(budget)} "
                + ("are spent; no model is asked until midnight UTC." if over else "are spent."),
                "Raise today's budget, or let agents answer without a model.",
                [("/gui/budgets", "Budgets")],
            )
        )
    found += [
        Verdict(
            "warn",
            f"There is no price for the model {model}: it is counted at the worst case.",
            "Add its price.",
            [("/gui/budgets#prices", "Prices")],
        )
        for model in signs["unpriced"] or []
    ]
    return found


def _others(signs: Row) -> list[Verdict]:
    found = [
        Verdict(
            "warn" if row["state"] == "half_open" else "bad",
            f"The model {'provider' if row['model'] == '*' else row['model']} is "
            f"{'being tried again' if row['state'] == 'half_open' else 'not asked'}: "
            f"{row['reason'] or row['state']}.",
            "Answers are given without it until it recovers; that is tried by itself.",
            [("/gui/health#providers", "Provider")],
        )
        for row in (signs["providers"] or [])[:MOST_ALIKE]
    ]
    found += [
        Verdict(
            "warn",
            f"The schedule {row['name']} cannot run: {row['problem']}",
            links=[("/gui/schedules", "Schedules")],
        )
        for row in (signs["schedules"] or [])[:MOST_ALIKE]
    ]
    found += [
        Verdict(
            "bad" if row["status"] == "critical" else "warn",
            f"{title(row['component'])}: {row['message'] or row['status']}",
            links=[("/gui/health", "Health")],
        )
        for row in (signs["health"] or [])[:MOST_ALIKE]
    ]
    return found


def _people(frame: Row) -> list[Verdict]:
    found = []
    if frame["approvals"]:
        number = int(frame["approvals"])
        found.append(
            Verdict(
                "info",
                f"{count(number, 99)} {'question waits' if number == 1 else 'questions wait'} "
                "for a person.",
                links=[("/gui/approvals", "Answer")],
            )
        )
    return found
