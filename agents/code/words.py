"""What the model is asked about findings, and the sieve its answer goes through.

The world is closed: it may speak of the ids it was given, and nothing it says removes a finding
or changes its gravity. Its sentences are kept if they are short and plain and repeat no run of
words that stands in a comment or a text of the code: what somebody hid there does not come out
again. Its code is only ever a proposal to the gate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from agents.code.results import Shown
from agents.code.secrets import Mask
from agents.code.traceback import Explained

MOST_CODE_LINES = 80
MOST_CODE_CHARACTERS = 6_000
LONGEST = 600
RUN_OF_WORDS = 5
_WORD = re.compile(r"[a-z']+")
_UNWANTED = re.compile(
    r"https?:|www\.|[<>]|\bignore (?:all|any|the|previous)\b|\binstruction|\bprompt\b|\bsystem\b"
    r"|as an ai|language model|\bnot a (?:real )?(?:problem|finding|vulnerability)\b"
    r"|false positive|\bsafe to ignore\b|\bno (?:real )?(?:issue|problem|risk|danger|harm)s?\b"
    # Nothing that the rules found is to be talked small.
    r"|\bnothing (?:has|needs|is) to be\b|\bno (?:change|action|repair) (?:is )?(?:need|requir)"
    r"|\b(?:is|are) (?:trusted|harmless|safe|fine|secure|acceptable|intended)\b"
    r"|\bcan be trusted\b|\bas (?:it stands|they stand|it is|is)\b|\bcan stay\b|\bgood shape\b"
    r"|\bgo(?:es)? live\b|\bperfectly\b",
    re.IGNORECASE,
)


class Item(BaseModel):
    """What the model says of one finding."""

    model_config = ConfigDict(extra="forbid")

    id: str
    explanation: str
    existing_code: str
    replacement_code: str
    confidence: Literal["high", "medium", "low"]
    missing_evidence: list[str]


class CodeWords(BaseModel):
    """The model's answer."""

    model_config = ConfigDict(extra="forbid")

    summary: str
    error: str
    items: list[Item]


def question(
    shown: Sequence[Shown],
    files: Mapping[str, str],
    mask: Mask,
    explained: Explained | None,
    rewrites: int,
) -> dict[str, Any]:
    """The data of the question; {} where there is nothing to ask."""
    findings = []
    left = rewrites
    for item in shown:
        wanted = left > 0 and not item.diff and item.finding.file.endswith((".py", ".js"))
        left -= wanted
        findings.append(
            {
                "id": item.finding.fingerprint,
                "rule": item.finding.rule,
                "message": item.message,
                "severity": item.severity,
                "line": item.code,
                "code": excerpt(item, files, mask),
                "steps": [step["note"] for step in item.steps],
                "repaired": bool(item.diff),
                "rewrite": bool(wanted),
            }
        )
    told: dict[str, Any] = {"findings": findings} if findings else {}
    if explained is not None:
        told["error"] = failure(explained)
    return told


def failure(explained: Explained) -> dict[str, Any]:
    """An error as the model sees it: nothing that differs between two failures of one kind."""
    culprit = explained.culprit
    return {
        "what": explained.root_cause,
        "known": explained.known.cause if explained.known else "",
        "function": culprit.function if culprit else "",
        "code": re.sub(r"(?m)^[> ] +\d+ ", "", explained.source)
        or (culprit.code if culprit else ""),
        "frames": [
            f"{frame.function}: {frame.code}"
            for frame in explained.trace.root.frames[-6:]
            if frame.in_app
        ],
    }


def excerpt(item: Shown, files: Mapping[str, str], mask: Mask) -> str:
    """The function around a finding, masked; of a long one the lines near it."""
    text = files.get(item.finding.file, "")
    lines = text.split("\n")
    first, last = _span(item, text)
    if last - first > MOST_CODE_LINES:
        first = max(first, item.finding.line - MOST_CODE_LINES // 2)
        last = min(last, first + MOST_CODE_LINES)
    part = "\n".join(lines[first - 1 : last])[:MOST_CODE_CHARACTERS]
    return mask.text(part, item.finding.file)


def _span(item: Shown, text: str) -> tuple[int, int]:
    import ast

    line = item.finding.line
    try:
        nodes = [
            node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.lineno <= line <= (node.end_lineno or node.lineno)
        ]
    except (SyntaxError, ValueError, RecursionError):
        nodes = []
    if not nodes:
        return max(1, line - 10), line + 10
    inner = max(nodes, key=lambda node: node.lineno)
    above = [inner.lineno, *(decorator.lineno for decorator in inner.decorator_list)]
    return min(above), inner.end_lineno or inner.lineno


def sieve(given: CodeWords, asked: Mapping[str, Any]) -> tuple[CodeWords, list[str]]:
    """What may be used of an answer, and what was dropped."""
    ids = {finding["id"]: finding for finding in asked.get("findings", ())}
    foreign = _foreign(asked)
    dropped: list[str] = []

    def kept(text: str, where: str) -> str:
        plain = " ".join(text.split())
        if not plain:
            return ""
        if len(plain) > LONGEST or _UNWANTED.search(plain) or _repeats(plain, foreign):
            dropped.append(where)
            return ""
        return plain

    items = []
    for item in given.items:
        if item.id not in ids:
            dropped.append("items: unknown id")
            continue
        code = item.replacement_code if ids[item.id]["rewrite"] else ""
        if item.replacement_code and not code:
            dropped.append("items: code that nobody asked for")
        items.append(
            item.model_copy(
                update={
                    "explanation": kept(item.explanation, f"items.explanation {item.id[:8]}"),
                    "existing_code": item.existing_code if code else "",
                    "replacement_code": code,
                    "missing_evidence": [
                        text for text in item.missing_evidence[:5] if kept(text[:120], "evidence")
                    ],
                }
            )
        )
    error = kept(given.error, "error") if "error" in asked else ""
    return CodeWords(summary=kept(given.summary, "summary"), error=error, items=items), dropped


def _foreign(asked: Mapping[str, Any]) -> frozenset[tuple[str, ...]]:
    """Runs of words of comments and texts in the code, and of an error's message."""
    texts = [text for finding in asked.get("findings", ()) for text in _prose(finding["code"])]
    if "error" in asked:
        texts += _prose(asked["error"]["code"])
        texts.append(asked["error"]["what"])
    return frozenset(run for text in texts for run in _runs(text))


def _prose(code: str) -> list[str]:
    found = re.findall(r"(?:#|//)\s*([^\n]+)|/\*(.*?)\*/", code, re.DOTALL)
    texts = ["".join(groups) for groups in found]
    texts += [text for pair in re.findall(r"\"([^\"]*)\"|'([^'\n]*)'", code) for text in pair]
    return texts


def _runs(text: str) -> set[tuple[str, ...]]:
    found = _WORD.findall(text.lower())
    return {
        tuple(found[place : place + RUN_OF_WORDS])
        for place in range(len(found) - RUN_OF_WORDS + 1)
    }


def _repeats(text: str, foreign: frozenset[tuple[str, ...]]) -> bool:
    return not foreign.isdisjoint(_runs(text))
