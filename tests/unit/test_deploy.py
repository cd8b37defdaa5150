"""Alert rules and dashboard: valid, tried, and naming only what the code measures."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agents.health.checks import CHECKS
from daemon.health.timer import STATUSES
from daemon.meters import Meters

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
RULES_TEST = RULES.with_name("alerts_test.yml")
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboard.json"
PROMTOOL = shutil.which("promtool")
METRIC = re.compile(r"\bai_[a-z_]+")


def measured() -> set[str]:
    """Every name that can be scraped."""
    names = set()
    for family in Meters().registry.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
        names |= {family.name + suffix for suffix in suffixes.get(family.type, ("",))}
    return names


def expressions() -> list[str]:
    """Everything that is asked of Prometheus, by rules and dashboard."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    found = [
        target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())
    ]
    rules = RULES.read_text(encoding="utf-8")
    found += re.findall(r"expr: (?:\|\n)?((?:.|\n)*?)\n        (?:for|labels):", rules)
    return found


def test_every_metric_exists() -> None:
    """No rule and no panel asks for what nobody measures."""
    asked = {name for text in expressions() for name in METRIC.findall(text)}
    assert len(asked) > 20
    assert asked - measured() == set()


def test_every_metric_is_shown() -> None:
    """No metric of ours is measured for nobody: each is on the dashboard or in a rule."""
    asked = {name for text in expressions() for name in METRIC.findall(text)}
    families = {family.name for family in Meters().registry.collect()}
    shown = {name for name in families if any(one.startswith(name) for one in asked)}
    assert families - shown <= {"ai_llm_estimates_exceeded"}


def test_every_label_exists() -> None:
    """Checks and statuses that are asked for by name are those that there are."""
    text = "\n".join(expressions())
    assert set(re.findall(r'check="([^"]+)"', text)) <= set(CHECKS)
    assert set(re.findall(r'status="([^"]+)"', text)) <= set(STATUSES)


def test_panels_do_not_overlap() -> None:
    """The dashboard can be laid out: ids are unique and no two panels share a place."""
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (place["x"] + dx, place["y"] + dy)
            for dx in range(place["w"])
            for dy in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_rules_have_a_page() -> None:
    """Each alert says where in the runbook to go on, and that section is there."""
    rules = RULES.read_text(encoding="utf-8")
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    alerts = re.findall(r"- alert: (\w+)", rules)
    pages = re.findall(r"runbook_url: docs/runbook\.md#(\w+)", rules)
    assert pages == [alert.lower() for alert in alerts]
    assert all(f"\n### {alert}\n" in runbook for alert in alerts)


@pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (Debian: apt-get install prometheus)"
)
@pytest.mark.parametrize("command", [["check", "rules", RULES], ["test", "rules", RULES_TEST]])
def test_promtool(command: list[Any]) -> None:
    """Prometheus takes the rules, and they fire when they should and at no other time."""
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, *command], capture_output=True, text=True, check=False, cwd=RULES.parent
    )
    assert done.returncode == 0, done.stdout + done.stderr
