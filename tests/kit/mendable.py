"""Flask code with findings that a rule can mend, in the many ways people write such lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

HEAD = """import os
import random
import tempfile

import httpx
import jinja2
import requests
import yaml
from flask import Blueprint, Flask, current_app, jsonify, make_response, request

from models import Client, db

app = Flask(__name__)
log = app.logger
"""
MODELS = """from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()


class Client(db.Model):
    __tablename__ = "clients"
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80))
"""
USES = "\n\nUSED = (os, random, tempfile, httpx, jinja2, requests, yaml, Blueprint, current_app, jsonify)\nMORE = (make_response, request, Client, db, log)\n"


@dataclass(frozen=True)
class Case:
    """files: a project; rule: what is found in it once, in `file`."""

    name: str
    rule: str
    files: dict[str, str]
    file: str = "views.py"


def _view(body: str, path: str = "/things", name: str = "things", takes: str = "") -> str:
    lines = "\n".join(f"    {line}" if line else "" for line in body.split("\n"))
    return f'{HEAD}\n\n@app.route("{path}")\ndef {name}({takes}):\n{lines}\n{USES}'


TIMEOUT = (
    'requests.get("https://a.example/x")',
    'requests.get("https://a.example/x", params={"a": 1})',
    'requests.post(\n    "https://a.example/x",\n    json={"a": [1, 2]},\n)',
    'requests.put("https://a.example/x", data=b"1", headers={"A": "b"})',
    'requests.delete("https://a.example/x")',
    'requests.request("PATCH", "https://a.example/x")',
    'requests.get("https://a.example/x", timeout=None)',
    'requests.head("https://a.example/ä", allow_redirects=True)  # why',
    'requests.post("https://a.example/x", json=dict(a=1, b=(2, 3)))',
    "requests.get(f'https://a.example/{1 + 1}')",
    'requests.options(url="https://a.example/x",)',
)
CERTIFICATE = (
    'requests.get("https://a.example/x", verify=False, timeout=5)',
    'requests.get("https://a.example/x", timeout=5, verify=False)',
    'requests.post(\n    "https://a.example/x",\n    verify=False,\n    timeout=5,\n)',
    'requests.get("https://a.example/x", params={"v": 1}, verify=False, timeout=5)',
    'requests.put("https://a.example/x", timeout=5, verify=False, data=b"x")',
    'httpx.get("https://a.example/x", verify=False, timeout=5)',
)
COOKIE = (
    'answer.set_cookie("session_id", "1")',
    'answer.set_cookie("session_id", value="1", httponly=True)',
    'answer.set_cookie("session_id", "1", max_age=60, samesite="Lax")',
    'answer.set_cookie("session_id", "1", secure=False, httponly=True, samesite="Lax")',
    'answer.set_cookie(\n    "session_id",\n    "1",\n    path="/",\n)',
    'answer.set_cookie("session_id", "1", httponly=False, secure=False)',
)
RANDOM = (
    'token = "".join(random.choice("abcdef0123") for _ in range(32))',
    "token = random.randint(100000, 999999)",
    'reset_token = str(random.random()) + "x"',
    'token = "".join(random.choices("abcdef", k=20))',
    "otp = random.randrange(1000, 9999)",
)
YAML = (
    "settings = yaml.load(request.data)",
    "settings = yaml.load(request.get_data(), Loader=yaml.Loader)",
    "settings = yaml.load(request.files['f'].read(), yaml.UnsafeLoader)",
    "settings = yaml.load(\n    request.data,\n    Loader=yaml.FullLoader,\n)",
)
RIGHTS = (
    'os.chmod("/srv/gym/a", 0o777)',
    'os.chmod("/srv/gym/a", 0o666)',
    'os.chmod(path="/srv/gym/a", mode=0o777)',
    'os.chmod("/srv/gym/" + "b", 511)',
)
ERRORS = (
    'except Exception as e:\n    return jsonify({"error": str(e)}), 500',
    'except Exception as error:\n    return {"error": f"failed: {error}"}, 500',
    'except Exception as e:\n    log.error("no")\n    return jsonify({"message": "x: " + str(e)}), 500',
    'except Exception as e:\n    db.session.rollback()\n    return jsonify({"e": str(e), "ok": 0}), 500',
    'except Exception as e:\n    log.warning("%s", e)\n    return jsonify({"error": str(e)}), 500',
    'except Exception as e:\n    return jsonify({"error": "failed: {}".format(e)}), 500',
)
SWALLOWED = (
    'except Exception:\n    return jsonify({"error": "failed"}), 500',
    'except Exception as e:\n    log.error("failed: %s", e)\n    return jsonify(error="failed"), 500',
    'except ValueError:\n    return jsonify(error="value"), 400\nexcept Exception:\n    return jsonify(error="x"), 500',
    'except Exception:\n    db.session.rollback()\n    return {"error": "failed"}, 500\nfinally:\n    log.info("x")',
    'except Exception as e:\n    current_app.logger.exception(e)\n    return "", 500',
    'except BaseException:\n    return jsonify(error="failed"), 500',
)
KEYS = (
    "db.Column(db.Integer, db.ForeignKey('clients.id'))",
    "db.Column(db.Integer, db.ForeignKey('clients.id'), nullable=False)",
    "db.Column(db.Integer, db.ForeignKey('clients.id', ondelete='CASCADE'), nullable=True)",
    "db.Column(\n        db.Integer,\n        db.ForeignKey('clients.id'),\n    )",
    "db.Column(db.ForeignKey('clients.id'))",
    "db.Column('client', db.Integer, db.ForeignKey('clients.id'), default=None)",
    "db.Column(db.Integer, db.ForeignKey('clients.id'), index=False)",
    "db.Column(db.BigInteger, db.ForeignKey('clients.id', name='fk_goal'), unique=False)",
)
FALLBACKS = (
    'app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY", "dev-secret-key")',
    'app.config["SECRET_KEY"] = os.getenv("SECRET_KEY", "change-me-please")',
    'app.secret_key = os.environ.get("SECRET_KEY") or "super-secret-value"',
    'JWT_SECRET = os.getenv("JWT_SECRET", "jwt-secret-string")',
    'app.config["JWT_SECRET_KEY"] = os.getenv("JWT_SECRET_KEY") or "fallback-secret"',
    'API_KEY = os.environ.get("PAYMENT_API_KEY", "pk-12345-local")',
    'app.config.update(SECRET_KEY=os.environ.get("SECRET_KEY", "dev-secret-key"))',
)
ROUTES = (
    (
        "/clients/<int:client_id>",
        "id",
        "client = db.session.get(Client, id)\nreturn jsonify(id=id, name=client.name)",
    ),
    ("/clients/<client_id>", "cid", "return jsonify(client=cid)"),
    ("/clients/<int:client_id>/plan", "", 'return jsonify(plan="x")'),
    ("/a/<int:a_id>/b/<int:b_id>", "a_id, b", "return jsonify(a=a_id, b=b)"),
    ("/files/<path:name>", "filename", "return jsonify(name=filename.lower())"),
    ("/x/<uuid:key>", "k, verbose=False", "return jsonify(key=str(k), verbose=verbose)"),
)
DEBUG = (
    "app.run(debug=True)",
    'app.run(host="127.0.0.1", debug=True, port=5000)',
    "app.run(\n        debug=True,\n    )",
)
RUFF = (
    ("F401", "import json\n"),
    ("F401", "from datetime import datetime, timedelta\n"),
    ("F401", "import os.path as where\n"),
    ("F541", 'TEXT = f"nothing in it"\n'),
    ("F632", 'def same(a):\n    return a is "x"\n'),
    ("F841", "def f(x):\n    try:\n        return int(x)\n    except ValueError as e:\n        return None\n"),
    ("F401", '"""Doc."""\n\nfrom __future__ import annotations\n\nimport sys\n\nX = 1\n'),
    ("B009", 'def f(x):\n    return getattr(x, "name")\n'),
    ("F401", "import re, sys\n\nX = sys.path\n"),
    ("F401", "def f():\n    import csv\n\n    return 1\n"),
    ("F541", "def f():\n    return f'a' f'b'\n"),
    ("F632", "def g(a):\n    if a is not 3:\n        return a\n    return 0\n"),
    ("PLW0120", "def f(xs):\n    for x in xs:\n        print(x)\n    else:\n        return 1\n"),
)  # fmt: skip


def cases() -> Iterator[Case]:
    """Every case, each with one finding that a rule mends."""
    models = {"models.py": MODELS}
    for rule, texts, body in (
        ("http-without-timeout", TIMEOUT, "answer = {}\nreturn jsonify(answer.status_code)"),
        ("certificate-unchecked", CERTIFICATE, "answer = {}\nreturn jsonify(answer.status_code)"),
        ("insecure-cookie", COOKIE, 'answer = make_response("x")\n{}\nreturn answer'),
        ("loose-file-rights", RIGHTS, "{}\nreturn jsonify(ok=1)"),
        ("unsafe-deserialization", YAML, "{}\nreturn jsonify(len(settings))"),
    ):
        for number, text in enumerate(texts):
            yield Case(f"{rule}-{number}", rule, {"views.py": _view(body.format(text)), **models})
    for number, text in enumerate(RANDOM):
        view = _view(f"{text}\nreturn jsonify(ok=1)", name="make_reset_token")
        yield Case(f"weak-random-{number}", "weak-random", {"views.py": view, **models})
    for number, text in enumerate(ERRORS):
        body = f"try:\n    return jsonify(int(request.args['a']))\n{text}"
        rule = "exception-text-to-client"
        yield Case(f"{rule}-{number}", rule, {"views.py": _view(body), **models})
    for number, text in enumerate(SWALLOWED):
        body = f"try:\n    return jsonify(Client.query.get_or_404(cid).name)\n{text}"
        view = _view(body, "/c/<int:cid>", "client", "cid")
        yield Case(f"swallowed-404-{number}", "swallowed-404", {"views.py": view, **models})
    for number, text in enumerate(KEYS):
        more = f"{MODELS}\n\nclass Goal(db.Model):\n    id = db.Column(db.Integer, primary_key=True)\n    client_id = {text}\n"
        rule = "foreign-key-without-index"
        yield Case(f"{rule}-{number}", rule, {"models.py": more}, "models.py")
    for number, text in enumerate(FALLBACKS):
        rule = "literal-secret-fallback"
        yield Case(f"{rule}-{number}", rule, {"views.py": f"{HEAD}{text}\n{USES}", **models})
    for number, (path, takes, body) in enumerate(ROUTES):
        rule = "route-parameter-mismatch"
        yield Case(
            f"{rule}-{number}", rule, {"views.py": _view(body, path, "one", takes), **models}
        )
    for number, text in enumerate(DEBUG):
        run = f'{HEAD}{USES}\n\nif __name__ == "__main__":\n    {text}\n'
        yield Case(f"debug-enabled-{number}", "debug-enabled", {"views.py": run, **models})
    for number, (rule, text) in enumerate(RUFF):
        yield Case(f"ruff-{rule}-{number}", rule, {"small.py": text}, "small.py")
