"""Statements, commands, code, filters and templates that data from outside becomes part of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agents.code.taint.sinks.call import Call
from agents.code.taint.values import Value

SHELLS: Final = frozenset({"sh", "bash", "zsh", "dash", "ksh", "cmd", "cmd.exe", "powershell"})
NO_DATABASE: Final = ("concurrent", "subprocess", "asyncio", "threading", "celery", "ldap", "re.")


GRAPHQL: Final = frozenset({"variables", "variable_values", "root_value", "context_value"})
"""Arguments of ``schema.execute(query)``, whose text is the client's to write."""


def _sql(site: Call) -> None:
    if site.kind.startswith(NO_DATABASE) or site.kwargs.keys() & GRAPHQL:
        return
    statement = site.arg(0, "sql", "query", "statement", "operation", "clause", "text")
    if statement is None:
        return
    # A bare parameter of a helper is the caller's business; text put together here is not.
    site.flow("sql-injection", "sql", statement, bare=False)


def _sql_clause(site: Call) -> None:
    """``order_by(text)``: ORMs take texts there as SQL; a column object carries none."""
    for value in site.args:
        if value.kind == "str" and site.live(value, "sql"):
            site.flow("sql-injection", "sql", value, bare=False, confidence="medium")


def _sql_extra(site: Call) -> None:
    for name in ("where", "select", "tables", "order_by"):
        site.flow("sql-injection", "sql", site.kwargs.get(name), bare=False)


def _filter(site: Call) -> None:
    """A document database's filter: whole from outside, ``$where``, or values of any type."""
    value = site.arg(0, "filter", "query", "spec")
    if value is None or site.kind.startswith(("re", "bs4", "xml", "lxml")):
        return
    table = site.table(value)
    if table is None:
        taint = site.live(value, "nosql")
        if taint is not None and taint.origin == "json" and value.kind in {"json", "request.json"}:
            site.run.report("nosql-injection", site.frame, site.node, taint)
        return
    for key, item in table.items.items():
        taint = site.live(item, "nosql")
        if taint is None:
            continue
        if key in {"$where", "$function", "$accumulator", "$expr"}:
            site.run.report("nosql-injection", site.frame, site.node, taint)
        elif taint.origin == "json" and item.kind == "json":
            site.run.report("nosql-injection", site.frame, site.node, taint, confidence="medium")


def _shell(site: Call) -> None:
    site.flow("command-injection", "command", site.arg(0, "command", "cmd", "string"))


def _process(site: Call) -> None:
    """``subprocess.run(...)``: a shell, a shell named as the program, or the program itself."""
    command = site.arg(0, "args", "cmd", "command")
    if command is None:
        return
    shell = site.arg(-1, "shell")
    if shell is not None and not (shell.known and not shell.const):
        site.flow("command-injection", "command", command)
        return
    _program(site, command)


def _program(site: Call, command: Value) -> None:
    sequence = site.items(command)
    if sequence is None:
        taint = site.live(command, "command")
        if taint is None or command.kind == "list":
            return
        if command.prefix.split(" ")[0] != command.prefix and taint.origin == "suspected":
            return
        site.flow("command-injection", "command", command, bare=False)
        return
    if not sequence.items:
        return
    first = sequence.items[0]
    if site.live(first, "command"):
        site.flow("command-injection", "command", first, bare=False)
        return
    program = _shell_of(first)
    if program in SHELLS or not sequence.exact:
        flags = [flag for item in sequence.items[1:] for flag in item.options]
        if program in SHELLS and any(
            str(flag).lower() in {"-c", "/c", "-command"} for flag in flags
        ):
            for item in sequence.items[1:]:
                if site.flow("command-injection", "command", item):
                    return
        if not sequence.exact and not first.known:
            site.flow("command-injection", "command", first, bare=False)
        elif not sequence.exact and program in SHELLS:
            site.flow("command-injection", "command", command)


def _shell_of(value: Value) -> str:
    """The shell that a program's name may be, "" for none."""
    names = [str(option).rsplit("/", 1)[-1].lower() for option in value.options]
    return next((name for name in names if name in SHELLS), "")


def _arguments(site: Call) -> None:
    """``os.execl(path, ...)``, ``create_subprocess_exec(program, ...)``."""
    start = 1 if site.name.startswith("spawn") else 0
    if len(site.args) <= start:
        return
    first = site.args[start]
    if site.flow("command-injection", "command", first):
        return
    program = _shell_of(first)
    if program in SHELLS:
        for item in site.args[start + 1 :]:
            if site.flow("command-injection", "command", item):
                return


