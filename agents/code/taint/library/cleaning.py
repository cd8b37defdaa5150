"""What cleans data from outside, for which harm, and what gives back none of it."""

from __future__ import annotations

from typing import Final

from agents.code.taint.values import FLOW

_HTML = frozenset({"xss"})
_QUOTED = frozenset({"xss", "log", "header", "xpath", "ldap", "sql", "command"})
CLEANS: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys((
        "markupsafe.escape", "flask.escape", "cgi.escape", "bleach.clean", "bleach.linkify",
        "nh3.clean", "django.utils.html.escape", "werkzeug.utils.escape", "jinja2.escape",
        "markupsafe.escape_silent", "django.utils.html.conditional_escape", "flask.Markup.escape",
        "markupsafe.Markup.escape", "markupsafe.soft_str.escape", "tornado.escape.xhtml_escape",
        "lxml.html.clean.clean_html", "html.parser.escape",
    ), _HTML),
    **dict.fromkeys((
        "shlex.quote", "pipes.quote", "subprocess.list2cmdline",
    ), frozenset({"command"})),
    **dict.fromkeys((
        "werkzeug.utils.secure_filename", "werkzeug.secure_filename", "flask.safe_join",
        "werkzeug.security.safe_join", "werkzeug.utils.safe_join", "os.path.basename",
        "ntpath.basename", "posixpath.basename", "django.utils._os.safe_join",
        "django.utils.text.get_valid_filename", "pathvalidate.sanitize_filename",
    ), frozenset({"path"})),
    **dict.fromkeys((
        "ldap.filter.escape_filter_chars", "ldap3.utils.conv.escape_filter_chars",
        "ldap.dn.escape_dn_chars", "ldap3.utils.dn.escape_rdn", "ldap.filter.filter_format",
    ), frozenset({"ldap"})),
    "re.escape": frozenset({"regex"}),
    "regex.escape": frozenset({"regex"}),
    "json.dumps": frozenset({"log", "header", "redirect"}),
    "flask.json.dumps": frozenset({"log", "header", "redirect"}),
    **dict.fromkeys((
        "pickle.dumps", "cloudpickle.dumps", "dill.dumps", "marshal.dumps", "jsonpickle.encode",
        "yaml.dump", "yaml.safe_dump",
    ), frozenset({"deserialize"})),  # whatever is in it, the stream itself is ours
    "repr": frozenset({"log", "header"}),
    "ascii": frozenset({"log", "header"}),
    "psycopg2.sql.Identifier": frozenset({"sql"}),
    "psycopg2.sql.Literal": frozenset({"sql"}),
    "psycopg.sql.Identifier": frozenset({"sql"}),
    "psycopg.sql.Literal": frozenset({"sql"}),
    "psycopg2.extensions.quote_ident": frozenset({"sql"}),
    "pymysql.converters.escape_string": frozenset({"sql"}),
    "sqlalchemy.bindparam": frozenset({"sql"}),
}  # fmt: skip
"""Dotted name -> the families its result can serve no more."""

WRAPS: Final[dict[str, tuple[str, frozenset[str]]]] = {
    "html.escape": ("html", _HTML),
    "xml.sax.saxutils.escape": ("html", _HTML | {"xxe"}),
    "xml.sax.saxutils.quoteattr": ("html", _HTML | {"xxe"}),
    "urllib.parse.quote": ("url", _QUOTED),
    "urllib.parse.quote_plus": ("url", _QUOTED | {"redirect", "path"}),
    "urllib.parse.urlencode": ("url", _QUOTED | {"redirect", "path"}),
    "urllib.parse.quote_from_bytes": ("url", _QUOTED),
    "requests.utils.quote": ("url", _QUOTED),
    "werkzeug.urls.url_quote": ("url", _QUOTED),
    "base64.b64encode": ("base64", FLOW - {"deserialize"}),
    "base64.urlsafe_b64encode": ("base64", FLOW - {"deserialize"}),
    "base64.standard_b64encode": ("base64", FLOW - {"deserialize"}),
    "base64.b32encode": ("base32", FLOW - {"deserialize"}),
    "base64.b16encode": ("hex", FLOW - {"deserialize"}),
    "binascii.hexlify": ("hex", FLOW - {"deserialize"}),
    "binascii.b2a_base64": ("base64", FLOW - {"deserialize"}),
}
"""An encoding and the families it stops, until it is undone."""
UNWRAPS: Final[dict[str, str]] = {
    "html.unescape": "html",
    "xml.sax.saxutils.unescape": "html",
    "urllib.parse.unquote": "url",
    "urllib.parse.unquote_plus": "url",
    "base64.b64decode": "base64",
    "base64.urlsafe_b64decode": "base64",
    "base64.standard_b64decode": "base64",
    "base64.decodebytes": "base64",
    "base64.b32decode": "base32",
    "base64.b16decode": "hex",
    "binascii.unhexlify": "hex",
    "binascii.a2b_base64": "base64",
}
CASTS: Final = frozenset({
    "int", "float", "complex", "uuid.UUID", "decimal.Decimal", "fractions.Fraction",
    "ipaddress.ip_address", "ipaddress.ip_network", "ipaddress.IPv4Address",
    "ipaddress.IPv6Address", "datetime.datetime.strptime", "datetime.datetime.fromisoformat",
    "datetime.date.fromisoformat", "datetime.time.fromisoformat", "bson.ObjectId",
    "bson.objectid.ObjectId", "time.strptime", "dateutil.parser.parse",
})  # fmt: skip
"""They raise for anything but a number, an identifier, an address or a date."""
CLEAN: Final = frozenset({
    "len", "bool", "hash", "id", "ord", "isinstance", "issubclass", "callable", "hasattr", "range",
    "sum", "abs", "round", "type", "uuid.uuid4", "uuid.uuid1", "uuid.uuid5", "print", "open",
    "flask.url_for", "flask.flash", "flask.get_flashed_messages", "os.path.exists",
    "os.path.isfile", "os.path.isdir", "os.path.getsize", "os.path.getmtime", "os.listdir",
    "os.stat", "os.remove", "os.unlink", "os.makedirs", "os.mkdir", "os.getenv", "os.environ.get",
    "urllib.request.urlopen", "werkzeug.security.generate_password_hash",
    "werkzeug.security.check_password_hash", "hmac.compare_digest", "secrets.compare_digest",
    "mimetypes.guess_type_", "shutil.which", "imghdr.what", "os.system", "exec",
    "flask.current_app", "importlib.import_module", "flask.send_file", "flask.send_from_directory",
})  # fmt: skip
CLEAN_BELOW: Final = (
    "hashlib.", "hmac.", "secrets.", "random.", "time.", "math.", "requests.", "httpx.", "bcrypt.",
    "passlib.", "logging.", "sqlite3.", "psycopg2.connect", "psycopg.connect", "smtplib.",
    "subprocess.", "socket.", "zlib.crc32", "numpy.random.", "argon2.", "cryptography.",
    "shutil.", "sqlalchemy.select", "sqlalchemy.create_engine", "sqlalchemy.func", "threading.",
)  # fmt: skip
