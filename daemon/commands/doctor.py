"""Examine configuration, database, rights, pooler, listener, provider, clock, disk and versions,
and say what to do.

exit codes:
  0   all is well
  1   a warning, or a step that could not be made
  2   something critical
  64  wrong use
"""

from __future__ import annotations

import argparse
import asyncio
import json

from agents.health.checks import CheckResult
from daemon import settings
from daemon.alerts.channels import channels, check_heartbeat
from daemon.commands.connection import database_url
from daemon.errors import ConfigurationError
from daemon.health.doctor import Finding, Report, examine, troubles
from daemon.settings import Settings

WORDS = {
    "healthy": "ok",
    "notice": "advice",
    "warning": "WARNING",
    "critical": "CRITICAL",
    "unknown": "unknown",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(arguments: argparse.Namespace) -> int:
    try:
        chosen = settings.load()
        url = database_url()
    except ConfigurationError as error:
        # What cannot be configured cannot be examined any further.
        bad = Finding("configuration", "critical", str(error), error.hint)
        report = Report([bad], [])
    else:
        report = asyncio.run(examine(chosen, url))
        good = Finding("configuration", "healthy", "every variable can be used")
        if chosen.database_url is None:
            good = Finding(
                "configuration",
                "notice",
                "DATABASE_URL is not set: what is examined is a PostgreSQL of the service's own",
                "set it to the main app's database, as it is set where the service runs",
            )
        report = Report([good, *report.findings, alerting(chosen)], report.checks)
    if arguments.json:
        print(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        _show(report)
    return report.exit_code


def alerting(chosen: Settings) -> Finding:
    """Whether the addresses of alerts can be used; whether they answer only a message tells."""
    try:
        reached = channels(chosen.alert_webhook_url)
        check_heartbeat(chosen.heartbeat_url)
    except ConfigurationError as error:
        # A daemon does not start with it.
        return Finding("alerts", "critical", str(error), error.hint)
    if not reached:
        return Finding(
            "alerts",
            "notice",
            "nobody is told of an alert: ALERT_WEBHOOK_URL is not set",
            "set it to a webhook or mail server, see docs/alerts.md",
        )
    names = ", ".join(channel.name for channel in reached)
    said = f"they go to {names}; python -m daemon alerts test sends a test message"
    return Finding("alerts", "healthy", said)


def _show(report: Report) -> None:
    for finding in report.findings:
        _line(finding.status, finding.name, finding.message, finding.remedy)
    fine = sum(check.status == "healthy" for check in report.checks)
    if report.checks:
        print(f"{WORDS['healthy']:<9} {fine} of {len(report.checks)} checks")
    else:
        print(f"{'skipped':<9} the checks of the running service: first mend what is critical")
    for one in troubles(report):
        if isinstance(one, CheckResult):
            _line(one.status, one.check, one.message, one.remedy)
    words = ("nothing to do", "look at the warnings", "act on what is critical")
    print(f"\n{words[report.exit_code]}")


def _line(status: str, name: str, message: str, remedy: str) -> None:
    print(f"{WORDS[status]:<9} {name}: {message}")
    if remedy and status != "healthy":
        print(f"{'':<9} -> {remedy}")
