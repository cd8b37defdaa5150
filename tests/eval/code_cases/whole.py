"""Whole small projects as people write them: helpers in other files, blueprints, classes.

Each has one weakness or its mended twin; `file` is the one the finding must stand in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Whole:
    """unsafe and safe: what stands in place of ``@@`` in the texts, where they differ."""

    family: str
    cwe: int
    name: str
    text: str
    unsafe: str
    safe: str
    helper: str = ""


_FLASK = "from flask import Flask, Blueprint, request, session, jsonify, abort, redirect\n"

WHOLE: Final[tuple[Whole, ...]] = (
    Whole("sql", 89, "helper_file", _FLASK + """
import sqlite3
from HELPER import where

bp = Blueprint("b", __name__)


@bp.route("/find")
def find():
    clause = where(request.args.get("city"))
    rows = sqlite3.connect("x.db").execute("SELECT * FROM c WHERE " + clause).fetchall()
    return jsonify(rows)
""", "return \"city = '\" + city + \"'\"", "return \"city = '%d'\" % int(city)", """
def where(city):
    @@
"""),
    Whole("sql", 89, "class_repository", _FLASK + """
import sqlite3

app = Flask(__name__)


class Clients:
    def __init__(self, path):
        self.con = sqlite3.connect(path)

    def by_name(self, name):
        @@


clients = Clients("gym.db")


@app.route("/clients")
def listed():
    return jsonify(clients.by_name(request.args["name"]))
""", 'return self.con.execute(f"SELECT * FROM c WHERE n = \'{name}\'").fetchall()',
        'return self.con.execute("SELECT * FROM c WHERE n = ?", [name]).fetchall()'),
    Whole("sql", 89, "built_conditions", _FLASK + """
from sqlalchemy import text
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()
app = Flask(__name__)


@app.route("/report")
def report():
    parts = ["1 = 1"]
    values = {}
    status = request.args.get("status")
    if status:
        @@
    statement = "SELECT * FROM sessions WHERE " + " AND ".join(parts)
    return jsonify([tuple(r) for r in db.session.execute(text(statement), values)])
""", 'parts.append(f"status = \'{status}\'")',
        'parts.append("status = :status")\n        values["status"] = status'),
    Whole("command", 78, "wrapped_run", _FLASK + """
import subprocess

app = Flask(__name__)


def run(command):
    return subprocess.run(command, shell=True, capture_output=True, text=True).stdout


@app.post("/thumb")
def thumb():
    name = request.form["name"]
    @@
    return jsonify(ok=True)
""", 'run("convert uploads/%s -resize 100 out.png" % name)',
        'run("convert uploads/current.png -resize 100 out.png")'),
    Whole("command", 78, "validated_by_regex", _FLASK + """
import os
import re

app = Flask(__name__)
HOST = re.compile(r"@@")


@app.route("/ping/<host>")
def ping(host):
    if not HOST.match(host):
        abort(400)
    return jsonify(code=os.system("ping -c1 " + host))
""", r"[a-z0-9.-]+", r"^[a-z0-9.-]+$"),
    Whole("path", 22, "safe_helper", _FLASK + """
import os

app = Flask(__name__)
BASE = os.path.abspath("/srv/docs")


def inside(path):
    @@


@app.route("/doc")
def doc():
    path = os.path.join(BASE, request.args.get("name", ""))
    if not inside(path):
        abort(403)
    with open(path) as handle:
        data = handle.read()
    return jsonify(size=len(data))
""", "return os.path.exists(path)",
        "return os.path.commonpath([BASE, os.path.abspath(path)]) == BASE"),
    Whole("path", 22, "integer_route", _FLASK + """
app = Flask(__name__)


@app.route("/invoice/@@")
def invoice(number):
    with open(f"/srv/invoices/{number}.pdf", "rb") as handle:
        return jsonify(size=len(handle.read()))
""", "<path:number>", "<int:number>"),
    Whole("path", 22, "archive", _FLASK + """
import tarfile

app = Flask(__name__)


@app.post("/import")
def load():
    upload = request.files["archive"]
    with tarfile.open(fileobj=upload.stream) as archive:
        @@
    return jsonify(ok=True)
""", 'archive.extractall("/srv/in")', 'archive.extractall("/srv/in", filter="data")'),
    Whole("xss", 79, "returned_from_helper", _FLASK + """
from markupsafe import escape

app = Flask(__name__)


def greeting(name):
    return f"<h1>Hello {@@}</h1>"


@app.route("/hi")
def hi():
    return greeting(request.args.get("name", "you"))
""", "name", "escape(name)"),
    Whole("xss", 79, "joined_rows", _FLASK + """
import html

app = Flask(__name__)


@app.post("/tags")
def tags():
    rows = []
    for tag in request.form.getlist("tag"):
        rows.append("<li>" + @@ + "</li>")
    return "<ul>" + "".join(rows) + "</ul>"
""", "tag", "html.escape(tag)"),
    Whole("xss", 79, "content_type", _FLASK + """
