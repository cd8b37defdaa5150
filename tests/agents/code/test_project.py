"""Rules across files, and rules about views, queries, models and settings."""

from __future__ import annotations

import time

import pytest

from agents.code.analyse import analyse
from agents.code.model import Analysis
from agents.code.modules import read_project
from agents.code.project import rules
from tests.eval import code_app


@pytest.fixture(scope="module")
def planted() -> tuple[Analysis, dict[str, tuple[str, str]]]:
    files, wanted = code_app.planted()
    return analyse(files, kind="directory"), wanted


def test_every_planted_fault_is_found(
    planted: tuple[Analysis, dict[str, tuple[str, str]]],
) -> None:
    """An app with one fault of each rule gets a finding at each marked line."""
    answer, wanted = planted
    told = {(item.rule, item.file, item.evidence) for item in answer.findings}
    assert len(wanted) >= 25
    assert not {rule for rule, (file, line) in wanted.items() if (rule, file, line) not in told}


def test_nothing_else_is_said_of_the_planted_app(
    planted: tuple[Analysis, dict[str, tuple[str, str]]],
) -> None:
    """Lines without a planted fault get no finding."""
    answer, wanted = planted
    marked = set(wanted.values())
    assert not [item for item in answer.findings if (item.file, item.evidence) not in marked]


def test_a_clean_app_is_left_in_peace() -> None:
    """An app of four themes without a fault gets five findings at most."""
    assert len(analyse(code_app.clean(4), kind="directory").findings) <= 5


def check(**files: str) -> set[str]:
    """The rules that fire on files; ``api__x`` is ``api/x.py``."""
    given = {f"{name.replace('__', '/')}.py": text for name, text in files.items()}
    project, _ = read_project(given)
    return {item.rule for item in rules.check(project, given, alone=False).findings}


def test_a_handler_that_lets_http_answers_pass_swallows_nothing() -> None:
    """`except HTTPException: raise` before `except Exception` keeps the 404."""
    body = (
        "from flask import Flask\nfrom werkzeug.exceptions import HTTPException\n"
        "app = Flask(__name__)\n@app.route('/<int:n>')\ndef f(n):\n    try:\n"
        "        return str(Thing.query.get_or_404(n).id)\n{}    except Exception:\n"
        "        return 'failed', 500\n"
    )
    assert "swallowed-404" in check(app=body.format(""))
    mended = body.format("    except HTTPException:\n        raise\n")
    assert "swallowed-404" not in check(app=mended)


def test_prefixes_of_blueprints_belong_to_their_routes() -> None:
    """A page that asks for prefix plus path asks for something that is served."""
    app = (
        "from flask import Flask\nfrom things import bp\napp = Flask(__name__)\n"
        "app.register_blueprint(bp, url_prefix='/api/things')\n"
    )
    things = (
        "from flask import Blueprint\nbp = Blueprint('t', __name__)\n"
        "@bp.route('/<int:n>', methods=['GET'])\ndef one(n):\n    return {}\n"
    )
    files = {"app.py": app, "things.py": things}
    project, _ = read_project(files)
    for script, expected in (
        ("fetch(`/api/things/${n}`)", set()),
        ("fetch(`/api/things/${n}`, {method: 'DELETE'})", {"route-not-served"}),
        ("fetch('/api/things/list/all')", {"route-not-served"}),
        ("fetch('https://other.example/api/things/list/all')", set()),
    ):
        told = rules.check(project, files | {"page.js": script}, alone=False).findings
        assert {item.rule for item in told if item.file == "page.js"} == expected, script


