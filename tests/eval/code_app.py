"""Made-up Flask apps with JavaScript pages: a clean one of any size, one with planted faults."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

_APP = '''
"""The gym's backend."""

import os

from flask import Flask

from backend.extensions import db
{imports}


def create_app():
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    db.init_app(app)
{registrations}
    return app


app = create_app()
'''
_EXTENSIONS = '''
"""Shared objects."""

from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()
'''
_AUTH = '''
"""Logins."""

from functools import wraps

from flask import abort, session


def login_required(view):
    @wraps(view)
    def inner(*args, **kwargs):
        if "user_id" not in session:
            abort(401)
        return view(*args, **kwargs)

    return inner
'''
_MODEL = '''
"""{Title}s of the gym."""

from backend.extensions import db


class {Title}(db.Model):
    __tablename__ = "{name}s"

    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(200), nullable=False)
    notes = db.Column(db.Text)
    owner_id = db.Column(db.Integer, index=True)
    price = db.Column(db.Numeric(10, 2))
    active = db.Column(db.Boolean, default=True)

    def to_dict(self):
        return {{
            "id": self.id,
            "title": self.title,
            "notes": self.notes,
            "owner_id": self.owner_id,
            "active": self.active,
        }}
'''
_VIEWS = '''
"""What can be asked of {name}s."""

import logging

from flask import Blueprint, abort, jsonify, request

from backend.auth import login_required
from backend.extensions import db
from backend.models.{name} import {Title}

logger = logging.getLogger(__name__)
{name}_bp = Blueprint("{name}", __name__, url_prefix="/api/{name}s")
FIELDS = ("title", "notes", "active")
PAGE_SIZE = 50


def clean_title(value):
    text = str(value or "").strip()
    if not text or len(text) > 200:
        abort(400)
    return text


def summary(items):
    total = 0
    longest = ""
    for item in items:
        total += 1
        if len(item.title) > len(longest):
            longest = item.title
    return {{"total": total, "longest": longest}}


@{name}_bp.route("/", methods=["GET"])
@login_required
def list_{name}s():
    page = request.args.get("page", 1, type=int)
    order = request.args.get("order", "title")
    if order not in ("title", "id"):
        order = "title"
    query = {Title}.query.filter_by(active=True).order_by(getattr({Title}, order))
    items = query.limit(PAGE_SIZE).offset((page - 1) * PAGE_SIZE).all()
    return jsonify({{"items": [item.to_dict() for item in items], "summary": summary(items)}})


@{name}_bp.route("/<int:item_id>", methods=["GET"])
@login_required
def get_{name}(item_id):
    item = {Title}.query.get_or_404(item_id)
    return jsonify(item.to_dict())


@{name}_bp.route("/", methods=["POST"])
@login_required
def create_{name}():
    data = request.get_json(silent=True) or {{}}
    item = {Title}(title=clean_title(data.get("title")), notes=str(data.get("notes") or ""))
    db.session.add(item)
    db.session.commit()
    logger.info("created {name} %d", item.id)
    return jsonify(item.to_dict()), 201


@{name}_bp.route("/<int:item_id>", methods=["PUT"])
@login_required
def update_{name}(item_id):
    item = {Title}.query.get_or_404(item_id)
    data = request.get_json(silent=True) or {{}}
    for field in FIELDS:
        if field in data:
            setattr(item, field, data[field])
    db.session.commit()
    return jsonify(item.to_dict())


@{name}_bp.route("/<int:item_id>", methods=["DELETE"])
@login_required
def delete_{name}(item_id):
    item = {Title}.query.get_or_404(item_id)
    db.session.delete(item)
    db.session.commit()
    return "", 204


@{name}_bp.route("/search", methods=["GET"])
@login_required
def search_{name}s():
    text = request.args.get("q", "").strip()
    items = {Title}.query.filter({Title}.title.ilike(f"%{{text}}%")).limit(PAGE_SIZE).all()
    return jsonify([item.to_dict() for item in items])