from flask import make_response

app = Flask(__name__)


@app.route("/echo")
def echo():
    answer = make_response(request.args.get("text", ""))
    answer.headers["@@"] = "text/plain"
    return answer
""", "X-Content-Type", "Content-Type"),
    Whole("redirect", 601, "is_safe_url", _FLASK + """
from urllib.parse import urljoin, urlparse

app = Flask(__name__)


def is_safe_url(target):
    @@


@app.route("/login")
def login():
    target = request.args.get("next")
    if not is_safe_url(target):
        target = "/"
    return redirect(target)
""", "return bool(target)",
        'here = urlparse(request.host_url)\n    there = urlparse(urljoin(request.host_url, target))\n'
        '    return there.scheme in ("http", "https") and here.netloc == there.netloc'),
    Whole("ssrf", 918, "hook", _FLASK + """
import requests
from urllib.parse import urlparse

app = Flask(__name__)
ALLOWED = {"hooks.example", "api.example"}


@app.post("/hook")
def hook():
    url = request.get_json()["url"]
    @@
        return jsonify(error="no"), 400
    return jsonify(code=requests.post(url, json={}, timeout=3).status_code)
""", 'if urlparse(url).scheme != "https":', "if urlparse(url).hostname not in ALLOWED:"),
    Whole("template", 1336, "themed", _FLASK + """
from flask import render_template_string

app = Flask(__name__)
PAGE = "<h1>{{ title }}</h1>"


@app.route("/page")
def page():
    title = request.args.get("title", "")
    return render_template_string(@@)
""", 'PAGE + "<p>" + title + "</p>"', "PAGE, title=title"),
    Whole("deserialize", 502, "cookie", _FLASK + """
import base64
import json
import pickle

app = Flask(__name__)


@app.route("/state")
def state():
    raw = base64.b64decode(request.cookies.get("state", ""))
    data = @@.loads(raw)
    return jsonify(ok=bool(data))
""", "pickle", "json"),
    Whole("code", 94, "calculator", _FLASK + """
import ast
import operator

app = Flask(__name__)
OPS = {"add": operator.add, "sub": operator.sub}


@app.post("/calc")
def calc():
    body = request.get_json()
    @@
    return jsonify(result=result)
""", 'result = eval(body["formula"])', 'result = OPS[body["op"]](float(body["a"]), float(body["b"]))'),
    Whole("xpath", 643, "digits", _FLASK + """
from lxml import etree

app = Flask(__name__)
TREE = etree.parse("menu.xml")


@app.route("/dish")
def dish():
    number = request.args.get("n", "")
    @@
        abort(400)
    return jsonify(found=len(TREE.xpath(f"//dish[@n='{number}']")))
""", "if not number:", "if not number.isdigit():"),
    Whole("ldap", 90, "login", _FLASK + """
import ldap
import ldap.filter

app = Flask(__name__)


@app.post("/login")
def login():
    user = request.form["user"]
    query = "(uid=%s)" % @@
    con = ldap.initialize("ldap://directory")
    found = con.search_s("dc=gym", ldap.SCOPE_SUBTREE, query)
    return jsonify(n=len(found))
""", "user", "ldap.filter.escape_filter_chars(user)"),
    Whole("upload", 434, "uuid_name", _FLASK + """
import os
import uuid
from werkzeug.utils import secure_filename

app = Flask(__name__)


@app.post("/avatar")
def avatar():
    image = request.files["image"]
    name = @@
    image.save(os.path.join("/srv/avatars", name))
    return jsonify(name=name)
""", "secure_filename(image.filename)", 'uuid.uuid4().hex + ".png"'),
    Whole("upload", 434, "content_type", _FLASK + """
from werkzeug.utils import secure_filename

app = Flask(__name__)
TYPES = ("image/png", "image/jpeg")


@app.post("/photo")
def photo():
    image = request.files.get("image")
    if image is None@@:
        abort(400)
    image.save("/srv/photos/" + secure_filename(image.filename))
    return jsonify(ok=True)
""", "", " or image.mimetype not in TYPES"),
    Whole("trust", 501, "role", _FLASK + """
app = Flask(__name__)


@app.post("/switch")
def switch():
    role = request.form.get("role")
    @@
    return jsonify(ok=True)
""", 'session["role"] = role', 'session["role"] = "admin" if role == "admin" else "user"'),
    Whole("assign", 915, "loop", _FLASK + """
from models import Client
from extensions import db

app = Flask(__name__)
ALLOWED = {"name", "phone"}


@app.put("/clients/<int:client_id>")
def change(client_id):
    client = Client.query.get_or_404(client_id)
    data = request.get_json()
    for key in data:
        @@
            setattr(client, key, data[key])
    db.session.commit()
    return jsonify(ok=True)
""", "if hasattr(client, key):", "if key in ALLOWED:"),
    Whole("nosql", 943, "login", _FLASK + """
from pymongo import MongoClient

app = Flask(__name__)
users = MongoClient().gym.users


