"""The answer's shape and its words, and the rows that are kept of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

SHOWN: Final = 5
"""How many findings the text speaks of."""
MOST_LISTED: Final = 200
"""How many findings a result holds."""


class LlmUsed(BaseModel):
    """used: words of the model are in the answer. dropped: what of them was not usable."""

    model_config = ConfigDict(extra="forbid")

    used: bool = False
    model: str | None = None
    dropped: tuple[str, ...] = ()


class Provenance(BaseModel):
    """refused: a model's repairs that did not pass the gate, counted by reason."""

    model_config = ConfigDict(extra="forbid")

    llm: LlmUsed
    refused: dict[str, int]


class CodeAnswer(BaseModel):
    """The result. Keys of an older service: file_path, analysis_type, analysis_result,
    suggestions_created, suggestion_ids; for an error error_analysis, timestamp.

    suggestions_created, suggestion_ids, suggestions_gone: filled in when the rows are written.
    findings: best first; see ``agents.code.results.Shown.json``. new: fingerprints of findings in
    what was changed. silenced: findings that a person rejected before, and that are not shown.
    """

    model_config = ConfigDict(extra="forbid")

    status: Literal["ok"] = "ok"
    source: Literal["ai_orchestrator"] = "ai_orchestrator"
    file_path: str | None
    analysis_type: str
    analysis_result: str
    suggestions_created: int = 0
    suggestion_ids: list[int] = []
    suggestions_gone: int = 0
    error_analysis: str | None = None
    timestamp: str
    repository: str
    commit: str | None
    findings: list[dict[str, Any]]
    new: list[str]
    counts: dict[str, Any]
    skipped: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    notes: list[str]
    public_routes: list[str]
    silenced: int
    root_cause: str | None = None
    culprit: dict[str, Any] | None = None
    known_error: dict[str, Any] | None = None
    related: list[str] = []
    error_fingerprint: str | None = None
    data_warnings: list[str] = []
    provenance: Provenance


def text(
    told: Mapping[str, Any],
    findings: Sequence[Mapping[str, Any]],
    error: Mapping[str, Any] | None,
    summary: str,
) -> str:
    """The analysis in sentences."""
    parts = [error["text"]] if error is not None else []
    count = told["counts"]["total"]
    if not told["files"] and (told["skipped"] or error is None):
        first = next(iter(told["skipped"]), None)
        why = f": {first['file']}: {first['detail']}" if first else ""
        parts.append(f"No code was analysed{why}.")
    elif told["files"]:
        words = ", ".join(
            f"{number} {word}" for word, number in told["counts"]["severity"].items() if number
        )
        files = "1 file" if told["files"] == 1 else f"{told['files']} files"
        lines = f"{told['lines']:,} lines"
        many = "1 finding" if count == 1 else f"{count or 'No'} findings"
        parts.append(f"{many}{f' ({words})' if words else ''} in {files}, {lines}.")
    parts += [
        f"{finding['file']}:{finding['line']}: {finding['severity']}, {finding['rule']}:"
        f" {finding['message'].rstrip('.')}."
        + (" A repair is proposed." if finding.get("diff") else "")
        for finding in findings[:SHOWN]
    ]
    if told["skipped"]:
        left = len(told["skipped"])
        parts.append(
            f"{'1 file was' if left == 1 else f'{left} files were'} not analysed, or not in full."
        )
    # The model's word comes behind what was counted: nobody can check it.
    return " ".join([*parts, *([summary] if summary else []), *told["notes"]])


def public(finding: Mapping[str, Any]) -> dict[str, Any]:
    """A finding as a result holds it: what only its row needs is left out."""
    private = {"snippet", "existing_code", "replacement_code", "base_blob", "cost_usd"}
    return {name: value for name, value in finding.items() if name not in private}


def row(finding: Mapping[str, Any]) -> dict[str, Any]:
    """A finding as a row of ai_code_suggestions."""
    message = finding["message"]
    _, _, better = message.partition("; ")
    cwe = finding["cwe"]
    return {
        "file_path": finding["file"][:500],
        "issue_type": finding["issue_type"],
        "severity": finding["severity"],
        "description": message,
        # The rule's cure, never the model's words: they may be wrong.
        "suggestion": (better or message).capitalize(),
        "code_snippet": finding["snippet"],
        "fingerprint": finding["fingerprint"],
        "rule": finding["rule"],
        "aliases": finding["aliases"],
        "sources": finding["sources"],
        "cwe": None if cwe is None else f"CWE-{cwe}",
        "line": finding["line"],
        "end_line": finding["end_line"],
        "scope": finding["scope"],
        "confidence": finding["confidence"],
        "explanation": finding.get("explanation") or None,
        "existing_code": finding["existing_code"] or None,
        "replacement_code": finding["replacement_code"] or None,
        "diff": finding.get("diff") or None,
        "fixer": finding.get("fixer"),
        "gate": finding.get("gate"),
        "taint_path": finding["taint_path"] or None,
        "base_blob": finding["base_blob"] or None,
        "cost_usd": finding["cost_usd"],
    }


def error_row(error: Mapping[str, Any], explanation: str) -> dict[str, Any] | None:
    """A failure as a row, where it has a place in the project's own code."""
    if error["at"] is None:
        return None
    file, line, function = error["at"]
    known = error["known_error"]
    return {
        "file_path": file[-500:],
        "issue_type": "error",
        "severity": "high",
        "description": error["root_cause"],
        "suggestion": error["suggestion"],
        "code_snippet": error["culprit"]["source"] or error["culprit"]["code"] or None,
        "fingerprint": f"error:{error['fingerprint']}",
        "rule": error["rule"],
        "sources": ["traceback"],
        "line": line,
        "end_line": line,
        "scope": "" if function == "<module>" else function,
        "confidence": "high" if known else "medium",
        "explanation": explanation or (known["cause"] if known else None),
    }