@pytest.mark.parametrize(
    ("registered", "told"),
    [
        ("app.register_blueprint(bp, url_prefix='/api/things')", True),
        ("app.register_blueprint(bp, url_prefix=None)", True),
        ("BASE = '/api'\napp.register_blueprint(bp, url_prefix=f'{BASE}/v1')", False),
        ("up = Blueprint('u', 'u')\nup.register_blueprint(bp)\napp.register_blueprint(up)", False),
        ("app.register_blueprint(bp)\napp.add_url_rule('/api/list', view_func=other)", False),
        ("app.register_blueprint(bp)\nApi(app).add_resource(Listed, '/api/list')", False),
        ("app.register_blueprint(bp)\n@app.route(LIST)\ndef listed():\n    return {}", False),
        ("from own import register_blueprint\nregister_blueprint(bp)", True),
    ],
)
def test_nothing_is_unserved_where_routes_are_unknown(registered: str, told: bool) -> None:
    """Whoever cannot know every route does not say of a path that no route serves it."""
    app = (
        "from flask import Blueprint, Flask\nfrom things import bp\napp = Flask(__name__)\n"
        f"@app.route('/api/health')\ndef health():\n    return {{}}\n{registered}\n"
    )
    things = (
        "from flask import Blueprint\nbp = Blueprint('t', __name__, url_prefix='/api/things')\n"
        "@bp.route('/<int:n>')\ndef one(n):\n    return {}\n"
    )
    files = {"app.py": app, "things.py": things, "page.js": "fetch('/api/list')"}
    project, _ = read_project(files)
    found = {item.rule for item in rules.check(project, files, alone=False).findings}
    assert ("route-not-served" in found) is told


PULLED = (
    "from flask import Blueprint, Flask, g\napp = Flask(__name__)\n"
    "bp = Blueprint('b', __name__, url_prefix='/<lang>')\n"
    "other = Blueprint('o', __name__, url_prefix='/o')\n"
    "{}\n@bp.route('/a')\ndef a():\n    return g.lang\n"
    "app.register_blueprint(bp)\napp.register_blueprint(other)\n"
)
PULL = "@bp.url_value_preprocessor\ndef pull(endpoint, values):\n"
LOOK = "    if values and 'lang' in values:\n        g.lang = values['lang']\n"
POP = "def pull(endpoint, values):\n    g.lang = values.pop('lang'{})\n"


@pytest.mark.parametrize(
    ("preprocessor", "told"),
    [
        ("", True),
        ("@bp.url_value_preprocessor\n" + POP.format(""), False),
        ("@app.url_value_preprocessor\n" + POP.format(", None"), False),
        ("@other.app_url_value_preprocessor\n" + POP.format(""), False),
        ("@other.url_value_preprocessor\n" + POP.format(""), True),
        (POP.format("") + "bp.url_value_preprocessor(pull)", False),
        ("from own import pull\nbp.url_value_preprocessor(pull)", False),
        (f"{PULL}{LOOK}        del values['lang']\n", False),
        (f"{PULL}    keep(values)\n", False),
        (PULL + LOOK, True),
        (f"{PULL}    g.shop = values.pop('shop')\n", True),
    ],
)
def test_a_value_that_is_taken_before_the_view_is_no_mismatch(
    preprocessor: str, told: bool
) -> None:
    """A view need not take what a preprocessor of its app or blueprint takes out of the URL; one
    of another blueprint, one that only looks and one that takes something else change nothing."""
    assert ("route-parameter-mismatch" in check(app=PULLED.format(preprocessor))) is told


def test_a_value_that_is_put_in_before_the_view_is_no_mismatch() -> None:
    """A view may take what a preprocessor adds to the values of the URL."""
    app = (
        "from flask import Flask\napp = Flask(__name__)\n{}"
        "@app.route('/a')\ndef a(shop):\n    return shop\n"
    )
    added = "@app.url_value_preprocessor\ndef put(endpoint, values):\n    values['shop'] = 1\n"
    assert "route-parameter-mismatch" in check(app=app.format(""))
    assert "route-parameter-mismatch" not in check(app=app.format(added))


def test_an_import_that_may_fail_is_no_fault() -> None:
    """A name probed in a try, a submodule and a star are all fine."""
    assert "import-of-missing-name" in check(a="from b import gone\n", b="x = 1\n")
    assert "import-of-missing-name" not in check(
        a="try:\n    from b import gone\nexcept ImportError:\n    gone = None\n", b="x = 1\n"
    )
    assert "import-of-missing-name" not in check(
        a="from pack import inner\n", pack____init__="", pack__inner="x = 1\n"
    )


