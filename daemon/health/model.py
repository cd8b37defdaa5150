"""What a check found, under the name by which the daemon's parts know it."""

from __future__ import annotations

from agents.health.checks import COMPONENTS, CheckResult, Component, Status

__all__ = ["COMPONENTS", "CheckResult", "Component", "Status"]
