"""Secrets leave code before anything else does: masked for results, rows, logs and the model.

A :class:`Mask` replaces each secret by a placeholder such as ``__SECRET_1_OPENAI__``: the same
secret by the same one wherever it stands in one analysis, an identifier in every language, so that
masked code parses as before and keeps its lines. Only the mask knows the way back, which a
patch needs (:meth:`Mask.restore`); nothing writes that down.

What counts as a secret: keys of known shapes and what detect-secrets knows, literals beside names
such as ``password``, passwords in URLs and comments, authorization headers, runs that look drawn
by chance, and in tracebacks e-mail addresses and the values of SQL statements too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import PurePosixPath
from typing import Any, Final

from agents.code import secret_patterns as patterns
from agents.code.secret_patterns import Span

PLACEHOLDER: Final = re.compile(r"__SECRET_(\d+)_[A-Z_]+?__")
MOST_CHARACTERS = 4000
"""Of a line that is searched by neighbours: minified code has lines of a million."""
_CODE = frozenset(
    {".py", ".pyi", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".vue", ".html", ".htm", ".css"}
)
_SECRET_NAMES = frozenset(
    {".netrc", ".pgpass", ".npmrc", ".pypirc", ".htpasswd", "id_rsa", "id_dsa", "id_ecdsa"}
    | {"id_ed25519", "credentials", "credentials.json", "service-account.json", ".git-credentials"}
)
_SECRET_ENDINGS = frozenset(
    {".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk", ".asc", ".gpg"}
)
_CLOSED = r"\](?=\s*(?:\n|$|\(Background|\[|\\n))"
_PARAMETERS = re.compile(
    rf"(\[(?:parameters|generated in[^\]:]{{0,100}}):\s*)(.*?){_CLOSED}", re.DOTALL
)
_STATEMENT = re.compile(rf"\[SQL:.*?{_CLOSED}", re.DOTALL)
_DETAIL = re.compile(
    r"(Key \([^)]{0,4000}\)=\()(.{0,4000}?)(\)(?= |$))"
    r"|(Failing row contains \()(.{0,20000}?)(\)\.)"
)
_SQL_LITERAL = re.compile(r"'((?:[^'\\]|'')+)'")


def secret_file(path: str) -> bool:
    """Whether a file exists for secrets (``.env*``, ``*.pem``); such files are never opened."""
    name = PurePosixPath(path.replace("\\", "/")).name.lower()
    return (
        name.startswith(".env")
        or name in _SECRET_NAMES
        or PurePosixPath(name).suffix in _SECRET_ENDINGS
    )


class Mask:
    """Replaces secrets; one per analysis, so that a placeholder means one secret in all of it.

    Not safe for threads at the same time.
    """

    def __init__(self) -> None:
        self._placeholders: dict[str, str] = {}
        self._known: re.Pattern[str] | None = None

    def __len__(self) -> int:
        """How many secrets were seen."""
        return len(self._placeholders)

    def learn(self, text: str, path: str = "", *, traceback: bool = False) -> None:
        """Note the secrets of a text, so that they are masked in others where nothing tells."""
        for span in find(text, path, traceback=traceback):
            self._placeholder(text[span.start : span.end], span.kind)

    def text(self, text: str, path: str = "", *, traceback: bool = False) -> str:
        """The text without secrets, line for line.

        path: tells code from other text; without one, text is searched more broadly. traceback:
        e-mail addresses and the values of SQL statements go too.
        """
        pieces: list[str] = []
        end = 0
        for span in find(text, path, traceback=traceback):
            secret = text[span.start : span.end]
            pieces += (text[end : span.start], self._placeholder(secret, span.kind))
            pieces.append("\n" * secret.count("\n"))
            end = span.end
        return self.known(f"{''.join(pieces)}{text[end:]}")

    def known(self, text: str) -> str:
        """The text with the secrets seen so far masked, and no search for others."""
        if not self._placeholders:
            return text
        if self._known is None:
            longest_first = sorted(self._placeholders, key=len, reverse=True)
            worth = [secret for secret in longest_first if len(secret) >= 6]
            self._known = re.compile("|".join(map(re.escape, worth)) or r"(?!)")
        return self._known.sub(lambda match: self._placeholders[match[0]], text)

    def value(self, value: Any, name: str = "") -> Any:
        """A JSON value without secrets, names of keys included.

        name: the key under which it stands; a telling one makes any text below it a secret.
        """
        if isinstance(value, str):
            if name and patterns.says_something(value) and _telling(name):
                return self._placeholder(value, "literal")
            return self.text(value, traceback=True)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(item, str(key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item, name) for item in value]
        if isinstance(value, int) and not isinstance(value, bool) and name and _telling(name):
            return self._placeholder(str(value), "literal")
        return value

    def restore(self, text: str) -> str:
        """The text with its placeholders turned back; unknown ones stay."""
        back = {placeholder: secret for secret, placeholder in self._placeholders.items()}
        return PLACEHOLDER.sub(lambda match: back.get(match[0], match[0]), text)

    def _placeholder(self, secret: str, kind: str) -> str:
        if secret not in self._placeholders:
            number = len(self._placeholders) + 1
            self._placeholders[secret] = f"__SECRET_{number}_{kind.upper()}__"
            self._known = None
        return self._placeholders[secret]


def mask(text: str, path: str = "") -> str:
    """One text without secrets. Several that belong together share a :class:`Mask`."""
    return Mask().text(text, path, traceback=not path)


def find(text: str, path: str = "", *, traceback: bool = False) -> list[Span]:
    """Where secrets stand, in order, not overlapping."""
    code = PurePosixPath(path).suffix.lower() in _CODE
    spans = list(patterns.shaped(text))
    spans += patterns.random_looking(text)
    for start, part in _searchable(text):
        nearby = (*patterns.beside_names(part), *patterns.unquoted(part, code=code))
        spans += [Span(start + a, start + b, kind) for a, b, kind in nearby]
    spans += _known_to_detect_secrets(text)
    spans += patterns.emails(text)
    if traceback:
        spans += _sql_values(text)
    return _apart(text, spans)


def _searchable(text: str) -> Iterator[tuple[int, str]]:
    """The text in stretches without lines of excessive length, each with its place."""
    start = 0
    for match in re.finditer(rf"[^\n]{{{MOST_CHARACTERS},}}", text):
        yield start, text[start : match.start()]
        for place in range(match.start(), match.end(), MOST_CHARACTERS // 2):
            yield place, text[place : min(place + MOST_CHARACTERS, match.end())]
        start = match.end()
    yield start, text[start:]


def _known_to_detect_secrets(text: str) -> Iterator[Span]:
    """What the detectors of detect-secrets find, those that only look at a shape."""
    for place, line in _lines(text):
        if len(line) > MOST_CHARACTERS or not _WORTH_A_LOOK.search(line):
            continue
        for detector in _detectors():
            for secret in detector.analyze_string(line):
                at = line.find(secret) if secret else -1
                if at >= 0 and patterns.says_something(secret):
                    yield Span(place + at, place + at + len(secret), "token")


_WORTH_A_LOOK = re.compile(r"[A-Za-z0-9+/_=-]{16,}|://")


@cache
def _detectors() -> tuple[Any, ...]:
    # Loaded when first needed: requests comes along. Their entropy, keyword and address detectors
    # are left out: the first two are done here with fewer misses, the last is no secret.
    from detect_secrets.plugins import (
        artifactory,
        aws,
        azure_storage_key,
        cloudant,
        discord,
        github_token,
        gitlab_token,
        ibm_cloud_iam,
        ibm_cos_hmac,
        mailchimp,
        npm,
        pypi_token,
        sendgrid,
        slack,
        softlayer,
        square_oauth,
        stripe,
        telegram_token,
        twilio,
    )

    return (
        artifactory.ArtifactoryDetector(),
        aws.AWSKeyDetector(),
        azure_storage_key.AzureStorageKeyDetector(),
        cloudant.CloudantDetector(),
        discord.DiscordBotTokenDetector(),
        github_token.GitHubTokenDetector(),
        gitlab_token.GitLabTokenDetector(),
        ibm_cloud_iam.IbmCloudIamDetector(),
        ibm_cos_hmac.IbmCosHmacDetector(),
        mailchimp.MailchimpDetector(),
        npm.NpmDetector(),
        pypi_token.PypiTokenDetector(),
        sendgrid.SendGridDetector(),
        slack.SlackDetector(),
        softlayer.SoftlayerDetector(),
        square_oauth.SquareOAuthDetector(),
        stripe.StripeDetector(),
        telegram_token.TelegramBotTokenDetector(),
        twilio.TwilioKeyDetector(),
    )


def _sql_values(text: str) -> Iterator[Span]:
    """Parameters, literals of the statement, and the row that PostgreSQL quotes."""
    # Behind the last bracket that closes one, nothing that is opened could be closed: each of many
    # would be looked for up to the text's end.
    end = max((match.end() for match in re.finditer(_CLOSED, text)), default=0)
    for match in _PARAMETERS.finditer(text, 0, end):
        yield Span(*match.span(2), "parameters")
    for match in _STATEMENT.finditer(text, 0, end):
        for literal in _SQL_LITERAL.finditer(text, *match.span()):
            yield Span(*literal.span(1), "parameters")
    for match in _DETAIL.finditer(text):
        yield Span(*match.span(2 if match[2] is not None else 5), "parameters")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    place = 0
    for line in text.split("\n"):
        yield place, line
        place += len(line) + 1


def _apart(text: str, spans: Iterable[Span]) -> list[Span]:
    """In order; of those that overlap one that covers both, with the kind of the longest."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if span.end <= span.start or PLACEHOLDER.fullmatch(text, span.start, span.end):
            continue
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            if last.kind == "email":
                merged[-1] = span
            elif span.end > last.end and span.kind != "email":
                merged[-1] = Span(last.start, span.end, last.kind)
            continue
        merged.append(span)
    return merged


@cache
def _telling(name: str) -> bool:
    return re.search(patterns.TELLING, name, re.IGNORECASE) is not None
