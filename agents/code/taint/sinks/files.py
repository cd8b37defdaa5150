"""Paths, uploads, archives, temporary files and rights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agents.code.taint.sinks.call import Call
from agents.code.taint.values import Value


def _path(site: Call, value: Value | None) -> None:
    """A path from outside. A helper's own parameter, or what a person typed who started the
    program, is no attack on a path unless the code means to keep it inside a folder."""
    taint = site.live(value, "path")
    if taint is None or value is None or value.kind == "FileStorage":
        return  # an uploaded file is read from its stream; its name is another value
    if taint.origin in {"suspected", "program"} and not value.prefix:
        return
    site.flow("path-traversal", "path", value)


def _first(site: Call) -> None:
    _path(site, site.arg(0, "file", "path", "filename", "name", "path_or_file", "src", "top",
                         "filename_or_fp", "directory", "filepath_or_buffer"))  # fmt: skip


def _both(site: Call) -> None:
    _first(site)
    _path(site, site.arg(1, "dst"))


def _open(site: Call) -> None:
    _first(site)
    _guessable(site)


def _guessable(site: Call) -> None:
    """A constant name below ``/tmp`` opened for writing: others can put a link there first."""
    name = site.const(0, "file")
    mode = site.const(1, "mode", default="r")
    if (
        isinstance(name, str)
        and name.startswith(("/tmp/", "/var/tmp/", "/dev/shm/"))
        and isinstance(mode, str)
        and set(mode) & set("wax+")
        and "x" not in mode
    ):
        site.pattern("insecure-temporary-file", severity="low", confidence="medium")


def _method(site: Call) -> None:
    """A method of a path object that comes from outside."""
    if site.name == "replace" and len(site.args) > 1:
        return  # of a text: that of a path takes the target alone
    if site.receiver is not None and ("Path" in site.kind or site.kind == "resolved"):
        _path(site, site.receiver)


def _below(site: Call) -> None:
    """``send_from_directory(folder, name)`` keeps the name inside the folder, not the folder."""
    _path(site, site.arg(0, "directory"))


def _extract(site: Call) -> None:
    """Archives name their own files: only a filter keeps them inside the folder."""
    kind = site.kind
    if "tarfile" not in kind and "TarFile" not in kind:
        if "zipfile" in kind or "ZipFile" in kind:
            _path(site, site.arg(0, "path" if site.name == "extractall" else "member"))
        return
    if site.const(-1, "filter") in {"data", "tar"} or site.arg(-1, "members") is not None:
        return
    taint = site.live(site.receiver, "path")
    if taint is not None:
        site.run.report("path-traversal", site.frame, site.node, taint)
    else:
        site.pattern("path-traversal", confidence="medium", severity="medium",
                     message="An archive is unpacked without filter='data'; its names may leave"
                             " the folder")  # fmt: skip


def _unpack(site: Call) -> None:
    if site.const(-1, "filter") not in {"data", "tar"}:
        site.flow("path-traversal", "path", site.arg(0, "filename"))
    _path(site, site.arg(1, "extract_dir"))


def _save(site: Call) -> None:
    """``upload.save(path)``: where to, and was the type looked at."""
    if site.kind != "FileStorage" or site.receiver is None:
        _stored(site)
        return
    target = site.arg(0, "dst")
    _path(site, target)
    taint = site.live(site.receiver, "upload")
    if taint is None or target is None:
        return
    named = site.whole(target)
    # A name of our own with an ending of our own leaves the sender no say in the type.
    if any(part.origin == "file" for part in named.taints):
        site.run.report("unrestricted-upload", site.frame, site.node, taint)


def _stored(site: Call) -> None:
    """``storage.save(name, upload)``."""
    if len(site.args) != 2 or site.args[1].kind != "FileStorage":
        return
    taint = site.live(site.args[1], "upload")
    named = site.whole(site.args[0])
    if taint is not None and any(part.origin == "file" for part in named.taints):
        site.run.report("unrestricted-upload", site.frame, site.node, taint)


def _write(site: Call) -> None:
    """``open(name).write(upload.read())`` is an upload too."""
    value = site.arg(0)
    if value is None or site.kind not in {"open", "file", "io.open", "codecs.open"}:
        return
    taint = site.live(value, "upload")
    if taint is not None and taint.origin == "file":
        site.run.report("unrestricted-upload", site.frame, site.node, taint, confidence="medium")


def _mktemp(site: Call) -> None:
    site.pattern("insecure-temporary-file", confidence="high")


def _chmod(site: Call) -> None:
    mode = site.const(1, "mode")
    if isinstance(mode, int) and mode & 0o002:
        site.pattern("loose-file-rights", confidence="high")


def _umask(site: Call) -> None:
    if site.const(0) == 0:
        site.pattern("loose-file-rights")


Check = Callable[[Call], None]
BY_NAME: Final[dict[str, Check | tuple[Check, ...]]] = {
    "open": _open, "io.open": _open, "codecs.open": _open,
    **dict.fromkeys((
        "os.open", "os.remove", "os.unlink", "os.rmdir", "os.listdir", "os.scandir",
        "os.mkdir", "os.makedirs", "os.removedirs", "os.stat", "os.lstat", "os.chdir",
        "os.path.exists", "os.path.isfile", "os.path.isdir", "os.path.getsize", "os.walk",
        "os.path.getmtime", "os.truncate", "os.access", "os.readlink", "shutil.rmtree",
        "shutil.chown", "glob.glob", "flask.send_file", "werkzeug.utils.send_file",
        "linecache.getline", "fileinput.input", "tarfile.open", "zipfile.ZipFile",
        "flask.Flask.open_resource", "aiofiles.open", "fastapi.responses.FileResponse",
        "starlette.responses.FileResponse", "django.http.FileResponse", "pandas.read_csv",
        "aiohttp.web.FileResponse", "bottle.static_file", "numpy.loadtxt", "gzip.open", "bz2.open",
        "lzma.open", "os.utime", "sqlite3.connect", "configparser.ConfigParser.read",
    ), _first),
    **dict.fromkeys((
        "os.rename", "os.replace", "os.link", "os.symlink", "shutil.copy", "shutil.copyfile",
        "shutil.copy2", "shutil.move", "shutil.copytree",
    ), _both),
    "flask.send_from_directory": _below,
    "shutil.unpack_archive": _unpack,
    **dict.fromkeys(("tempfile.mktemp", "os.tempnam", "os.tmpnam"), _mktemp),
    "os.chmod": (_first, _chmod), "os.umask": _umask,
}  # fmt: skip
BY_METHOD: Final[dict[str, Check | tuple[Check, ...]]] = {
    **dict.fromkeys((
        "read_text", "read_bytes", "write_text", "write_bytes", "open", "unlink", "rmdir",
        "mkdir", "touch", "exists", "is_file", "is_dir", "stat", "iterdir", "rename", "replace",
        "symlink_to",
    ), _method),
    "extractall": _extract, "extract": _extract,
    "save": _save, "write": _write,
}  # fmt: skip
