"""Repairs of calls that lack an argument, or have a wrong one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.code.fix.edit import Edit, Source, called, literal
from agents.code.gate.patch import Proposal

TIMEOUT_SECONDS = 10
_REQUESTS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request"})


def timeout(source: Source) -> Iterator[Proposal]:
    """``http-without-timeout``: a call to another service waits for ten seconds at most."""
    for call in source.near(ast.Call):
        name = called(call).rsplit(".", 1)[-1]
        words = {word.arg for word in call.keywords}
        if name not in _REQUESTS | {"urlopen"} or None in words:
            continue
        why = f"Without a timeout a silent server holds the worker; {TIMEOUT_SECONDS} s end that."
        given = next((word for word in call.keywords if word.arg == "timeout"), None)
        edit = (
            (*source.span(given.value), str(TIMEOUT_SECONDS))
            if given is not None
            else source.argument(call, f"timeout={TIMEOUT_SECONDS}")
        )
        yield source.proposal("timeout", [edit], why)
        return


def index(source: Source) -> Iterator[Proposal]:
    """``foreign-key-without-index``: the column gets an index."""
    for call in source.near(ast.Call):
        if called(call).rsplit(".", 1)[-1] not in {"Column", "mapped_column"}:
            continue
        word = next((word for word in call.keywords if word.arg == "index"), None)
        edit = (*source.span(word.value), "True") if word else source.argument(call, "index=True")
        why = (
            "PostgreSQL makes no index for a foreign key: lookups and deletes of the parent scan"
            " the table. The index needs a migration of its own."
        )
        yield source.proposal("index", [edit], why)
        return


def cookie(source: Source) -> Iterator[Proposal]:
    """``insecure-cookie`` and its kin: secure, httponly and samesite are set, all that lack."""
    wanted = {"secure": "True", "httponly": "True", "samesite": '"Lax"'}
    for call in source.near(ast.Call):
        if not called(call).endswith(".set_cookie"):
            continue
        words = {word.arg: word for word in call.keywords}
        if None in words:
            return
        edits: list[Edit] = [
            (*source.span(words[name].value), value)
            for name, value in wanted.items()
            if name in words and literal(words[name].value) in {False, None}
        ]
        missing = [f"{name}={value}" for name, value in wanted.items() if name not in words]
        if missing:
            edits.append(source.argument(call, ", ".join(missing)))
        why = "Such a cookie stays away from scripts, other sites and unencrypted connections."
        if edits:
            yield source.proposal("cookie", edits, why)
        return


def certificate(source: Source) -> Iterator[Proposal]:
    """``certificate-unchecked``: ``verify=False`` goes."""
    for call in source.near(ast.Call):
        for word in call.keywords:
            if word.arg == "verify" and literal(word.value) is False:
                why = "Without verify=False the certificate is checked, as by default."
                yield source.proposal("certificate", [source.without_keyword(call, word)], why)
                return


def debug(source: Source) -> Iterator[Proposal]:
    """``debug-enabled``: the debugger is off."""
    for call in source.near(ast.Call):
        for word in call.keywords:
            if word.arg == "debug" and literal(word.value) is True:
                why = "The debugger runs any code of any visitor; locally use `flask run --debug`."
                yield source.proposal("debug", [(*source.span(word.value), "False")], why)
                return
    for assign in source.near(ast.Assign):
        if literal(assign.value) is True:
            why = "The debugger runs any code of any visitor; locally use `flask run --debug`."
            yield source.proposal("debug", [(*source.span(assign.value), "False")], why)
            return


def yaml_loader(source: Source) -> Iterator[Proposal]:
    """``unsafe-deserialization`` by yaml: safe_load reads data only."""
    for call in source.near(ast.Call):
        if called(call) != "yaml.load" or not call.args:
            continue
        target = source.code(call.args[0])
        why = "safe_load reads plain data and makes no objects."
        yield source.proposal(
            "yaml_loader", [(*source.span(call), f"yaml.safe_load({target})")], why
        )
        return


def autoescape(source: Source) -> Iterator[Proposal]:
    """``xss`` by a template environment: values are escaped."""
    for call in source.near(ast.Call):
        if called(call).rsplit(".", 1)[-1] != "Environment":
            continue
        word = next((word for word in call.keywords if word.arg == "autoescape"), None)
        edit = (
            (*source.span(word.value), "True")
            if word
            else source.argument(call, "autoescape=True")
        )
        yield source.proposal("autoescape", [edit], "Values are escaped when a page is made.")
        return


def randomness(source: Source) -> Iterator[Proposal]:
    """``weak-random``: the same call on the system's generator."""
    for call in source.near(ast.Call):
        name = called(call)
        if name.startswith("random.") and name.count(".") == 1:
            method = name.split(".")[1]
            edit = (*source.span(call.func), f"secrets.SystemRandom().{method}")
            why = "The module random can be predicted from a few of its outputs."
            yield source.proposal("randomness", [edit], why, ("import secrets",), ("random",))
            return


def file_rights(source: Source) -> Iterator[Proposal]:
    """``loose-file-rights``: only the owner may change the file."""
    for call in source.near(ast.Call):
        given = [word.value for word in call.keywords if word.arg == "mode"] or call.args[-1:]
        mode = literal(given[0]) if given else None
        if called(call).rsplit(".", 1)[-1] != "chmod" or not isinstance(mode, int):
            continue
        edit = (*source.span(given[0]), f"0o{mode & 0o755:o}")
        why = "The group and others can no longer change the file."
        yield source.proposal("file_rights", [edit], why)
        return
