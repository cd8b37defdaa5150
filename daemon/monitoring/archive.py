"""A repository on GitHub, read by HTTPS with a read-only token: its newest commit, and its files.

Requests go to two hosts and no other, whatever an answer says; a redirect is followed by hand,
and never with the token. What comes is bounded before it is read, and unpacked in memory: no name
of an archive becomes a path on the disk.
"""

from __future__ import annotations

import asyncio
import io
import re
import tarfile
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

import aiohttp

from agents.code.secrets import secret_file
from daemon.settings import REPOSITORY

API = "https://api.github.com"
FILES = "codeload.github.com"
MOST_BYTES = 50 * 1024 * 1024
MOST_UNPACKED = 300 * 1024 * 1024
MOST_FILE_BYTES = 1_000_000
MOST_MEMBERS = 50_000
SECONDS = 60.0
HEAD_SECONDS = 15.0
_COMMIT = re.compile(r"[0-9a-f]{40,64}")


class Unreadable(Exception):
    """The repository could not be read; the text says why and holds no secret."""


class Missing(Unreadable):
    """GitHub has no such commit, or no longer."""


class Archive:
    """api: GitHub's, or a stand-in for it, whose host is then the only one asked."""

    def __init__(self, repository: str, token: str | None, *, api: str = API) -> None:
        if not REPOSITORY.fullmatch(repository):
            raise Unreadable("CODE_REPOSITORY is not owner/name")
        self._repository = repository
        self._token = token
        self._api = api
        self._hosts = {urlsplit(api).netloc, FILES}

    async def head(self, branch: str | None, etag: str | None) -> tuple[str | None, str | None]:
        """(newest commit, ETag); (None, ETag) when nothing changed since. Raises Unreadable."""
        headers = self._headers("application/vnd.github.sha")
        if etag:
            headers["If-None-Match"] = etag
        url = f"{self._api}/repos/{self._repository}/commits/{quote(branch or 'HEAD', safe='')}"
        async with self._session(HEAD_SECONDS) as session:
            try:
                async with session.get(url, headers=headers, allow_redirects=False) as reply:
                    if reply.status == 304:
                        return None, etag
                    text = (await _bounded(reply, 1000)).decode("ascii", "replace").strip()
                    _check(reply.status, self._repository)
                    found = reply.headers.get("ETag")
            except (aiohttp.ClientError, TimeoutError) as error:
                raise Unreadable(f"GitHub did not answer: {type(error).__name__}") from error
        if not _COMMIT.fullmatch(text):
            raise Unreadable("GitHub answered with something that is no commit")
        return text, found

    async def tree(self, commit: str) -> dict[str, bytes]:
        """Path -> content of a commit's files; links, large files and files for secrets left out.

        Raises Unreadable; Missing where there is no such commit.
        """
        if not _COMMIT.fullmatch(commit):
            raise Unreadable(f"{commit[:80]!r} is no commit")
        url = f"{self._api}/repos/{self._repository}/tarball/{commit}"
        headers: Mapping[str, str] = self._headers("application/vnd.github+json")
        async with self._session(SECONDS) as session:
            try:
                for _ in range(3):
                    self._check_host(url)
                    async with session.get(url, headers=headers, allow_redirects=False) as reply:
                        if reply.status in {301, 302, 303, 307, 308}:
                            url, headers = reply.headers.get("Location", ""), {}
                            continue
                        _check(reply.status, self._repository)
                        data = await _bounded(reply, MOST_BYTES)
                        return await asyncio.to_thread(unpacked, data)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise Unreadable(f"GitHub did not answer: {type(error).__name__}") from error
        raise Unreadable("GitHub redirects without an end")

    def _check_host(self, url: str) -> None:
        parts = urlsplit(url)
        https = parts.scheme == "https" or parts.netloc == urlsplit(self._api).netloc
        if parts.netloc not in self._hosts or not https:
            raise Unreadable(f"GitHub redirects to {parts.netloc[:100]!r}, which is not asked")

    def _headers(self, accept: str) -> dict[str, str]:
        headers = {"Accept": accept, "User-Agent": "fitnesscrm-ai-orchestrator"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        return headers

    def _session(self, seconds: float) -> aiohttp.ClientSession:
        # trust_env stays off: no proxy of the environment gets to see the token.
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds))


def _check(status: int, repository: str) -> None:
    if status == 200:
        return
    why = {
        401: "the token in CODE_REPOSITORY_TOKEN is not accepted",
        403: "the token may not read it, or too much was asked within the hour",
        404: "there is no such repository or branch, or it needs CODE_REPOSITORY_TOKEN",
        429: "too much was asked within the hour",
    }.get(status, "try again later")
    kind = Missing if status in {404, 422} else Unreadable
    raise kind(f"GitHub answered {status} for {repository}: {why}")


async def _bounded(reply: aiohttp.ClientResponse, most: int) -> bytes:
    """The body. Raises Unreadable for a longer one, before it is in memory."""
    data = bytearray()
    async for chunk in reply.content.iter_chunked(65536):
        data += chunk
        if len(data) > most:
            raise Unreadable(f"the answer has more than {most:,} bytes")
    return bytes(data)


def unpacked(data: bytes) -> dict[str, bytes]:
    """The files of a gzipped tar archive, without its outermost folder. Raises Unreadable."""
    found: dict[str, bytes] = {}
    size = count = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            for member in archive:
                count += 1
                size += max(member.size, 0)
                if count > MOST_MEMBERS or size > MOST_UNPACKED:
                    raise Unreadable("the archive holds more than is read")
                path = _inside(member)
                if path is None or member.size > MOST_FILE_BYTES or secret_file(path):
                    continue
                reader = archive.extractfile(member)
                if reader is not None:
                    found[path] = reader.read(MOST_FILE_BYTES)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Unreadable(f"the archive cannot be read: {type(error).__name__}") from error
    return found


def _inside(member: tarfile.TarInfo) -> str | None:
    """An ordinary file's path below the outermost folder; None for what tarfile's data filter
    refuses (absolute names, names that leave the folder, devices) and for links."""
    try:
        filtered = tarfile.data_filter(member, "/archive")
    except tarfile.FilterError:
        return None
    if not filtered.isfile():
        return None
    _, _, path = filtered.name.partition("/")
    return path or None