def test_attributes_of_backrefs_and_mixins_are_there() -> None:
    """What another model's relationship adds is no missing attribute."""
    models = (
        "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy()\n"
        "class A(db.Model):\n    id = db.Column(db.Integer, primary_key=True)\n"
        "class B(db.Model):\n    id = db.Column(db.Integer, primary_key=True)\n"
        "    a_id = db.Column(db.ForeignKey('a.id'), index=True)\n"
        "    a = db.relationship('A', backref='bs')\n"
    )
    assert "model-attribute-missing" not in check(m=models, u="from m import A\nA.bs.any()\n")
    assert "model-attribute-missing" in check(m=models, u="from m import A\nA.cs.any()\n")


MODELS = (
    "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy()\n"
    "class Client(db.Model):\n    id = db.Column(db.Integer, primary_key=True)\n"
    "class Session(db.Model):\n    id = db.Column(db.Integer, primary_key=True)\n"
    "    client_id = db.Column(db.ForeignKey('client.id'), index=True)\n"
    "    client = db.relationship('Client', backref='sessions')\n"
)


@pytest.mark.parametrize(
    ("use", "missing"),
    [
        ("from models import Client\nClient(base_url='x')\n", True),
        ("from httpx import Client\nClient(base_url='x', timeout=5)\n", False),
        ("from sqlalchemy.orm import Session\nSession(bind=1).close()\nSession.object\n", False),
        ("class Client:\n    def __init__(self, base_url): ...\nClient(base_url='x')\n", False),
        ("class Session:\n    pass\nfrom models import Client\nClient.sessions.any()\n", False),
    ],
)
def test_a_class_of_a_models_name_is_no_model(use: str, missing: bool) -> None:
    """Other libraries have a Client and a Session too; what a name stands for is looked up."""
    assert ("model-attribute-missing" in check(models=MODELS, use=use)) is missing


def test_a_route_is_public_only_where_others_are_not() -> None:
    """Without any login in the project there is one finding, not one a route."""
    app = "from flask import Flask\napp = Flask(__name__)\n" + "".join(
        f"@app.route('/{n}', methods=['POST'])\ndef f{n}():\n    return ''\n" for n in range(5)
    )
    project, _ = read_project({"app.py": app})
    told = rules.check(project, {"app.py": app}, alone=False)
    assert [item.rule for item in told.findings] == ["missing-auth"]
    assert told.public_routes == []


@pytest.mark.parametrize(
    ("script", "loose"),
    [
        ("x.innerHTML = `<b>${user.name}</b>`", True),
        ("x.innerHTML = `<b>${escapeHtml(user.name)}</b>`", False),
        ("x.innerHTML += `<li>${user.name}</li>`", True),
        ("x.innerHTML += `<li>${escapeHtml(user.name)}</li>`", False),
        ("x.innerHTML = `<b>${user.phoneNumber}</b>`", True),
        ("x.innerHTML = `<b>${Number(user.age)}</b>`", False),
        ("x.innerHTML = '<b>fixed</b>'", False),
        ("x.innerHTML = items.map(i => `<li>${i.title}</li>`).join('')", True),
        ("x.innerHTML = items.map(i => `<li>${esc(i.title)}</li>`).join('')", False),
        ("x.innerHTML = `${items.length} found`", False),
        ("x.insertAdjacentHTML('beforeend', row.html)", True),
        ("x.textContent = user.name", False),
        ("eval(code)", True),
    ],
)
def test_markup_of_others_in_pages(script: str, loose: bool) -> None:
    """What is put into a page as HTML is a finding unless something escapes it."""
    project, _ = read_project({})
    told = rules.check(project, {"page.js": script}, alone=True).findings
    assert bool(told) is loose


def test_rules_across_files_do_not_run_on_one_file() -> None:
    """A snippet without its project is not told that its imports are missing."""
    text = "from app import gone\nfrom flask import Blueprint\nbp = Blueprint('b', __name__)\n"
    answer = analyse({"app.py": "x = 1\n", "a.py": text}, kind="snippet")
    assert not answer.findings
    assert "across files did not run" in answer.notes[0]


def test_a_patch_of_a_test_is_no_route() -> None:
    """`@mock.patch("api.mail.send")` serves nothing; `@bp.patch("/a")` is a route."""
    body = (
        "from unittest import mock\nfrom flask import Blueprint\nbp = Blueprint('b', __name__)\n"
        "@{}\ndef f(given):\n    return str(given)\n"
    )
    assert not check(tests__test_mail=body.format('mock.patch("api.mail.send")'))
    assert not check(tests__test_mail=body.format("mock.patch(TARGET)"))
    assert "route-parameter-mismatch" in check(api=body.format('bp.patch("/a/<int:n>")'))


