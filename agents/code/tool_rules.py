"""What other tools' rules mean to us: our name, the weakness, how bad it is.

ruff's rules come in hundreds; the tables name those that matter, the rest follows its family.
Trivia is `style`, which is shown only when asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agents.code.model import IssueType, Severity

RUFF_SELECT: Final = "F,E9,PLE,PLW,B,S,ASYNC,DTZ,C90,PERF"


@dataclass(frozen=True, slots=True)
class Meaning:
    """rule: ours where we have the same one, else the tool's own code."""

    rule: str
    issue_type: IssueType
    severity: Severity
    cwe: int | None = None


def _security(rule: str, severity: Severity, cwe: int) -> Meaning:
    return Meaning(rule, "security", severity, cwe)


_COMMAND = _security("command-injection", "high", 78)
_XXE = _security("xxe", "medium", 611)
_SECRET = _security("hardcoded-secret", "high", 798)
_XSS = _security("xss", "high", 79)
_TRANSPORT = _security("cleartext-transport", "medium", 319)
_CERTIFICATE = _security("certificate-unchecked", "high", 295)
_CIPHER = _security("weak-cipher", "medium", 327)
_PICKLE = _security("unsafe-deserialization", "high", 502)
_SQL = _security("sql-injection", "high", 89)

RUFF: Final[dict[str, Meaning]] = {
    "S102": _security("code-injection", "medium", 94),
    "S103": _security("loose-file-rights", "medium", 732),
    "S105": _SECRET, "S106": _SECRET, "S107": _SECRET,
    "S108": _security("insecure-temporary-file", "low", 377),
    "S110": Meaning("swallowed-exception", "bug", "low", 390),
    "S112": Meaning("swallowed-exception", "bug", "low", 390),
    "S113": Meaning("http-without-timeout", "performance", "medium", 400),
    "S201": _security("debug-enabled", "high", 489),
    "S202": _security("path-traversal", "high", 22),
    "S301": _PICKLE, "S302": _PICKLE, "S506": _PICKLE,
    "S303": _security("weak-hash", "medium", 328),
    "S324": _security("weak-hash", "medium", 328),
    "S304": _CIPHER, "S305": _CIPHER, "S502": _CIPHER, "S503": _CIPHER, "S504": _CIPHER,
    "S505": _security("weak-key", "medium", 326),
    "S306": _security("insecure-temporary-file", "medium", 377),
    "S307": _security("code-injection", "high", 94),
    "S308": _XSS, "S701": _XSS, "S702": _XSS, "S703": _XSS, "S704": _XSS,
    "S310": _security("ssrf", "medium", 918),
    "S311": _security("weak-random", "medium", 330),
    "S312": _TRANSPORT, "S321": _TRANSPORT, "S508": _TRANSPORT, "S509": _TRANSPORT,
    **dict.fromkeys(("S313", "S314", "S315", "S316", "S317", "S318", "S319", "S320"), _XXE),
    "S323": _CERTIFICATE, "S501": _CERTIFICATE, "S507": _CERTIFICATE,
    **dict.fromkeys(("S601", "S602", "S604", "S605", "S609"), _COMMAND),
    "S608": _SQL, "S610": _SQL, "S611": _SQL,
    "S612": _security("code-injection", "medium", 94),
    "F821": Meaning("F821", "bug", "high"),
    "F822": Meaning("F822", "bug", "medium"),
    "F811": Meaning("F811", "bug", "medium"),
    "F601": Meaning("F601", "bug", "medium"),
    "F502": Meaning("F502", "bug", "high"),
    "F632": Meaning("F632", "bug", "medium"),
    "F702": Meaning("F702", "bug", "high"),
    "F706": Meaning("F706", "bug", "high"),
    "F823": Meaning("F823", "bug", "high"),
    "F704": Meaning("F704", "bug", "high"),
    "B006": Meaning("B006", "bug", "medium"),
    "B008": Meaning("B008", "bug", "low"),
    "B018": Meaning("B018", "bug", "low"),
    "B020": Meaning("B020", "bug", "medium"),
    "B023": Meaning("B023", "bug", "medium"),
    "B012": Meaning("B012", "bug", "medium"),
    "B015": Meaning("B015", "bug", "medium"),
    "B035": Meaning("B035", "bug", "medium"),
    "B909": Meaning("B909", "bug", "medium"),
    # Helpers that a handler calls re-raise with a bare `raise`, and `return super().__init__()`
    # gives None: of thirteen in well-known packages twelve did what they were meant to.
    "PLE0101": Meaning("PLE0101", "style", "low"),
    "PLE0704": Meaning("PLE0704", "bug", "low"),
    "DTZ003": Meaning("naive-utc", "bug", "low"),
    "DTZ004": Meaning("naive-utc", "bug", "low"),
}  # fmt: skip

_FAMILIES: Final[tuple[tuple[str, IssueType, Severity], ...]] = (
    ("E9", "bug", "high"),
    ("PLE", "bug", "high"),
    ("F5", "bug", "medium"),
    ("F7", "bug", "high"),
    ("F", "style", "low"),
    ("ASYNC", "bug", "medium"),
    ("PERF", "style", "low"),
    ("C90", "style", "low"),
    ("DTZ", "style", "low"),
    ("PLW", "style", "low"),
    ("B", "style", "low"),
    ("S", "style", "low"),
)


def ruff_meaning(code: str) -> Meaning:
    """What one of ruff's rules means here."""
    if code in RUFF:
        return RUFF[code]
    for prefix, issue_type, severity in _FAMILIES:
        if code.startswith(prefix):
            return Meaning(code, issue_type, severity)
    return Meaning(code, "style", "low")


ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "weak-hash": ("S324", "B324"),
    "weak-random": ("S311", "B311"),
    "sql-injection": ("S608", "B608"),
    "command-injection": ("S602", "S605", "B602", "B605"),
    "unsafe-deserialization": ("S301", "S506", "B301", "B506"),
    "certificate-unchecked": ("S501", "B501"),
    "hardcoded-secret": ("S105", "B105"),
    "http-without-timeout": ("S113", "B113"),
    "debug-enabled": ("S201", "B201"),
    "insecure-temporary-file": ("S306", "B306"),
    "code-injection": ("S307", "B307"),
    "naive-utc": ("DTZ003",),
    "swallowed-exception": ("S110", "BLE001", "W0718"),
}
"""Our rule -> what well-known tools call it."""
