"""More whole small projects; `whole` tells how they are made."""

from __future__ import annotations

from typing import Final

from tests.eval.code_cases.whole import FLASK, PROGRAMS, Whole

WHOLE: Final[tuple[Whole, ...]] = (
    *PROGRAMS,
    Whole("deserialize", 502, "cookie", FLASK + """
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
    Whole("code", 94, "calculator", FLASK + """
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
    Whole("xpath", 643, "digits", FLASK + """
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
    Whole("ldap", 90, "login", FLASK + """
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
    Whole("upload", 434, "uuid_name", FLASK + """
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
    Whole("upload", 434, "content_type", FLASK + """
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
    Whole("trust", 501, "role", FLASK + """
app = Flask(__name__)


@app.post("/switch")
def switch():
    role = request.form.get("role")
    @@
    return jsonify(ok=True)
""", 'session["role"] = role', 'session["role"] = "admin" if role == "admin" else "user"'),
    Whole("assign", 915, "loop", FLASK + """
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
    Whole("nosql", 943, "login", FLASK + """
from pymongo import MongoClient

app = Flask(__name__)
users = MongoClient().gym.users


@app.post("/login")
def login():
    data = request.get_json()
    user = users.find_one({"name": @@})
    return jsonify(ok=user is not None)
""", 'data["name"]', 'str(data["name"])'),
    Whole("regex", 1333, "given", FLASK + """
import re

app = Flask(__name__)


@app.route("/grep")
def grep():
    found = re.findall(@@, open("/srv/log.txt").read())
    return jsonify(n=len(found))
""", '"^" + request.args["q"]', 're.escape(request.args["q"])'),
    Whole("log", 117, "app_logger", FLASK + """
app = Flask(__name__)


@app.route("/track")
def track():
    app.logger.info("page %s", @@)
    return jsonify(ok=True)
""", 'request.args.get("page")', 'request.args.get("page", type=int)'),
    Whole("header", 113, "download", FLASK + """
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
    Whole("leak", 209, "trace", FLASK + """
import traceback

app = Flask(__name__)


@app.route("/run")
def run():
    try:
        return jsonify(value=1 / int(request.args["n"]))
    except Exception:
        return jsonify(error=@@), 500
""", "traceback.format_exc()", '"it failed"'),
    Whole("xxe", 611, "upload", FLASK + """
from lxml import etree

app = Flask(__name__)


@app.post("/xml")
def xml():
    parser = etree.XMLParser(@@)
    root = etree.fromstring(request.data, parser=parser)
    return jsonify(tag=root.tag)
""", "resolve_entities=True, no_network=False", "resolve_entities=False, no_network=True"),
    Whole("random", 330, "reset", FLASK + """
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
    Whole("hash", 328, "config_choice", FLASK + """
import hashlib

app = Flask(__name__)
SETTINGS = {"digest": "@@"}


@app.post("/sign")
def sign():
    digest = hashlib.new(SETTINGS["digest"])
    digest.update(request.get_data())
    return jsonify(digest=digest.hexdigest())
""", "md5", "sha256"),
    Whole("cookie", 614, "options", FLASK + """
from flask import make_response

app = Flask(__name__)
OPTIONS = {"secure": @@, "httponly": True, "samesite": "Lax"}


@app.post("/remember")
def remember():
    answer = make_response("ok")
    answer.set_cookie("remember", "1", **OPTIONS)
    return answer
""", "False", "True"),
    Whole("certificate", 295, "session_object", FLASK + """
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
    Whole("debug", 489, "main", FLASK + """
app = Flask(__name__)

if __name__ == "__main__":
    app.run(@@)
""", 'host="0.0.0.0", debug=True', 'host="127.0.0.1"'),
    Whole("secret", 798, "config", FLASK + """
import os

app = Flask(__name__)
app.config["SECRET_KEY"] = @@
""", '"9f8a7c6b5d4e3f2a1b0c"', 'os.environ["SECRET_KEY"]'),
    Whole("sql", 89, "early_return", FLASK + """
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
    Whole("sql", 89, "converted_in_try", FLASK + """
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
    Whole("command", 78, "enum", FLASK + """
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
