"""Where in a text secrets stand: keys by shape, literals by neighbours, noise by its chance.

Every pattern gives spans of the secret alone, so that the text around it still reads and, as code,
still parses. To mask too much costs a little understanding; to mask too little cannot be undone.

An error's text may hold what any stranger typed. So no two neighbours in a pattern take the same
characters without end, and what a search may begin anywhere in is of bounded length: else a few
thousand blanks or dashes would take hours.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple


class Span(NamedTuple):
    """A secret's place in a text, and a word for what it is."""

    start: int
    end: int
    kind: str


_NO_WORD = r"(?-i:(?![A-Z]?[a-z]{1,16}(?:[-/.][a-z]{0,16})*(?![\w~+/=.-])))"
"""Prose goes on after "token" and "basic" in words: "verify the token signature"."""
_SCHEME = r"\b[a-z][a-z0-9+.-]{0,40}://"
_SHAPES: tuple[tuple[str, str], ...] = (
    (
        "private_key",
        (
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?P<s>.*?)"
            r"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)"
        ),
    ),
    ("anthropic", r"\bsk-ant-[A-Za-z0-9_-]{16,}"),
    ("openai", r"\bsk-(?:(?:proj|svcacct|admin|None|or)-)?[A-Za-z0-9_-]{20,}"),
    ("aws", r"\b(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA)[A-Z0-9]{12,}\b"),
    ("github", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
    ("gitlab", r"\bgl(?:pat|dt|rt|ptt|cbt|soat)-[A-Za-z0-9_-]{16,}"),
    ("stripe", r"\b(?:(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{8,}|whsec_[A-Za-z0-9+/=]{16,})"),
    ("slack", r"\b(?:xox[a-z]-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,})"),
    ("webhook", r"hooks\.slack\.com/(?:services|workflows)/(?P<s>[A-Za-z0-9/_-]{8,})"),
    (
        "webhook",
        r"discord(?:app)?\.com/api/webhooks/(?P<s>[0-9]+/[A-Za-z0-9_-]{8,})",
    ),
    ("telegram", r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}"),
    ("google", r"\b(?:AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{16,}|GOCSPX-[A-Za-z0-9_-]{16,})"),
    ("sendgrid", r"\bSG\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    ("npm", r"\bnpm_[A-Za-z0-9]{20,}"),
    ("pypi", r"\bpypi-[A-Za-z0-9_-]{16,}"),
    ("token", r"\b(?:hf_|dop_v1_|shp(?:at|ca|pa|ss)_|dckr_pat_|dapi|lin_api_)[A-Za-z0-9_-]{16,}"),
    ("twilio", r"\b(?:AC|SK)[0-9a-f]{32}\b"),
    ("jwt", r"\beyJ[A-Za-z0-9_-]{6,1000}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"),
    ("url_password", rf"{_SCHEME}[^\s:/@'\"<>]*:(?P<s>[^\s/'\"<>]+)@(?=[\w.\[{{-])"),
    ("url_password", rf"{_SCHEME}(?P<s>[^\s:/@'\"<>{{]{{16,}})@(?=[\w.\[-])"),
    ("password", r"(?<![\w:/])[\w.-]{1,100}:(?P<s>[^\s:/@'\"<>{]{3,})@(?=[\w-]+(?:[.:/]|\b))"),
    (
        "authorization",
        (
            rf"(?i)\b(?:bearer|basic|apikey|token)\s+{_NO_WORD}(?P<s>[A-Za-z0-9._~+/-]{{8,}}=*)"
            r"(?![\w(.\[])"
        ),
    ),
    (
        "authorization",
        (
            r"(?i)\bauthorization[\"']?\s*[:=]\s*[\"']?(?:[a-z]+\s+)?"
            rf"{_NO_WORD}(?P<s>[A-Za-z0-9._~+/=-]{{6,}})(?![\w(.\[])"
        ),
    ),
    (
        "api_key",
        r"(?i)\bx-(?:api|auth)[a-z-]{0,40}[\"']?\s*[:=,]\s*[\"']?(?P<s>[^\s'\",;(){}]{4,})",
    ),
    ("azure", r"(?i)\b(?:AccountKey|SharedAccessKey|sig)=(?P<s>[A-Za-z0-9+/%=]{16,})"),
)

TELLING = (
    r"(?:pass(?:wor[dt]|wd|phrase|code)|(?<![a-z])pass(?![a-z])|pwd|secret|token|api[_-]?key"
    r"|(?:access|private|signing|sign|encryption|encrypt|session|master|license|service|account"
    r"|deploy|ssh|fernet|hmac|webhook|stripe|openai)[_-]?key|(?<![a-z])auth(?![a-z])"
    r"|authorization|credential|bearer|(?<![a-z])jwt(?![a-z])|hmac|(?<![a-z])salt(?![a-z])"
    r"|pepper|(?<![a-z])otp(?![a-z])|(?<![a-z])pin(?![a-z])|(?<![a-z])dsn(?![a-z])"
    r"|connection[_-]?string)"
)
"""Part of a name beside which a literal is taken for a secret."""
_LITERAL = (
    r"[rbuf]{0,2}(?:\"\"\"(?P<a3>.*?)\"\"\"|'''(?P<a4>.*?)'''"
    r"|\"(?P<a1>(?:[^\"\\\n]|\\.)*)\"|'(?P<a2>(?:[^'\\\n]|\\.)*)'|`(?P<a5>[^`]*)`)"
)
_TAIL = r"[\w.-]{0,100}"
_NAMED = rf"[\w.-]*{TELLING}{_TAIL}"
_BESIDE = re.compile(
    rf"{TELLING}{_TAIL}(?:[\"'\])]|\(\))*\s*"
    r"(?::\s*[\w.\[\], |]{1,40}?(?==))?"
    r"(?:=>|:=|[=!]==?|=|:|\|\||\?\?|\bor\b|\bif not\b)\s*(?:[(\[]\s*)?" + _LITERAL,
    re.IGNORECASE | re.DOTALL,
)
_DEFAULTED = re.compile(
    rf"[\w\]]\s*\(\s*[\"']{_NAMED}[\"']\s*,\s*(?:\w+\s*=\s*)?" + _LITERAL,
    re.IGNORECASE | re.DOTALL,
)
_CALLED = re.compile(
    r"\b(?:set_password|check_password|generate_password_hash|check_password_hash|hash_password"
    r"|verify_password|login|authenticate|set_secret|basic_auth|HTTPBasicAuth|auth)"
    r"\s*\((?:[^()\"'\n]*,\s*|\s*[\"'][^\"'\n]*[\"']\s*,\s*)?" + _LITERAL,
    re.DOTALL,
)
_AND_MORE = re.compile(r"\s*(?:\+\s*)?(?:\\\s*)?" + _LITERAL, re.DOTALL)
_PLAIN = re.compile(
    rf"(?im)^[ \t#;/*\"'+-]*(?:export\s+|set\s+|ENV\s+|-\s+)?(?P<name>(?!-){_NAMED})"
    r"(?P<is>\s*[=:]|\s)\s*(?P<s>[^\s\"'#;,`]+)"
)
_SAID = re.compile(
    rf"(?i){TELLING}{_TAIL}[\"']?\s*(?:is|was|are|=|:|->|equals)\s*(?P<s>[^\s\"',;:()<>{{}}\[\]`]+)"
)
_TELLING_NAME = re.compile(TELLING + r"|(?<![a-z])key(?![a-z])|railway|heroku", re.IGNORECASE)
_UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE)
_RUN = re.compile(r"(?<![A-Za-z0-9+/=_.-])[A-Za-z0-9+/_-]{20,}={0,2}")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_LARGE = re.compile(r"[A-Z]+")
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{6,}")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
NO_SECRETS = re.compile(
    r"password|passwd|pwd|token|secret|bearer|basic|string|text|none|null|nil|undefined|true"
    r"|false|str|int|bool|bytes|hidden|required|optional|public|private|key|value|name"
    r"|default|off|on|yes|no|id|type|static|session|cookie|header|query|body|json|form|jwt"
    r"|oauth|oauth2|auth|localstorage|sessionstorage|email|username|user|csrf_token"
    r"|x-csrftoken|authorization|access_token|refresh_token|api_key|apikey|secret_key",
    re.IGNORECASE,
)
"""Words that stand beside such names and say nothing: the names of fields and kinds."""
_FILLED_IN = re.compile(
    r"(?:\$\{[^}]*\}|\{[^}]*\}|\$\w+|%\(?\w*\)?s|<[^>]*>|\s|[Bb]earer|[Bb]asic)*"
)
_EMPTY_OF_NEWS = re.compile(r"_{1,2}SECRET_\d+(?:_[A-Z_]+)?__|[*.xX•…-]{3,}")