def _remote(site: Call) -> None:
    if "paramiko" in site.kind or "fabric" in site.kind or site.kind.endswith("SSHClient"):
        site.flow("command-injection", "command", site.arg(0, "command"))


def _code(site: Call) -> None:
    site.flow("code-injection", "code", site.arg(0, "source", "object", "expression"))


def _module(site: Call) -> None:
    taint = site.live(site.arg(0, "name"), "code")
    if taint is not None and taint.origin != "suspected":
        site.run.report("code-injection", site.frame, site.node, taint, severity="high")


def _template(site: Call) -> None:
    site.flow("template-injection", "template", site.arg(0, "source", "text", "template_string"))


def _environment(site: Call) -> None:
    if site.kind.startswith("jinja") or "jinja" in site.kind or site.kind.endswith("_env"):
        _template(site)


def _ldap(site: Call) -> None:
    """A directory's search; without its library in the file, a filter tells itself by its look."""
    imports = site.frame.module.imports.values()
    known = any(name.split(".")[0] in {"ldap", "ldap3"} for name in imports)
    for value in (*site.args, *site.kwargs.values()):
        looks = value.prefix.startswith("(") and "=" in value.prefix
        if (known or looks) and site.flow("ldap-injection", "ldap", value, bare=False):
            return


def _xpath(site: Call) -> None:
    site.flow("xpath-injection", "xpath", site.arg(0, "path", "_path", "expr"), bare=False)


def _xpath_select(site: Call) -> None:
    site.flow("xpath-injection", "xpath", site.arg(1, "path"), bare=False)


def _find(site: Call) -> None:
    """``find`` of an XML tree, not of a text or a database."""
    imports = site.frame.module.imports.values()
    xml = any(name.startswith(("xml.", "lxml", "defusedxml", "elementpath")) for name in imports)
    value = site.arg(0, "path", "match")
    if not xml or value is None or site.receiver is None or site.kind in {"str", "bytes"}:
        return
    if site.table(value) is None:
        site.flow("xpath-injection", "xpath", value, bare=False)


def _deserialize(site: Call) -> None:
    site.flow("unsafe-deserialization", "deserialize", site.arg(0, "data", "file", "string"))


def _yaml(site: Call) -> None:
    loader = site.arg(1, "Loader")
    name = str(loader.ref or loader.kind) if loader is not None else ""
    if "Safe" in name or "Base" in name:
        return
    site.flow("unsafe-deserialization", "deserialize", site.arg(0, "stream"))


def _regex(site: Call) -> None:
    from agents.code.taint import patterns

    pattern, value = site.arg(0, "pattern"), site.arg(2 if site.name in {"sub", "subn"} else 1,
                                                      "string")  # fmt: skip
    if pattern is None:
        return
    if site.flow("regex-injection", "regex", pattern, bare=False):
        return
    if pattern.known and isinstance(pattern.const, str):
        read = patterns.read(pattern.const)
        if read is not None and read.slow:
            site.flow("regex-denial", "regex", value)


def _compiled(site: Call) -> None:
    from agents.code.taint import patterns
    from agents.code.taint.heap import only
    from agents.code.taint.values import Thing

    if site.kind != "re.Pattern" or site.receiver is None:
        return
    thing = only(site.run, site.state, site.receiver, Thing)
    pattern = thing.attrs.get("pattern") if thing is not None else None
    if pattern is None or not isinstance(pattern.const, str):
        return
    read = patterns.read(pattern.const)
    if read is not None and read.slow:
        index = 1 if site.name in {"sub", "subn"} else 0
        site.flow("regex-denial", "regex", site.arg(index, "string"))


def assigned(site: Call) -> None:
    """``Model(**request.json)``: whoever sends decides the attributes."""
    for value in site.more:
        site.flow("mass-assignment", "assign", value, bare=False)


def _created(site: Call) -> None:
    """``Model.objects.create(**request.POST)``."""
    if site.kind.endswith("objects") or ".objects" in site.kind or "objects" in _written(site):
        assigned(site)


def _setattr(site: Call) -> None:
    if len(site.args) == 3:
        key = site.args[1]
        taint = site.live(key, "assign")
        if taint is not None and taint.origin != "suspected":
            site.run.report("mass-assignment", site.frame, site.node, taint)


def _update(site: Call) -> None:
    """``Model.query.filter_by(...).update(request.json)``, ``obj.__dict__.update(...)``."""
    value = site.arg(0, "values")
    if value is None or site.receiver is None or site.receiver.objs:
        return
    if value.kind not in {"request.json", "json", "request.form"}:
        return
    if "query" in site.kind or "__dict__" in _written(site):
        site.flow("mass-assignment", "assign", value)


