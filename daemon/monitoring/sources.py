"""The places that code is read from: their newest commit, their files, what is new in them."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.base import AgentError, SourceTree
from agents.code import collect
from agents.code.collect import Refused
from agents.code.history import History, new_lines
from daemon.monitoring.archive import API, Archive, Missing, Unreadable
from daemon.settings import Settings
from daemon.store import CodeSource

Kind = Literal["checkout", "archive", "image"]
ROOT = Path(__file__).resolve().parents[2]
KEPT_TREES = 2
"""Trees kept in memory: the newest one, and the one that it is compared to."""


@dataclass(frozen=True, slots=True)
class Place:
    """A source as the settings name it."""

    name: str
    kind: Kind
    location: str
    repository: str


@dataclass(frozen=True, slots=True)
class Look:
    """What a look found. commit: None where nothing changed. since: the commit of the last look,
    to compare with; None where it is no more, as in a clone that was made anew without its past.
    """

    commit: str | None
    etag: str | None = None
    since: str | None = None


class Sources:
    """``daemon.context.Code``. environment: of this process, for what a deploy says of itself."""

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str] = os.environ,
        *,
        api: str = API,
    ) -> None:
        token = settings.code_repository_token
        self._token = token.get_secret_value() if token is not None else None
        self._api = api
        self._path = settings.code_monitor_path
        self._environment = environment
        self._trees: OrderedDict[tuple[str, str], Mapping[str, bytes]] = OrderedDict()
        self.places = {place.name: place for place in self._places(settings)}

    @property
    def root(self) -> str | None:
        """The folder below which requests may name a path."""
        return self._path

    def _places(self, settings: Settings) -> list[Place]:
        places: list[Place] = []
        repository = settings.code_repository
        if self._path is not None:
            name = repository or Path(self._path).name or "checkout"
            places.append(Place("checkout", "checkout", self._path, name))
        elif repository is not None:
            places.append(Place("archive", "archive", repository, repository))
        if self._environment.get("RAILWAY_GIT_COMMIT_SHA"):
            places.append(Place("image", "image", str(ROOT), "ai_orchestrator"))
        return places

    async def look(self, source: CodeSource) -> Look:
        """The newest commit of a source. Raises Unreadable."""
        if source.kind == "archive":
            commit, etag = await self._archive(source.location).head(source.branch, source.etag)
            return Look(commit, etag, source.last_commit)
        if source.kind == "image":
            return Look(self._environment.get("RAILWAY_GIT_COMMIT_SHA"))
        return await asyncio.to_thread(_newest, Path(source.location), source)

    async def tree(self, name: str, commit: str | None, since: str | None) -> SourceTree:
        """A source's files at a commit, and what is new in them. Raises AgentError."""
        place = self.places.get(name)
        if place is None:
            known = ", ".join(self.places) or "none is set"
            raise AgentError(
                f"input_data.source is {name!r}; expected one of: {known}",
                hint="set CODE_MONITOR_PATH or CODE_REPOSITORY",
            )
        try:
            if place.kind == "archive":
                return await self._from_archive(place, commit, since)
            return await asyncio.to_thread(_from_folder, place, commit, since)
        except (Unreadable, Refused, OSError) as error:
            raise AgentError(
                f"the code of {name} cannot be read: {error}", hint="see ai_code_sources.problem"
            ) from error

    async def _from_archive(
        self, place: Place, commit: str | None, since: str | None
    ) -> SourceTree:
        if commit is None:
            commit, _ = await self._archive(place.location).head(None, None)
            assert commit is not None
        files = await self._kept(place.location, commit)
        changed = None
        if since is not None:
            with suppress(Missing):  # as after a push by force: then all is looked at
                changed = _changed(await self._kept(place.location, since), files)
        return SourceTree(place.repository, commit, files, changed)

    async def _kept(self, repository: str, commit: str) -> Mapping[str, bytes]:
        key = (repository, commit)
        if key not in self._trees:
            self._trees[key] = await self._archive(repository).tree(commit)
            while len(self._trees) > KEPT_TREES:
                self._trees.popitem(last=False)
        self._trees.move_to_end(key)
        return self._trees[key]

    def _archive(self, repository: str) -> Archive:
        return Archive(repository, self._token, api=self._api)


def _newest(folder: Path, source: CodeSource) -> Look:
    if not folder.is_dir():
        raise Unreadable(f"CODE_MONITOR_PATH is {str(folder)!r}; there is no such folder")
    try:
        history = History(folder)
    except Refused:
        return Look(_digest(collect.directory(folder).files))
    try:
        commit = history.commit(source.branch or "HEAD")
        return Look(commit, since=_still_there(history, source.last_commit))
    except Refused as refused:
        raise Unreadable(str(refused)) from refused
    finally:
        history.close()


def _still_there(history: History, commit: str | None) -> str | None:
    try:
        return commit and history.commit(commit)
    except Refused:
        return None


def _from_folder(place: Place, commit: str | None, since: str | None) -> SourceTree:
    folder = Path(place.location)
    try:
        history = History(folder)
    except Refused:
        history = None
    if history is None or place.kind == "image":
        if history is not None:
            history.close()
        files = collect.directory(folder).files
        content = {path: text.encode() for path, text in files.items()}
        return SourceTree(place.repository, commit or _digest(files), content)
    try:
        commit = history.commit(commit or "HEAD")
        within = history.within(folder)
        changed = None
        if since is not None:
            changed, _ = history.changed(since, commit, within)
        return SourceTree(place.repository, commit, history.tree(commit, within), changed)
    finally:
        history.close()


def _digest(files: Mapping[str, str]) -> str:
    """A name for a folder's state, where no git gives it one."""
    digest = hashlib.sha256()
    for path, text in sorted(files.items()):
        digest.update(f"{path}\0{len(text)}\0{text}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:40]


def _changed(
    before: Mapping[str, bytes], after: Mapping[str, bytes]
) -> dict[str, list[tuple[int, int]]]:
    return {
        path: new_lines(
            before.get(path, b"").decode("utf-8", "replace"), data.decode("utf-8", "replace")
        )
        for path, data in after.items()
        if before.get(path) != data
    }
