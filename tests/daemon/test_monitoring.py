"""Code monitoring: what changed is analysed, once, and what cannot be read says why."""

from __future__ import annotations

import asyncio
import io
import shutil
import tarfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiohttp import web
from dulwich import porcelain
from pydantic import SecretStr

from agents.base import AgentError
from daemon.monitoring import Sources
from daemon.monitoring.archive import Archive, Unreadable, unpacked
from daemon.settings import Settings
from daemon.store import CodeSource
from tests.kit.planted_patches import GOOD, LINE, PROJECT, VIEWS
from tests.kit.signals import eventually
from tests.kit.worker import becomes, running

Connection = psycopg.AsyncConnection[Any]
AUTHOR = b"Somebody <somebody@example.com>"
TOKEN = "a-read-only-token"
FIRST, SECOND = "1" * 40, "2" * 40


def commit(folder: Path, files: Mapping[str, str], message: str = "change") -> str:
    if not (folder / ".git").exists():
        porcelain.init(str(folder)).close()
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    porcelain.add(str(folder), [str(folder / name) for name in files])
    made: bytes = porcelain.commit(
        str(folder), message=message.encode(), author=AUTHOR, committer=AUTHOR
    )
    return made.decode()


def packed(files: Mapping[str, str], *more: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"owner-name-123/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
        for member in more:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return buffer.getvalue()


class GitHub:
    """A stand-in for GitHub: the newest commit, its ETag, and archives by commit."""

    def __init__(self) -> None:
        self.head = FIRST
        self.archives: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.redirect: str | None = None
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[GitHub]:
        app = web.Application()
        app.router.add_get("/repos/owner/name/commits/{branch}", self._commit)
        app.router.add_get("/repos/owner/name/tarball/{commit}", self._tarball)
        app.router.add_get("/files/{commit}", self._files)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert runner.addresses
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _commit(self, request: web.Request) -> web.Response:
        self.asked.append(("commit", request.headers.get("Authorization", "")))
        etag = f'"{self.head[:4]}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        return web.Response(text=self.head, headers={"ETag": etag})

    async def _tarball(self, request: web.Request) -> web.Response:
        self.asked.append(("tarball", request.headers.get("Authorization", "")))
        if self.archives and request.match_info["commit"] not in self.archives:
            return web.Response(status=404)
        there = self.redirect or f"{self.url}/files/{request.match_info['commit']}"
        return web.Response(status=302, headers={"Location": there})

    async def _files(self, request: web.Request) -> web.Response:
        self.asked.append(("files", request.headers.get("Authorization", "")))
        return web.Response(body=self.archives[request.match_info["commit"]])


@pytest.fixture
async def github() -> AsyncIterator[GitHub]:
    async with GitHub().serving() as server:
        yield server


def watched(api: str) -> Sources:
    settings = Settings(code_repository="owner/name", code_repository_token=SecretStr(TOKEN))
    return Sources(settings, {}, api=api)


async def test_a_checkout_is_analysed_when_it_changes(
    database: str, aconnection: Connection, tmp_path: Path
) -> None:
    """A commit is analysed once; the next one marks what is new and settles what is gone."""
    first = commit(tmp_path, PROJECT)
    catalog = {"code_analysis": "agents.code.agent:CodeReviewer"}
    values = {"code_monitor_path": str(tmp_path), "code_repository": "owner/name"}
    async with running(database, catalog, **values) as daemon:
        row = await newest(aconnection)
        assert row["input_data"] == {"source": "checkout", "commit": first}
        assert (row["priority"], row["requested_by"]) == (-20, "code:checkout")
        assert await open_rules(aconnection) == {"sql-injection", "command-injection"}

        more = PROJECT[VIEWS].replace(LINE, GOOD).replace("items[:limit]", "eval(items)")
        second = commit(tmp_path, {VIEWS: more})
        await aconnection.execute("UPDATE ai_code_sources SET last_checked_at = NULL")
        assert await daemon.monitoring.look() == 1
        row = await newest(aconnection)
        assert row["input_data"]["range"] == f"{first}..{second}"
        assert "sql-injection" not in await open_rules(aconnection)
        await aconnection.execute("UPDATE ai_code_sources SET last_checked_at = NULL")
        assert await daemon.monitoring.look() == 0
        cursor = await aconnection.execute(
            "SELECT repository, gone_at IS NOT NULL FROM ai_code_suggestions"
            " WHERE rule = 'sql-injection'"
        )
        assert await cursor.fetchall() == [("owner/name", True)]


async def test_what_is_taken_back_is_analysed_again(
    database: str, aconnection: Connection, tmp_path: Path
) -> None:
    """Code that is as it was before a change is judged as it is: what the change brought is gone,
    and what it had mended is open again."""
    views = tmp_path / VIEWS
    views.parent.mkdir(parents=True)
    catalog = {"code_analysis": "agents.code.agent:CodeReviewer"}
    views.write_text(PROJECT[VIEWS])
    async with running(database, catalog, code_monitor_path=str(tmp_path)) as daemon:
        await newest(aconnection)
        before = await open_rules(aconnection)
        changed = PROJECT[VIEWS].replace(LINE, GOOD).replace("items[:limit]", "eval(items)")
        for text in (changed, PROJECT[VIEWS], changed, PROJECT[VIEWS]):
            views.write_text(text)
            await aconnection.execute("UPDATE ai_code_sources SET last_checked_at = NULL")
            assert await daemon.monitoring.look() == 1
            assert await daemon.monitoring.look() == 0
            await newest(aconnection)
            assert (await open_rules(aconnection) == before) is (text != changed)


async def test_a_checkout_that_was_cloned_anew_is_analysed_whole(
    database: str, aconnection: Connection, tmp_path: Path
) -> None:
    """A clone without the past, as a deploy makes it, lacks the commit of the last look: what is
    new since then cannot be told, what is wrong can."""
    commit(tmp_path, PROJECT)
    catalog = {"code_analysis": "agents.code.agent:CodeReviewer"}
    async with running(database, catalog, code_monitor_path=str(tmp_path)) as daemon:
        await newest(aconnection)
        shutil.rmtree(tmp_path / ".git")
        anew = commit(tmp_path, PROJECT | {"more.py": "x = 1\n"})
        await aconnection.execute("UPDATE ai_code_sources SET last_checked_at = NULL")
        assert await daemon.monitoring.look() == 1
        row = await newest(aconnection)
        assert row["input_data"] == {"source": "checkout", "commit": anew}


async def newest(connection: Connection) -> dict[str, Any]:
    """The newest request, completed."""

    async def look() -> Any:
        cursor = await connection.execute("SELECT max(id) FROM ai_requests")
        row = await cursor.fetchone()
        return row and row[0]

    request_id = await eventually(look, 30.0, what="a request is made")
    return await becomes(connection, request_id, "completed", 50.0)


async def open_rules(connection: Connection) -> set[str]:
    cursor = await connection.execute("SELECT rule FROM ai_code_suggestions WHERE gone_at IS NULL")
    return {rule for (rule,) in await cursor.fetchall()}


async def test_switched_off_nothing_is_watched(
    database: str, aconnection: Connection, tmp_path: Path
) -> None:
    """ENABLE_CODE_MONITORING=false makes no request and no source."""
    commit(tmp_path, PROJECT)
    async with running(
        database, {}, code_monitor_path=str(tmp_path), enable_code_monitoring=False
    ) as daemon:
        assert daemon.sources.root == str(tmp_path)
        for table in ("ai_code_sources", "ai_requests"):
            cursor = await aconnection.execute(f"SELECT count(*) FROM {table}".encode())
            assert await cursor.fetchone() == (0,)


async def test_an_archive_is_read_with_the_token_and_no_other_host(github: GitHub) -> None:
    """The newest commit and the files come with the token; a redirect goes without it."""
    github.archives[FIRST] = packed(PROJECT)
    sources = watched(github.url)
    source = CodeSource("archive", "archive", "owner/name", "owner/name", None, None, None)
    seen = await sources.look(source)
    assert seen.commit == FIRST
    again = await sources.look(
        CodeSource("archive", "archive", "owner/name", "owner/name", None, FIRST, seen.etag)
    )
    assert again.commit is None
    tree = await sources.tree("archive", FIRST, None)
    assert set(tree.files) == set(PROJECT)
    assert github.asked == [
        ("commit", f"Bearer {TOKEN}"),
        ("commit", f"Bearer {TOKEN}"),
        ("tarball", f"Bearer {TOKEN}"),
        ("files", ""),
    ]


async def test_what_is_new_in_an_archive(github: GitHub) -> None:
    """Two archives are compared line by line, and the older one is not fetched again."""
    github.archives = {
        FIRST: packed({"a.py": "x = 1\n", "b.py": "y = 1\n"}),
        SECOND: packed({"a.py": "x = 1\nz = 2\n", "b.py": "y = 1\n"}),
    }
    sources = watched(github.url)
    await sources.tree("archive", FIRST, None)
    tree = await sources.tree("archive", SECOND, FIRST)
    assert tree.changed == {"a.py": [(2, 2)]}
    assert [what for what, _ in github.asked] == ["tarball", "files", "tarball", "files"]


async def test_a_commit_that_was_pushed_away(github: GitHub) -> None:
    """After a push by force GitHub has the commit of the last look no more: the whole tree is
    analysed then, as in a clone that was made anew. The commit to analyse has to be there."""
    github.archives = {SECOND: packed({"a.py": "x = 1\n"})}
    sources = watched(github.url)
    tree = await sources.tree("archive", SECOND, FIRST)
    assert (dict(tree.files), tree.changed) == ({"a.py": b"x = 1\n"}, None)
    with pytest.raises(AgentError, match="GitHub answered 404"):
        await sources.tree("archive", FIRST, None)


@pytest.mark.parametrize(
    "there",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://codeload.github.com/plain",
        "https://evil.example/x",
        "file:///etc/passwd",
        "",
    ],
)
async def test_redirects_lead_nowhere_else(github: GitHub, there: str) -> None:
    """Whatever an answer says, no other host is asked, and none without encryption."""
    github.redirect = there or "//"
    with pytest.raises(AgentError, match="redirects to"):
        await watched(github.url).tree("archive", FIRST, None)


