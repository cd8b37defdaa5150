"""The forms of a report, by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from agents.code.report import sarif
from agents.code.report.model import LEVELS, NAME, Report
from agents.code.report.text import write as as_text
from agents.code.results import Shown


def write(report: Report, form: str) -> str:
    """The report in one of ``FORMATS``, with a newline at its end unless it is empty."""
    return FORMATS[form](report)


def _json(report: Report) -> str:
    return json.dumps(report.json(), indent=2, ensure_ascii=False) + "\n"


def _jsonl(report: Report) -> str:
    """A finding a line."""
    return "".join(json.dumps(item.json(), ensure_ascii=False) + "\n" for item in report.findings)


def _github(report: Report) -> str:
    """Workflow commands: GitHub shows them beside the changed lines. What is old stays silent."""
    words = {"error": "error", "warning": "warning", "note": "notice"}
    return "".join(
        f"::{words[LEVELS[item.severity]]} file={_property(item.finding.file)}"
        f",line={item.finding.line},endLine={max(item.finding.end_line, item.finding.line)}"
        f",title={_property(item.finding.rule)}::{_data(_sentence(item))}\n"
        for item in report.fresh
    )


def _sentence(item: Shown) -> str:
    words = f"{item.message} ({item.severity}, confidence {item.finding.confidence})"
    return f"{words}\n{item.diff}" if item.diff else words


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _rdjson(report: Report) -> str:
    """Reviewdog's diagnostics."""
    words = {"error": "ERROR", "warning": "WARNING", "note": "INFO"}
    diagnostics = [_diagnostic(item, words[LEVELS[item.severity]]) for item in report.fresh]
    document = {"source": {"name": NAME}, "diagnostics": diagnostics}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _diagnostic(item: Shown, severity: str) -> dict[str, Any]:
    finding = item.finding
    code: dict[str, str] = {"value": finding.rule}
    if finding.cwe is not None:
        code["url"] = f"https://cwe.mitre.org/data/definitions/{finding.cwe}.html"
    told: dict[str, Any] = {
        "message": item.message,
        "location": {
            "path": finding.file,
            "range": {
                "start": {"line": finding.line, "column": finding.column},
                "end": {"line": max(finding.end_line, finding.line)},
            },
        },
        "severity": severity,
        "code": code,
    }
    if item.edit is not None:
        first, last, text = item.edit
        told["suggestions"] = [
            {
                "range": {
                    "start": {"line": first, "column": 1},
                    "end": {"line": last + 1, "column": 1},
                },
                "text": f"{text}\n",
            }
        ]
    return told


FORMATS: Final[Mapping[str, Callable[[Report], str]]] = {
    "text": as_text,
    "json": _json,
    "jsonl": _jsonl,
    "sarif": sarif.write,
    "github": _github,
    "rdjson": _rdjson,
}
"""Name of a form -> what writes it."""
