"""The SQL texts of ``sql/*.sql``, read once, by name.

One statement per file. The comment header above it (purpose, index, caller, locks) is for people
and stays out of what is sent; placeholders are psycopg's ``%(name)s``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import LiteralString

FOLDER = Path(__file__).resolve().parent.parent / "sql"
HEADER = ("Purpose", "Index", "Caller", "Locks")

_COMMENT_LINE = re.compile(r"^[ \t]*--[^\n]*\n?", re.MULTILINE)
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


class Statements(Mapping[str, LiteralString]):
    """Statement text by file name without ``.sql``; an unknown name says what there is instead."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)

    def __getitem__(self, name: str) -> LiteralString:
        try:
            # The texts are files of this repository, never built from data.
            return self._texts[name]
        except KeyError:
            near = get_close_matches(name, self._texts, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise KeyError(f"no statement sql/{name}.sql{meant}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def placeholders(self, name: str) -> frozenset[str]:
        """The names a statement is to be given."""
        return frozenset(_PLACEHOLDER.findall(self[name]))


def load(folder: Path = FOLDER) -> Statements:
    """Read every ``*.sql`` directly in ``folder``. Raises OSError if it cannot be read."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}
    return Statements({name: _COMMENT_LINE.sub("", text).strip() for name, text in texts.items()})
