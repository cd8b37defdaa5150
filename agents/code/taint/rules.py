"""The rules of the taint analysis: weakness, severity, words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agents.code.model import IssueType, Severity

VERSION: Final = "2"
"""Of all own rules; kept results of another version are not used."""


@dataclass(frozen=True, slots=True)
class Rule:
    """family: the harm of `values.FLOW` it stands for, "" for a pattern without a flow."""

    name: str
    cwe: int
    severity: Severity
    message: str
    family: str = ""
    issue_type: IssueType = "security"


_ALL = (
    Rule("sql-injection", 89, "critical", "Data from outside becomes part of an SQL statement; pass it as a parameter", "sql"),
    Rule("nosql-injection", 943, "high", "Data from outside decides a database filter; take texts only, and no operators", "nosql"),
    Rule("command-injection", 78, "critical", "Data from outside becomes part of a shell command; pass a list of arguments without a shell", "command"),
    Rule("code-injection", 94, "critical", "Data from outside is run as code", "code"),
    Rule("path-traversal", 22, "high", "Data from outside decides a file's path; check that it stays inside the folder", "path"),
    Rule("xss", 79, "high", "Data from outside is sent to the browser unescaped", "xss"),
    Rule("template-injection", 1336, "critical", "Data from outside becomes part of a template's source", "template"),
    Rule("open-redirect", 601, "medium", "Data from outside decides where the browser is sent", "redirect"),
    Rule("ssrf", 918, "high", "Data from outside decides which host the server asks", "ssrf"),
    Rule("xxe", 611, "high", "XML from outside is read with external entities allowed", "xxe"),
    Rule("xml-bomb", 776, "medium", "XML from outside is read by a parser that expands entities without limit", "xxe"),
    Rule("xpath-injection", 643, "high", "Data from outside becomes part of an XPath expression; pass it as a variable", "xpath"),
    Rule("ldap-injection", 90, "high", "Data from outside becomes part of an LDAP filter; escape it", "ldap"),
    Rule("unsafe-deserialization", 502, "critical", "Data from outside is deserialized by something that can run code", "deserialize"),
    Rule("mass-assignment", 915, "medium", "Data from outside decides which attributes are set; name the allowed ones", "assign"),
    Rule("log-injection", 117, "low", "Data from outside reaches the log with its line breaks", "log"),
    Rule("header-injection", 113, "medium", "Data from outside reaches a response header with its line breaks", "header"),
    Rule("unrestricted-upload", 434, "high", "An uploaded file is kept without a check of its type", "upload"),
    Rule("trust-boundary", 501, "low", "Data from outside enters the session unchecked", "trust"),
    Rule("regex-denial", 1333, "medium", "A pattern that can take exponential time runs on data from outside", "regex"),
    Rule("regex-injection", 1333, "medium", "Data from outside becomes a regular expression; escape it", "regex"),
    Rule("weak-hash", 328, "medium", "A broken hash; use SHA-256 or better, or say usedforsecurity=False"),
    Rule("fast-password-hash", 916, "high", "A password is hashed by a fast hash; use scrypt, argon2 or bcrypt"),
    Rule("weak-cipher", 327, "high", "A broken cipher or mode; use AES-GCM or ChaCha20-Poly1305"),
    Rule("weak-key", 326, "high", "A key too short to protect anything"),
    Rule("constant-iv", 329, "medium", "A constant initialization vector; make a new one for each message"),
    Rule("constant-salt", 760, "medium", "A constant salt; make a new one for each password"),
    Rule("hardcoded-key", 321, "high", "A cryptographic key stands in the code"),
    Rule("weak-random", 330, "medium", "A predictable random number where a secret is made; use the module secrets"),
    Rule("insecure-cookie", 614, "medium", "A cookie is set without the flag secure"),
    Rule("cookie-not-httponly", 1004, "low", "A cookie is set that scripts can read"),
    Rule("cookie-samesite", 1275, "low", "A cookie is sent along with requests of other sites"),
    Rule("cleartext-transport", 319, "medium", "Data travels unencrypted"),
    Rule("certificate-unchecked", 295, "high", "Certificates are not checked"),
    Rule("signature-unchecked", 347, "critical", "A signature is not checked"),
    Rule("hardcoded-secret", 798, "high", "A secret stands in the code"),
    Rule("debug-enabled", 489, "high", "The debugger is on; it runs any code of any visitor"),
    Rule("exception-text-to-client", 209, "low", "The text of an exception is sent to the client"),
    Rule("insecure-temporary-file", 377, "medium", "A temporary file under a name others can guess; use NamedTemporaryFile or mkstemp"),
    Rule("loose-file-rights", 732, "medium", "Everybody may change this file"),
)  # fmt: skip

RULES: Final[dict[str, Rule]] = {rule.name: rule for rule in _ALL}