def test_a_folder_of_a_used_package_does_not_stand_for_a_library_of_its_name() -> None:
    """In a package that is imported by its own name, `requests.exceptions` is the library; a
    backend folder with an `__init__` that nobody imports is still the import root."""
    library = "from requests.exceptions import HTTPError\n"
    deep = {
        "gym/app/__init__.py": "", "gym/app/requests/__init__.py": "",
        "gym/app/requests/exceptions.py": "A = 1\n", "gym/app/http.py": library,
    }  # fmt: skip
    root = {
        "backend/__init__.py": "", "backend/api/__init__.py": "",
        "backend/api/goals.py": "A = 1\n", "backend/app.py": "from api.goals import B\n",
    }  # fmt: skip

    def fails(files: dict[str, str]) -> bool:
        project, _ = read_project(files)
        told = rules.check(project, files, alone=False).findings
        return "import-of-missing-name" in {item.rule for item in told}

    assert fails(deep)
    assert not fails({**deep, "gym/run.py": "from app.http import HTTPError\n"})
    assert not fails({**deep, "gym/app/requests/a.py": "from ..http import HTTPError\n"})
    assert fails(root)


def test_models_with_a_base_of_the_projects_own_may_have_any_attribute() -> None:
    """`SQLAlchemy(model_class=Base)` gives every model what `Base` has."""
    body = (
        "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy({})\n"
        "class Client(db.Model):\n    id = db.Column(db.Integer, primary_key=True)\n"
        "def first():\n    return Client.get_or_404(1)\n"
    )
    assert "model-attribute-missing" in check(app=body.format(""))
    assert "model-attribute-missing" not in check(app=body.format("model_class=Better"))


@pytest.mark.parametrize(
    ("body", "open_to_all"),
    [
        ("wipe()", True),
        ("if not current_user.is_admin:\n        abort(403)\n    wipe()", False),
        ("if g.user is None:\n        return 'no', 401\n    wipe()", False),
        ("if not Permissions.ADMIN.can():\n        raise Forbidden\n    wipe()", False),
        ("if request.json:\n        return ''\n    wipe()", True),
        ("return redirect(url_for('a.b'), code=307)", False),
    ],
)
def test_a_view_that_refuses_by_itself_asks_for_a_login(body: str, open_to_all: bool) -> None:
    """A view that answers 403, looks at who is there, or only redirects lacks no decorator."""
    app = (
        "from flask import Flask\napp = Flask(__name__)\n"
        "@app.post('/a')\n@login_required\ndef a():\n    wipe()\n"
        f"@app.post('/b')\ndef b():\n    {body}\n"
    )
    assert ("missing-auth" in check(app=app)) is open_to_all


def test_a_framework_that_fills_parameters_lacks_none() -> None:
    """A FastAPI view takes its body and its query beside what the path passes."""
    body = "@app.post('/a')\ndef a(payload, limit):\n    return limit\n"
    fast = "from fastapi import FastAPI\napp = FastAPI()\n"
    flask = "from flask import Flask\napp = Flask(__name__)\n"
    assert "route-parameter-mismatch" not in check(app=fast + body)
    assert "route-parameter-mismatch" in check(app=flask + body)


@pytest.mark.parametrize(
    ("script", "unsafe"),
    [
        ("const html = '<b>' + client.name; el.innerHTML = html;", True),
        ("let r = ''; for (const c of all) r += `<li>${c.name}</li>`; el.innerHTML = r;", True),
        ("el.innerHTML = decodeURIComponent(location.hash.slice(1));", True),
        ("const note = location.search; el.innerHTML = `<p>${note}</p>`;", True),
        ("$('#a').html('<b>' + data.name);", True),
        ("$list.html(`<li>${data.name}</li>`);", True),
        ("const html = '<b>fixed</b>'; el.innerHTML = html;", False),
        ("const html = `<b>${escapeHtml(client.name)}</b>`; el.innerHTML = html;", False),
        ("const note = escape(location.search); el.innerHTML = `<p>${note}</p>`;", False),
        ("function show(html) { el.innerHTML = html; }", False),
        ("let a = b; let b = a; el.innerHTML = a;", False),
        ("$('#a').html('<b>ok</b>'); $('#b').text(data.name); $('#c').html(data.page);", False),
        ("el.append(client.name); $('#a').append($('<li>'));", False),
    ],
)
def test_markup_made_of_others_values_is_followed_to_the_page(script: str, unsafe: bool) -> None:
    """Through variables, jQuery and the page's own address; not where it is escaped or text."""
    found = analyse({"static/a.js": f"function f(all, data, el) {{ {script} }}\n"}, kind="files")
    assert ("dom-xss" in {item.rule for item in found.findings}) is unsafe