def _written(site: Call) -> str:
    import ast

    func = getattr(site.node, "func", None)
    try:
        return ast.unparse(func) if func is not None else ""
    except (ValueError, RecursionError):
        return ""


Check = Callable[[Call], None]
_RUNS = ("run", "call", "check_call", "check_output", "Popen", "getoutput", "getstatusoutput")
BY_NAME: Final[dict[str, Check]] = {
    **dict.fromkeys((
        "sqlalchemy.text", "sqlalchemy.sql.text", "sqlalchemy.sql.expression.text",
        "pandas.read_sql", "pandas.read_sql_query", "pandas.io.sql.read_sql",
        "django.db.models.expressions.RawSQL", "sqlalchemy.literal_column", "sqlalchemy.DDL",
        "django.db.connection.cursor.execute",
    ), _sql),
    **{f"subprocess.{name}": _process for name in _RUNS[:5]},
    **dict.fromkeys((
        "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput",
        "commands.getoutput", "popen2.popen3", "asyncio.create_subprocess_shell", "pty.spawn",
        "os.popen2", "os.popen3",
    ), _shell),
    **dict.fromkeys((
        "os.execl", "os.execle", "os.execlp", "os.execv", "os.execve", "os.execvp", "os.spawnl",
        "os.spawnlp", "os.spawnv", "os.spawnvp", "os.startfile", "asyncio.create_subprocess_exec",
    ), _arguments),
    **dict.fromkeys(("eval", "exec", "compile", "builtins.eval", "builtins.exec",
                     "pandas.eval", "numexpr.evaluate", "code.interact"), _code),
    **dict.fromkeys(("importlib.import_module", "__import__", "runpy.run_path",
                     "runpy.run_module"), _module),
    **dict.fromkeys((
        "flask.render_template_string", "jinja2.Template", "mako.template.Template",
        "django.template.Template", "tornado.template.Template", "quart.render_template_string",
        "jinja2.environment.Template", "bottle.template", "chameleon.PageTemplate",
    ), _template),
    "lxml.etree.XPath": _xpath, "lxml.etree.ETXPath": _xpath, "elementpath.select": _xpath_select,
    "elementpath.XPath2Parser": _xpath, "elementpath.iter_select": _xpath_select,
    **dict.fromkeys((
        "pickle.loads", "pickle.load", "cPickle.loads", "cPickle.load", "_pickle.loads",
        "dill.loads", "dill.load", "cloudpickle.loads", "cloudpickle.load", "marshal.loads",
        "marshal.load", "jsonpickle.decode", "jsonpickle.loads", "shelve.open", "joblib.load",
        "torch.load", "pandas.read_pickle", "yaml.unsafe_load", "yaml.unsafe_load_all",
        "pickle.Unpickler", "yaml.full_load", "numpy.load",
    ), _deserialize),
    "yaml.load": _yaml, "yaml.load_all": _yaml, "ruamel.yaml.load": _yaml,
    **{f"re.{name}": _regex for name in ("match", "fullmatch", "search", "compile", "findall",
                                         "finditer", "split", "sub", "subn")},
    "setattr": _setattr,
}  # fmt: skip
BY_METHOD: Final[dict[str, Check | tuple[Check, ...]]] = {
    **dict.fromkeys((
        "execute", "executemany", "executescript", "from_statement", "raw", "exec_driver_sql",
        "read_sql", "fetch", "fetchrow", "fetchval", "mogrify", "scalar", "scalars", "callproc",
        "read_sql_query", "exec_sql",
    ), _sql),
    **dict.fromkeys(("order_by", "group_by", "having", "filter", "where"), _sql_clause),
    "extra": _sql_extra,
    **dict.fromkeys((
        "find_one", "find_one_and_update", "find_one_and_delete", "delete_one", "delete_many",
        "update_one", "update_many", "count_documents", "replace_one", "aggregate", "distinct",
    ), _filter),
    "find": (_filter, _find),
    "exec_command": _remote,
    "from_string": _environment,
    **dict.fromkeys(("search", "search_s", "search_ext", "search_st", "search_ext_s",
                     "paged_search", "modify", "bind"), _ldap),
    "xpath": _xpath, "findall": (_find, _compiled), "iterfind": _find, "findtext": _find,
    **dict.fromkeys(("match", "fullmatch", "sub", "subn", "finditer"), _compiled),
    "update": _update, "create": _created,
}  # fmt: skip
BY_METHOD["search"] = (_ldap, _compiled)
