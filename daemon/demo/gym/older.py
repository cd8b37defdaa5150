"""Rows of the older AI service, with everything odd that an adoption has to cope with."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from daemon.demo.gym.building import Building

_LEGACY = json.dumps({"model": "gpt-4-turbo-preview", "temperature": 0.7})
# name, type, config, enabled: renamed, doubled, custom, with a config that is missing or a list.
_AGENTS: tuple[tuple[str, str, str | None, bool | None], ...] = (
    ("Workout Optimizer", "workout_optimization", _LEGACY, True),
    ("Our progress helper", "progress_monitoring", None, False),
    ("Scheduling", "scheduling", "[]", True),
    ("Workout Optimizer (copy)", "workout_optimization", _LEGACY, True),
    ("Newsletter", "newsletter_writer", "null", None),
    ("Health Checker", "health_check", "{}", True),
)


def add_older_ai(gym: Building) -> None:
    """Agents, health, suggestions, executions and metrics of the service that came before."""
    stamp = gym.utc_now - timedelta(days=200)
    for number, (title, type_, config, enabled) in enumerate(_AGENTS):
        dated: datetime | None = stamp if number else None
        gym.add(
            "ai_agents",
            name=title,
            type=type_,
            description=None if number else "",
            status="inactive",
            config=config,
            enabled=enabled,
            created_at=dated,
            updated_at=dated,
        )
    for component, status in (("database", "healthy"), ("api", "degraded"), ("disk", "OK")):
        gym.add(
            "ai_system_health",
            component=component,
            status=status,
            message=None,
            metrics='{"ms": 12}' if component == "api" else None,
            checked_at=None if component == "disk" else stamp,
        )
    for issue, severity, state in (
        ("bug", "high", "pending"),
        ("general", "SEVERE", None),
        ("style", "info", "applied"),
    ):
        gym.add(
            "ai_code_suggestions",
            file_path="api/goals.py",
            issue_type=issue,
            severity=severity,
            description="Falling goals close at once",
            suggestion="Compare by direction",
            status=state,
            created_at=stamp,
        )
    gym.add(
        "ai_agent_executions",
        agent_id=1,
        status="completed",
        input_data='{"client_id": 1}',
        output_data="{}",
        execution_time=1.84,
        started_at=stamp,
        completed_at=stamp,
    )
    gym.add(
        "ai_agent_metrics",
        agent_id=1,
        metric_type="success_rate",
        metric_value=0.97,
        period_start=stamp,
        period_end=stamp + timedelta(days=1),
        created_at=stamp,
    )