@pytest.mark.parametrize("name", ["owner", "../x/y", "owner/..", "owner/name/more", "a b/c", ""])
def test_names_of_repositories(name: str) -> None:
    """Only owner/name is asked for: nothing else becomes part of an address."""
    with pytest.raises(Unreadable, match="owner/name"):
        Archive(name, None)


def test_archives_are_data() -> None:
    """Links, devices, absolute names, names that leave, secret and huge files are left out."""
    link = tarfile.TarInfo("owner-name-123/link.py")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    device = tarfile.TarInfo("owner-name-123/device")
    device.type = tarfile.CHRTYPE
    outside = tarfile.TarInfo("owner-name-123/../../outside.py")
    outside.size = 1
    huge = tarfile.TarInfo("owner-name-123/huge.py")
    huge.size = 1_000_001
    data = packed({"a.py": "x\n", ".env": "SECRET=1\n", "deep/b.py": "y\n"},
                  link, device, outside, huge)  # fmt: skip
    assert unpacked(data) == {"a.py": b"x\n", "deep/b.py": b"y\n"}


def test_archives_that_are_none_or_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no archive, or holds more than is read, is refused in words."""
    with pytest.raises(Unreadable, match="cannot be read"):
        unpacked(b"no archive at all")
    monkeypatch.setattr("daemon.monitoring.archive.MOST_UNPACKED", 10)
    with pytest.raises(Unreadable, match="more than is read"):
        unpacked(packed({"a.py": "x" * 20}))


async def test_a_source_that_cannot_be_read_says_why(
    database: str, aconnection: Connection, tmp_path: Path
) -> None:
    """A folder that is not there is a problem in its row, and nothing breaks."""
    missing = tmp_path / "missing"
    async with running(database, {}, code_monitor_path=str(missing)) as daemon:
        await aconnection.execute("UPDATE ai_code_sources SET last_checked_at = NULL")
        await daemon.monitoring.look()
        cursor = await aconnection.execute("SELECT problem, last_commit FROM ai_code_sources")
        row = await cursor.fetchone()
    assert row is not None
    assert "there is no such folder" in row[0]
    assert row[1] is None


def partial(folder: Path, head: str) -> None:
    """As `git clone --filter=blob:none` makes it: dulwich does not know the extension."""
    config = folder / ".git" / "config"
    config.write_text(
        config.read_text().replace("repositoryformatversion = 0", "repositoryformatversion = 1")
        + "[extensions]\n\tpartialclone = origin\n"
    )


def broken(folder: Path, head: str) -> None:
    """As a host leaves it that lost its power while it wrote a commit."""
    found = folder / ".git" / "objects" / head[:2] / head[2:]
    found.chmod(0o644)
    found.write_bytes(b"")


@pytest.mark.parametrize(("damage", "says"), [(partial, "partialclone"), (broken, "File")])
async def test_a_repository_that_cannot_be_read_stops_nothing_else(
    database: str,
    aconnection: Connection,
    tmp_path: Path,
    damage: Callable[[Path, str], None],
    says: str,
) -> None:
    """Whatever is wrong with a repository stands in its row, and the daemon goes on."""
    damage(tmp_path, commit(tmp_path, {"a.py": "x = 1\n"}))
    async with running(database, {}, code_monitor_path=str(tmp_path)) as daemon:
        await aconnection.execute("UPDATE ai_code_sources SET last_checked_at = NULL")
        assert await daemon.monitoring.look() == 0
        assert daemon.monitoring.running
        cursor = await aconnection.execute("SELECT problem FROM ai_code_sources")
        row = await cursor.fetchone()
    assert row is not None
    assert says in row[0]


def test_the_image_is_a_source_once_per_deploy() -> None:
    """Our own code is looked at where a deploy names its commit; nothing set, nothing watched."""
    assert Sources(Settings(), {}).places == {}
    sources = Sources(Settings(), {"RAILWAY_GIT_COMMIT_SHA": FIRST})
    assert list(sources.places) == ["image"]
    source = CodeSource("image", "image", "", "ai_orchestrator", None, None, None)
    assert asyncio.run(sources.look(source)).commit == FIRST