'''
_PAGE = """
// The page of {name}s.
const API = '/api/{name}s';

async function load{Title}s(page) {{
  const answer = await fetch(`${{API}}/?page=${{page}}`);
  if (!answer.ok) {{
    showMessage('Could not load');
    return;
  }}
  const data = await answer.json();
  const list = document.getElementById('{name}-list');
  list.textContent = '';
  for (const item of data.items) {{
    const row = document.createElement('li');
    row.textContent = item.title;
    row.addEventListener('click', () => open{Title}(item.id));
    list.appendChild(row);
  }}
}}

async function open{Title}(id) {{
  const answer = await fetch(`/api/{name}s/${{id}}`);
  const item = await answer.json();
  document.getElementById('{name}-title').textContent = item.title;
  document.getElementById('{name}-notes').textContent = item.notes;
}}

async function save{Title}(id, title, notes) {{
  await fetch(`/api/{name}s/${{id}}`, {{
    method: 'PUT',
    headers: {{'Content-Type': 'application/json'}},
    body: JSON.stringify({{title, notes}}),
  }});
  await load{Title}s(1);
}}

async function remove{Title}(id) {{
  await fetch(`/api/{name}s/${{id}}`, {{method: 'DELETE'}});
}}

function showMessage(text) {{
  document.getElementById('message').textContent = text;
}}
"""


def _names(count: int) -> Iterator[str]:
    words = ("client", "trainer", "session", "workout", "goal", "invoice", "room", "course")
    for number in range(count):
        word = words[number % len(words)]
        yield word if number < len(words) else f"{word}{number // len(words)}"


def clean(parts: int = 4) -> dict[str, str]:
    """An app without a fault: `parts` themes of about 190 lines each."""
    files: dict[str, str] = {}
    names = list(_names(parts))
    for name in names:
        words = {"name": name, "Title": name.capitalize()}
        files[f"backend/models/{name}.py"] = _MODEL.format(**words)
        files[f"backend/api/{name}s.py"] = _VIEWS.format(**words)
        files[f"frontend/js/{name}s.js"] = _PAGE.format(**words)
    imports = "\n".join(f"from backend.api.{name}s import {name}_bp" for name in names)
    calls = "\n".join(f"    app.register_blueprint({name}_bp)" for name in names)
    files["backend/app.py"] = _APP.format(imports=imports, registrations=calls)
    files["backend/extensions.py"] = _EXTENSIONS
    files["backend/auth.py"] = _AUTH
    for package in ("backend", "backend/api", "backend/models"):
        files[f"{package}/__init__.py"] = ""
    files["Procfile"] = "web: gunicorn backend.app:app\n"
    return {name: text.lstrip("\n") for name, text in files.items()}


def large(lines: int = 18_000) -> dict[str, str]:
    """A clean app of at least so many lines."""
    parts = 8
    files = clean(parts)
    while sum(text.count("\n") for text in files.values()) < lines:
        parts += 8
        files = clean(parts)
    return files


def planted() -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """An app with one fault of each project rule: the files, and rule -> (file, marked line).

    A marked line ends with a comment that names its rule; the marks are taken out of the files.
    """
    files = clean(2)
    for name, text in _FAULTY.items():
        files[name] = textwrap.dedent(text).lstrip("\n")
    wanted: dict[str, tuple[str, str]] = {}
    for name, text in files.items():
        kept = []
        for row in text.split("\n"):
            code, mark, rule = row.partition("  #! ")
            if not mark:
                code, mark, rule = row.partition("  //! ")
            if mark:
                wanted[rule.strip()] = (name, code)
            kept.append(code)
        files[name] = "\n".join(kept)
    files["Procfile"] = "web: gunicorn backend.app:application\n"
    wanted["entry-point-misses-app"] = ("Procfile", "web: gunicorn backend.app:application")
    return files, wanted


_FAULTY = {
    "backend/models/order.py": """
        from datetime import datetime

        from backend.extensions import db


        class Order(db.Model):
            __tablename__ = "orders"

            id = db.Column(db.Integer, primary_key=True)
            client_id = db.Column(db.ForeignKey("clients.id"))  #! foreign-key-without-index
            amount = db.Column(db.Float)  #! money-as-float
            state = db.Column(db.String(20))
            client = db.relationship("Client", backref="orders")


        class Payment(db.Model):
            __tablename__ = "payments"

            id = db.Column(db.Integer, primary_key=True)
            client_id = db.Column(db.Integer, index=True)
            client = db.relationship("Client", backref="orders")  #! backref-collision
        """,
    "backend/api/orders.py": """
        import os
        import sqlite3

        import requests
        from flask import Blueprint, jsonify, request
        from flask_cors import CORS

        from backend.auth import login_required
        from backend.auth import admin_required  #! import-of-missing-name
        from backend.extensions import db
        from backend.models.client import Client
        from backend.models.order import Order

        order_bp = Blueprint("order", __name__)  #! blueprint-not-registered
        SECRET = os.environ.get("SECRET_KEY", "dev-secret-key")  #! literal-secret-fallback
        counter = 0


        def allow(app):
            CORS(app, origins="*", supports_credentials=True)  #! cors-wildcard


        @order_bp.before_request
        def check_token():  #! cors-options-unhandled
            if "Authorization" not in request.headers:
                return jsonify(error="no token"), 401


        @order_bp.route("/orders/<int:order_id>", methods=["GET"])  #! route-parameter-mismatch
        def get_order(id):
            return jsonify({})


        @order_bp.route("/orders/one/<int:order_id>", methods=["GET"])
        @login_required
        def one_order(order_id):
            try:
                order = Order.query.get_or_404(order_id)  #! swallowed-404
                return jsonify(state=order.state)
            except Exception:
                return jsonify(error="failed"), 500


        @order_bp.route("/orders", methods=["GET"])
        @login_required
        def list_orders():
            limit = int(request.args.get("limit", "10"))  #! unchecked-int
            orders = Order.query.all()  #! unbounded-all
            count = len(Client.query.all())  #! len-of-all
            names = []
            for order in orders[:limit]:
                client = Client.query.get(order.client_id)  #! query-in-loop
                names.append(client.title)
            return jsonify(names=names, count=count)


        @order_bp.route("/orders/close", methods=["POST"])
        @login_required
        def close_orders():
            for order in Order.query.filter_by(state="open").limit(100):
                order.state = "closed"
                db.session.commit()  #! commit-in-loop
            return "", 204


        @order_bp.route("/orders/new", methods=["POST"])
        @login_required
        def new_order():
            order = Order(state="open", colour="red")  #! model-attribute-missing
            db.session.add(order)  #! write-without-commit
            return jsonify(id=order.id)


        @order_bp.route("/orders/setup", methods=["GET"])
        @login_required
        def setup():
            db.create_all()  #! ddl-in-request
            return "ok"


        @order_bp.route("/orders/count", methods=["GET"])
        @login_required
        def count():
            global counter  #! request-state-in-module
            counter += 1
            return jsonify(n=counter)


        @order_bp.route("/orders/rates", methods=["GET"])
        @login_required
        def rates():
            answer = requests.get("https://rates.example/today")  #! http-without-timeout
            con = sqlite3.connect("rates.db")  #! connection-not-closed
            rows = con.execute("SELECT 1").fetchall()
            return jsonify(answer.json(), len(rows))
        """,
    "backend/api/open.py": """
        from flask import Blueprint, jsonify, request

        from backend.extensions import db
        from backend.models.client import Client

        open_bp = Blueprint("open", __name__, url_prefix="/api/open")


        @open_bp.route("/<int:item_id>", methods=["DELETE"])  #! missing-auth
        def remove(item_id):
            try:
                Client.query.filter_by(id=item_id).delete()
                db.session.commit()
                return "", 204
            except Exception as error:
                return jsonify(error=str(error)), 500  #! exception-text-to-client
        """,
    "backend/wiring.py": """
        from backend.api.open import open_bp
        from backend.app import app

        app.register_blueprint(open_bp)
        """,
    "frontend/js/orders.js": """
        async function load() {
          const answer = await fetch('/api/clients/overview/all');  //! route-not-served
          const data = await answer.json();
          document.getElementById('orders').innerHTML = `<b>${data.name}</b>`;  //! dom-xss
        }
        """,
}