@app.post("/login")
def login():
    data = request.get_json()
    user = users.find_one({"name": @@})
    return jsonify(ok=user is not None)
""", 'data["name"]', 'str(data["name"])'),
    Whole("regex", 1333, "given", _FLASK + """
import re

app = Flask(__name__)


@app.route("/grep")
def grep():
    found = re.findall(@@, open("/srv/log.txt").read())
    return jsonify(n=len(found))
""", '"^" + request.args["q"]', 're.escape(request.args["q"])'),
    Whole("log", 117, "app_logger", _FLASK + """
app = Flask(__name__)


@app.route("/track")
def track():
    app.logger.info("page %s", @@)
    return jsonify(ok=True)
""", 'request.args.get("page")', 'request.args.get("page", type=int)'),
    Whole("header", 113, "download", _FLASK + """
from flask import Response
from werkzeug.utils import secure_filename

app = Flask(__name__)


@app.route("/download")
def download():
    name = request.args.get("name", "x")
    answer = Response(b"data")
    answer.headers["Content-Disposition"] = "attachment; filename=" + @@
    return answer
""", "name", 'name.replace("\\r", "").replace("\\n", "")'),
    Whole("leak", 209, "trace", _FLASK + """
import traceback

app = Flask(__name__)


@app.route("/run")
def run():
    try:
        return jsonify(value=1 / int(request.args["n"]))
    except Exception:
        return jsonify(error=@@), 500
""", "traceback.format_exc()", '"it failed"'),
    Whole("xxe", 611, "upload", _FLASK + """
from lxml import etree

app = Flask(__name__)


@app.post("/xml")
def xml():
    parser = etree.XMLParser(@@)
    root = etree.fromstring(request.data, parser=parser)
    return jsonify(tag=root.tag)
""", "resolve_entities=True, no_network=False", "resolve_entities=False, no_network=True"),
    Whole("random", 330, "reset", _FLASK + """
import random
import secrets
import string

app = Flask(__name__)


def reset_token():
    return "".join(@@.choice(string.ascii_letters) for _ in range(32))


@app.post("/reset")
def reset():
    session["reset"] = reset_token()
    return jsonify(ok=True)
""", "random", "secrets"),
    Whole("hash", 328, "config_choice", _FLASK + """
import hashlib

app = Flask(__name__)
SETTINGS = {"digest": "@@"}


@app.post("/sign")
def sign():
    digest = hashlib.new(SETTINGS["digest"])
    digest.update(request.get_data())
    return jsonify(digest=digest.hexdigest())
""", "md5", "sha256"),
    Whole("cookie", 614, "options", _FLASK + """
from flask import make_response

app = Flask(__name__)
OPTIONS = {"secure": @@, "httponly": True, "samesite": "Lax"}


@app.post("/remember")
def remember():
    answer = make_response("ok")
    answer.set_cookie("remember", "1", **OPTIONS)
    return answer
""", "False", "True"),
    Whole("certificate", 295, "session_object", _FLASK + """
import requests

app = Flask(__name__)


def client():
    http = requests.Session()
    http.verify = @@
    return http


@app.route("/rates")
def rates():
    return jsonify(client().get("https://rates.example/", timeout=3).json())
""", "False", "True"),
    Whole("debug", 489, "main", _FLASK + """
app = Flask(__name__)

if __name__ == "__main__":
    app.run(@@)
""", 'host="0.0.0.0", debug=True', 'host="127.0.0.1"'),
    Whole("secret", 798, "config", _FLASK + """
import os

app = Flask(__name__)
app.config["SECRET_KEY"] = @@
""", '"9f8a7c6b5d4e3f2a1b0c"', 'os.environ["SECRET_KEY"]'),
    Whole("sql", 89, "early_return", _FLASK + """
import sqlite3

app = Flask(__name__)


@app.route("/order")
def order():
    column = request.args.get("by", "name")
    ok = False
    for known in ("name", "age", "city"):
        if column == known:
            ok = True
    @@
        return jsonify(error="no"), 400
    return jsonify(sqlite3.connect("x.db").execute("SELECT * FROM c ORDER BY " + column).fetchall())
""", "if column is None:", "if not ok:"),
    Whole("sql", 89, "converted_in_try", _FLASK + """
import sqlite3

app = Flask(__name__)


@app.route("/by-id")
def by_id():
    given = request.args.get("id", "")
    try:
        @@
    except ValueError:
        return jsonify(error="no number"), 400
    con = sqlite3.connect("x.db")
    return jsonify(con.execute("SELECT * FROM c WHERE id = " + given).fetchall())
""", "len(given)", "int(given)"),
    Whole("command", 78, "enum", _FLASK + """
import enum
import os

app = Flask(__name__)


class Job(enum.Enum):
    CLEAN = "clean"
    PACK = "pack"


@app.post("/job")
def job():
    given = request.form["job"]
    os.system("/opt/jobs/run " + @@)
    return jsonify(ok=True)
""", "given", "Job(given).value"),
)  # fmt: skip
