"""SARIF 2.1.0: what GitHub's code scanning and most editors read.

Places are relative to the repository (``%SRCROOT%``). GitHub computes ``primaryLocationLineHash``
itself; our own name for a finding stands under ``aiOrchestrator/v1``.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from agents.code.model import Finding
from agents.code.report.model import LEVELS, NAME, Report
from agents.code.results import Shown

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
FINGERPRINT = "aiOrchestrator/v1"
_SEVERITY = {"critical": 9.5, "high": 8.0, "medium": 5.5, "low": 2.5}
_FACTOR = {"high": 1.0, "medium": 0.95, "low": 0.9}


def write(report: Report) -> str:
    """The SARIF document as text."""
    return json.dumps(document(report), indent=2, ensure_ascii=False) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The SARIF document."""
    rules: dict[str, Finding] = {}
    for item in report.findings:
        rules.setdefault(item.finding.rule, item.finding)
    places = {rule: number for number, rule in enumerate(rules)}
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": NAME,
                "semanticVersion": report.version or "0.0.0",
                "rules": [_rule(finding) for finding in rules.values()],
            },
            "extensions": [
                {"name": tool.name, "version": tool.version or "0"}
                for tool in report.analysis.tools
                if tool.status == "ok"
            ],
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The repository's root."}}},
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {
                        "level": "warning",
                        "descriptor": {"id": skipped.reason},
                        "message": {"text": f"{skipped.file}: {skipped.detail}"},
                        "locations": [
                            {"physicalLocation": {"artifactLocation": _at(skipped.file)}}
                        ],
                    }
                    for skipped in report.analysis.skipped
                ],
            }
        ],
        "results": [_result(item, places, compared=report.compared) for item in report.findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(finding: Finding) -> dict[str, Any]:
    tags: list[str] = [finding.issue_type]
    properties: dict[str, Any] = {"tags": tags, "precision": finding.confidence}
    if finding.issue_type == "security":
        properties["security-severity"] = f"{_SEVERITY[finding.severity]:.1f}"
    if finding.cwe is not None:
        tags.append(f"external/cwe/cwe-{finding.cwe:03d}")
    rule: dict[str, Any] = {
        "id": finding.rule,
        "name": "".join(part.capitalize() for part in finding.rule.split("-")),
        "shortDescription": {"text": finding.rule.replace("-", " ").capitalize()},
        "defaultConfiguration": {"level": LEVELS[finding.severity]},
        "properties": properties,
    }
    if finding.cwe is not None:
        rule["helpUri"] = f"https://cwe.mitre.org/data/definitions/{finding.cwe}.html"
    return rule


def _result(item: Shown, places: dict[str, int], *, compared: bool) -> dict[str, Any]:
    finding = item.finding
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": places[finding.rule],
        "level": LEVELS[finding.severity],
        "message": {"text": item.message},
        "locations": [_location(finding, item.code)],
        "partialFingerprints": {FINGERPRINT: finding.fingerprint},
        "rank": round(10 * _SEVERITY[finding.severity] * _FACTOR[finding.confidence], 1),
        "properties": {
            "confidence": finding.confidence,
            "severity": finding.severity,
            "sources": list(finding.sources),
            "aliases": list(finding.aliases),
        },
    }
    if compared:
        result["baselineState"] = "unchanged" if finding.new is False else "new"
    if item.steps:
        result["codeFlows"] = [_flow(item)]
    if item.edit is not None:
        result["fixes"] = [_fix(item, item.edit)]
    return result


def _location(finding: Finding, code: str) -> dict[str, Any]:
    region: dict[str, Any] = {
        "startLine": max(finding.line, 1),
        "endLine": max(finding.end_line, finding.line, 1),
        "startColumn": max(finding.column, 1),
    }
    if code:
        region["snippet"] = {"text": code}
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": _at(finding.file), "region": region}
    }
    if finding.scope:
        name = finding.scope.rsplit(".", 1)[-1]
        location["logicalLocations"] = [
            {"name": name, "fullyQualifiedName": finding.scope, "kind": "function"}
        ]
    return location


def _flow(item: Shown) -> dict[str, Any]:
    steps = [
        {
            "location": {
                "physicalLocation": {
                    "artifactLocation": _at(step["file"]),
                    "region": {"startLine": max(step["line"], 1)},
                },
                "message": {"text": step["note"] or "the value passes here"},
            }
        }
        for step in item.steps
    ]
    return {"threadFlows": [{"locations": steps}]}


def _fix(item: Shown, edit: tuple[int, int, str]) -> dict[str, Any]:
    first, last, text = edit
    return {
        "description": {"text": item.explanation or "A repair that passed the gate."},
        "artifactChanges": [
            {
                "artifactLocation": _at(item.finding.file),
                "replacements": [
                    {
                        "deletedRegion": {
                            "startLine": first,
                            "startColumn": 1,
                            "endLine": last + 1,
                            "endColumn": 1,
                        },
                        "insertedContent": {"text": f"{text}\n"},
                    }
                ],
            }
        ],
    }


def _at(path: str) -> dict[str, str]:
    return {"uri": quote(path), "uriBaseId": "%SRCROOT%"}