def test_a_long_script_is_read_in_time() -> None:
    """A file with a thousand writes of variables is read within seconds."""
    text = "".join(f"var v{n} = '<b>' + a.b{n}; el.innerHTML = v{n};\n" for n in range(1000))
    begun = time.monotonic()
    found = analyse({"static/a.js": text}, kind="files").findings
    assert len([item for item in found if item.rule == "dom-xss"]) == 1000
    assert time.monotonic() - begun < 10


def test_what_only_looks_like_a_request_or_a_cookie_is_none() -> None:
    """A dictionary out of requests and a jar's whole cookie have neither timeout nor flags; a
    repair would add arguments that they do not take."""
    text = (
        "import requests\nfrom requests.utils import PORTS\nPORTS.get('http', None)\n"
        "def put(jar, response, cookie):\n    jar.set_cookie(cookie)\n"
    )
    assert not analyse({"a.py": text}, kind="files").findings
    text += "    response.set_cookie('a', cookie)\nrequests.get('https://a')\n"
    found = analyse({"a.py": text}, kind="files").findings
    assert {item.rule for item in found} == {"insecure-cookie", "http-without-timeout"}


ASYNC = """
import asyncio
async def save(x): ...
async def stream():
    yield 1
class Store:
    async def put(self): ...
    def get(self): ...
    async def run(self):
        {}
"""


@pytest.mark.parametrize(
    ("statement", "wrong"),
    [
        ("save(1)", True),
        ("self.put()", True),
        ("await save(1)", False),
        ("task = asyncio.create_task(save(1))", False),
        ("asyncio.create_task(save(1))", False),
        ("self.get()", False),
        ("stream()", False),
        ("print(save)", False),
    ],
)
def test_a_coroutine_that_nobody_awaits_is_told(statement: str, wrong: bool) -> None:
    """A call of an async function as a statement runs nothing."""
    assert ("coroutine-not-awaited" in check(app=ASYNC.format(statement))) is wrong


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("Client.query.filter_by(id=1).first().name", True),
        ("db.session.execute(select(Client)).scalar_one_or_none().name", True),
        ("db.session.query(func.max(Client.id)).first().name", False),
        ("Client.query.filter_by(id=1).one().name", False),
        ("Client.query.first_or_404().name", False),
        ("stack.first().name", False),
    ],
)
def test_a_row_that_may_be_absent_is_told(expression: str, wrong: bool) -> None:
    """An attribute of what a query gives, where no row may fit; an aggregate always has one."""
    assert ("none-after-query" in check(app=f"def f():\n    return {expression}\n")) is wrong


@pytest.mark.parametrize(
    ("test", "wrong"),
    [
        ("own == request.headers.get('X-Signature')", True),
        ("request.headers['X-Sig'] != own", True),
        ("hmac.new(k, d, 'sha256').hexdigest() == signature", True),
        ("hmac.compare_digest(own, request.headers['X-Sig'])", False),
        ("own == ''", False),
        ("etag == request.headers.get('If-None-Match')", False),
    ],
)
def test_a_signature_is_compared_in_constant_time(test: str, wrong: bool) -> None:
    """`==` with what was sent tells how much of a signature is right; an ETag is no signature."""
    text = (
        "import hashlib, hmac\ndef f(request, k, d, signature):\n"
        "    own = hmac.new(k, d, 'sha256').hexdigest()\n"
        f"    etag = hashlib.sha256(d).hexdigest()\n    return {test}\n"
    )
    assert ("timing-compare" in check(app=text)) is wrong