def shaped(text: str) -> Iterator[Span]:
    """Keys that a service's own shape gives away, passwords in URLs, authorization headers."""
    for kind, pattern in _COMPILED:
        for match in pattern.finditer(text):
            group = "s" if "s" in pattern.groupindex else 0
            if says_something(match[group]):
                yield Span(*match.span(group), kind)


_COMPILED = tuple((kind, re.compile(pattern, re.DOTALL)) for kind, pattern in _SHAPES)


def beside_names(text: str) -> Iterator[Span]:
    """String literals assigned to, compared with or defaulted beside a telling name."""
    for pattern in (_BESIDE, _DEFAULTED, _CALLED):
        for match in pattern.finditer(text):
            found: re.Match[str] | None = match
            while found is not None:
                span = _literal(found)
                if span is not None and says_something(text[span[0] : span[1]]):
                    yield Span(*span, "literal")
                found = _AND_MORE.match(text, found.end())


def unquoted(text: str, *, code: bool) -> Iterator[Span]:
    """``NAME=value`` and ``password: value`` without quotes.

    code: what follows may be an expression; then only values count that are none, and those in
    comments.
    """
    for pattern in (_PLAIN, _SAID):
        for match in pattern.finditer(text):
            value = match["s"]
            if not says_something(value):
                continue
            line = text[text.rfind("\n", 0, match.start("s")) + 1 : match.start("s")]
            if code and not _in_comment(line) and not _no_expression(value):
                continue
            if pattern is _SAID and not _no_word(value):
                continue
            if pattern is _PLAIN and match["is"].isspace():
                continue
            yield Span(*match.span("s"), "literal")


