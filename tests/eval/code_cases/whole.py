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


FLASK = "from flask import Flask, Blueprint, request, session, jsonify, abort, redirect\n"

PROGRAMS: Final[tuple[Whole, ...]] = (
    Whole("sql", 89, "helper_file", FLASK + """
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
    Whole("sql", 89, "class_repository", FLASK + """
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
    Whole("sql", 89, "built_conditions", FLASK + """
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
    Whole("command", 78, "wrapped_run", FLASK + """
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
    Whole("command", 78, "validated_by_regex", FLASK + """
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
    Whole("path", 22, "safe_helper", FLASK + """
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
    Whole("path", 22, "integer_route", FLASK + """
app = Flask(__name__)


@app.route("/invoice/@@")
def invoice(number):
    with open(f"/srv/invoices/{number}.pdf", "rb") as handle:
        return jsonify(size=len(handle.read()))
""", "<path:number>", "<int:number>"),
    Whole("path", 22, "archive", FLASK + """
import tarfile

app = Flask(__name__)


@app.post("/import")
def load():
    upload = request.files["archive"]
    with tarfile.open(fileobj=upload.stream) as archive:
        @@
    return jsonify(ok=True)
""", 'archive.extractall("/srv/in")', 'archive.extractall("/srv/in", filter="data")'),
    Whole("xss", 79, "returned_from_helper", FLASK + """
from markupsafe import escape

app = Flask(__name__)


def greeting(name):
    return f"<h1>Hello {@@}</h1>"


@app.route("/hi")
def hi():
    return greeting(request.args.get("name", "you"))
""", "name", "escape(name)"),
    Whole("xss", 79, "joined_rows", FLASK + """
import html

app = Flask(__name__)


@app.post("/tags")
def tags():
    rows = []
    for tag in request.form.getlist("tag"):
        rows.append("<li>" + @@ + "</li>")
    return "<ul>" + "".join(rows) + "</ul>"
""", "tag", "html.escape(tag)"),
    Whole("xss", 79, "content_type", FLASK + """
from flask import make_response

app = Flask(__name__)


@app.route("/echo")
def echo():
    answer = make_response(request.args.get("text", ""))
    answer.headers["@@"] = "text/plain"
    return answer
""", "X-Content-Type", "Content-Type"),
    Whole("redirect", 601, "is_safe_url", FLASK + """
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
    Whole("ssrf", 918, "hook", FLASK + """
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
    Whole("template", 1336, "themed", FLASK + """
from flask import render_template_string

app = Flask(__name__)
PAGE = "<h1>{{ title }}</h1>"


@app.route("/page")
def page():
    title = request.args.get("title", "")
    return render_template_string(@@)
""", 'PAGE + "<p>" + title + "</p>"', "PAGE, title=title"),
)  # fmt: skip