def random_looking(text: str) -> Iterator[Span]:
    """Runs of 20 and more characters that no person would have thought of; UUIDs beside names."""
    for match in _RUN.finditer(text):
        if is_random(match[0]):
            yield Span(*match.span(), "entropy")
    for match in _UUID.finditer(text):
        start = text.rfind("\n", 0, match.start()) + 1
        if _TELLING_NAME.search(text, start, match.start()):
            yield Span(*match.span(), "uuid")


def emails(text: str) -> Iterator[Span]:
    """E-mail addresses, ``git@host:`` apart."""
    for match in _EMAIL.finditer(text):
        if not match[0].startswith("git@"):
            yield Span(*match.span(), "email")


def is_random(run: str) -> bool:
    """Whether a run of key-like characters looks drawn by chance rather than written."""
    if _UUID.fullmatch(run) or not says_something(run):
        return False
    words = _WORDS.findall(run)
    letters = [word for word in words if not word.isdigit()]
    digits = sum(character.isdigit() for character in run)
    if digits == len(run):
        return False
    if not letters:
        return _entropy(run) > 3.0
    average = sum(map(len, letters)) / len(letters)
    if all(character in "0123456789abcdefABCDEF" for character in run):
        return _entropy(run) > 2.7 and digits > 0
    if average < 3.2 and _entropy(run) > 3.4:
        return digits > 0 or not any(mark in run for mark in "/_-")
    if _CONSONANTS.search(run.lower()) or _in_no_case(run):
        return True
    return digits >= 4 and len(words) > 6 and _entropy(run) > 3.8


def _in_no_case(run: str) -> bool:
    """Whether large letters stand anywhere, and not only where words begin. 25 of 58,000 names in
    Python packages are so, and all but one of 230 keys of 28 letters.
    """
    letters = sum(map(str.isalpha, run))
    large = sum(map(str.isupper, run))
    return (
        0.3 * letters <= large <= 0.7 * letters
        and len(_LARGE.findall(run)) >= 5
        and not any(mark in run for mark in "/_-")
    )


def says_something(value: str) -> bool:
    """False for the empty, for templates without text of their own, for names of fields."""
    bare = value.strip()
    return not (
        len(bare) < 2
        or NO_SECRETS.fullmatch(bare)
        or _FILLED_IN.fullmatch(bare)
        or _EMPTY_OF_NEWS.fullmatch(bare)
    )


def _literal(match: re.Match[str]) -> tuple[int, int] | None:
    for number in "34125":
        if match[f"a{number}"] is not None:
            return match.span(f"a{number}")
    return None


def _in_comment(line: str) -> bool:
    return re.search(r"(?:^|\s)(?:#|//|/?\*|--|;)", line) is not None


def _no_expression(value: str) -> bool:
    """Text that cannot be a name, a call or a number of a program."""
    return re.fullmatch(r"[\w.\[\](){}:=<>|&,+*/%-]*", value) is None or is_random(value)


def _no_word(value: str) -> bool:
    """In prose a secret shows by a digit or a sign; a mere word is the rest of a sentence."""
    return re.search(r"[0-9]", value) is not None or re.search(r"[^\w.]", value) is not None


def _entropy(text: str) -> float:
    """Shannon's entropy, in bits per character."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)
