"""What makes a family safe, and what only looks as if it did.

Each is a view's body between `param` and its answer, for the families it is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Check:
    """A pair of bodies, unsafe and safe."""

    family: str
    cwe: int
    name: str
    unsafe: str
    safe: str
    imports: str = ""


CHECKS: Final[tuple[Check, ...]] = (
    Check("sql", 89, "parameters",
          "con.execute('SELECT * FROM t WHERE a = ' + param)\nreturn 'ok'",
          "con.execute('SELECT * FROM t WHERE a = ?', (param,))\nreturn 'ok'",
          "import sqlite3\ncon = sqlite3.connect('x.db')"),
    Check("sql", 89, "columns",
          "order = param if param else 'name'\ncon.execute(f'SELECT * FROM t ORDER BY {order}')\n"
          "return 'ok'",
          "order = param if param in ('name', 'age') else 'name'\n"
          "con.execute(f'SELECT * FROM t ORDER BY {order}')\nreturn 'ok'",
          "import sqlite3\ncon = sqlite3.connect('x.db')"),
    Check("sql", 89, "digits",
          "if not param:\n    return 'no', 400\n"
          "con.execute('SELECT * FROM t WHERE id = ' + param)\nreturn 'ok'",
          "if not param.isdigit():\n    return 'no', 400\n"
          "con.execute('SELECT * FROM t WHERE id = ' + param)\nreturn 'ok'",
          "import sqlite3\ncon = sqlite3.connect('x.db')"),
    Check("command", 78, "quoted",
          "os.system('ls ' + param.strip())\nreturn 'ok'",
          "os.system('ls ' + shlex.quote(param))\nreturn 'ok'", "import os\nimport shlex"),
    Check("command", 78, "arguments",
          "subprocess.run('ls ' + param, shell=True)\nreturn 'ok'",
          "subprocess.run(['ls', '--', param])\nreturn 'ok'", "import subprocess"),
    Check("command", 78, "program",
          "subprocess.run([param, '--version'])\nreturn 'ok'",
          "program = {'a': '/bin/a', 'b': '/bin/b'}.get(param)\nif program is None:\n"
          "    return 'no', 400\nsubprocess.run([program, '--version'])\nreturn 'ok'",
          "import subprocess"),
    Check("path", 22, "dots",
          "if '<' in param:\n    return 'no', 400\nreturn open('/srv/' + param).read()",
          "if '../' in param:\n    return 'no', 400\nreturn open('/srv/' + param).read()"),
    Check("path", 22, "inside",
          "full = os.path.realpath(os.path.join('/srv', param))\n"
          "if not os.path.exists('/srv'):\n    return 'no', 404\n"
          "with open(full) as f:\n    data = f.read()\nreturn 'ok'",
          "full = os.path.realpath(os.path.join('/srv', param))\n"
          "if not full.startswith('/srv/'):\n    return 'no', 404\n"
          "with open(full) as f:\n    data = f.read()\nreturn 'ok'", "import os"),
    Check("path", 22, "secure",
          "with open(os.path.join('/srv', param.lower())) as f:\n    data = f.read()\nreturn 'ok'",
          "with open(os.path.join('/srv', secure_filename(param))) as f:\n    data = f.read()\n"
          "return 'ok'", "import os\nfrom werkzeug.utils import secure_filename"),
    Check("path", 22, "relative",
          "path = (pathlib.Path('/srv') / param).resolve()\nif not path.is_file():\n"
          "    return 'no', 404\nreturn path.read_bytes()",
          "path = (pathlib.Path('/srv') / param).resolve()\n"
          "if not path.is_relative_to('/srv'):\n    return 'no', 404\nreturn path.read_bytes()",
          "import pathlib"),
    Check("xss", 79, "escaped",
          "return '<p>' + param.replace('&', '&amp;') + '</p>'",
          "return '<p>' + html.escape(param) + '</p>'", "import html"),
    Check("xss", 79, "markup",
          "return '<p>%s</p>' % param",
          "return str(Markup('<p>%s</p>') % param)", "from markupsafe import Markup"),
    Check("xss", 79, "json",
          "return 'You said ' + param",
          "return {'said': param}"),
    Check("xss", 79, "plain",
          "return Response('You said ' + param)",
          "return Response('You said ' + param, mimetype='text/plain')",
          "from flask import Response"),
    Check("xss", 79, "template",
          "env = jinja2.Environment()\nreturn env.from_string('{{ x }}').render(x=param)",
          "env = jinja2.Environment(autoescape=True)\n"
          "return env.from_string('{{ x }}').render(x=param)", "import jinja2"),
    Check("template", 1336, "context",
          "return jinja2.Template('Hi ' + param, autoescape=True).render()",
          "return jinja2.Template('Hi {{ name }}', autoescape=True).render(name=param)",
          "import jinja2"),
    Check("redirect", 601, "allowed",
          "if not param:\n    return redirect('/')\nreturn redirect(param)",
          "if param not in {'/home', '/profile'}:\n    return redirect('/')\n"
          "return redirect(param)", "from flask import redirect"),
    Check("redirect", 601, "host",
          "url = urlparse(param)\nif url.scheme != 'https':\n    return 'no', 400\n"
          "return redirect(param)",
          "url = urlparse(param)\nif url.scheme != 'https' or url.netloc != 'gym.example':\n"
          "    return 'no', 400\nreturn redirect(param)",
          "from urllib.parse import urlparse\nfrom flask import redirect"),
    Check("redirect", 601, "slash",
          "if not param.startswith('/'):\n    return 'no', 400\nreturn redirect(param)",
          "if not param.startswith('/') or param.startswith('//'):\n    return 'no', 400\n"
          "return redirect(param)", "from flask import redirect"),
    Check("redirect", 601, "prefix",
          "return redirect('//' + param)",
          "return redirect('/clients/' + param)", "from flask import redirect"),
    Check("ssrf", 918, "prefix",
          "reply = requests.get('https://' + param, timeout=3)\nreturn {'n': reply.status_code}",
          "reply = requests.get('https://api.gym.example/v1/' + param, timeout=3)\n"
          "return {'n': reply.status_code}", "import requests"),
    Check("ssrf", 918, "hosts",
          "host = urlparse(param).hostname\nreply = requests.get(param, timeout=3)\n"
          "return {'host': host}",
          "host = urlparse(param).hostname\nif host not in ('a.example', 'b.example'):\n"
          "    abort(400)\nreply = requests.get(param, timeout=3)\nreturn {'host': host}",
          "import requests\nfrom urllib.parse import urlparse\nfrom flask import abort"),
    Check("xpath", 643, "variable",
          "found = tree.xpath(\"//u[@n='%s']\" % param)\nreturn str(len(found))",
          "found = tree.xpath('//u[@n=$name]', name=param)\nreturn str(len(found))",
          "from lxml import etree\ntree = etree.parse('/srv/u.xml')"),
    Check("xpath", 643, "quote",
          "if '\"' == param:\n    return 'no', 400\n"
          "found = tree.xpath(\"//u[@n='\" + param + \"']\")\nreturn str(len(found))",
          "if \"'\" in param:\n    return 'no', 400\n"
          "found = tree.xpath(\"//u[@n='\" + param + \"']\")\nreturn str(len(found))",
          "from lxml import etree\ntree = etree.parse('/srv/u.xml')"),
    Check("ldap", 90, "escaped",
          "conn.search('dc=gym', '(uid=%s)' % param)\nreturn 'ok'",
          "conn.search('dc=gym', '(uid=%s)' % escape_filter_chars(param))\nreturn 'ok'",
          "import ldap3\nfrom ldap3.utils.conv import escape_filter_chars\n"
          "conn = ldap3.Connection('localhost')"),
    Check("deserialize", 502, "loader",
          "thing = yaml.load(param, Loader=yaml.UnsafeLoader)\nreturn 'ok'",
          "thing = yaml.load(param, Loader=yaml.SafeLoader)\nreturn 'ok'", "import yaml"),
    Check("deserialize", 502, "json",
          "thing = pickle.loads(bytes.fromhex(param))\nreturn 'ok'",
          "thing = json.loads(param)\nreturn 'ok'", "import json\nimport pickle"),
    Check("code", 94, "literal",
          "value = eval(param, {'__builtins__': {}})\nreturn 'ok'",
          "value = ast.literal_eval(param)\nreturn 'ok'", "import ast"),
    Check("code", 94, "table",
          "value = eval('helpers.' + param + '()')\nreturn 'ok'",
          "table = {'len': len, 'max': max}\nif param not in table:\n    return 'no', 400\n"
          "value = eval('table[' + repr(param) + ']')\nreturn 'ok'"),
    Check("xxe", 611, "sax",
          "parser = make_parser()\nparser.setFeature(feature_external_ges, True)\n"
          "doc = xml.dom.minidom.parseString(param, parser)\nreturn 'ok'",
          "parser = make_parser()\nparser.setFeature(feature_external_ges, False)\n"
          "doc = xml.dom.minidom.parseString(param, parser)\nreturn 'ok'",
          "import xml.dom.minidom\nfrom xml.sax import make_parser\n"
          "from xml.sax.handler import feature_external_ges"),
    Check("xxe", 611, "options",
          "doc = etree.fromstring(param, etree.XMLParser(load_dtd=True, no_network=False))\n"
          "return 'ok'",
          "doc = etree.fromstring(param, etree.XMLParser(resolve_entities=False))\nreturn 'ok'",
          "from lxml import etree"),
    Check("log", 117, "lines",
          "logging.warning('user ' + param)\nreturn 'ok'",
          "logging.warning('user ' + param.replace('\\r', '').replace('\\n', ''))\nreturn 'ok'",
          "import logging"),
    Check("log", 117, "shown",
          "logging.info('user %s' % param)\nreturn 'ok'",
          "logging.info('user %r' % param)\nreturn 'ok'", "import logging"),
    Check("header", 113, "quoted",
          "r = make_response('ok')\nr.headers['X-Name'] = param\nreturn r",
          "r = make_response('ok')\nr.headers['X-Name'] = quote(param)\nreturn r",
          "from urllib.parse import quote\nfrom flask import make_response"),
    Check("trust", 501, "allowed",
          "session['lang'] = param\nreturn 'ok'",
          "if param in ('de', 'en'):\n    session['lang'] = param\nreturn 'ok'",
          "from flask import session"),
    Check("upload", 434, "ending",
          "f = request.files['photo']\nname = secure_filename(f.filename)\n"
          "f.save(os.path.join('/srv/up', name))\nreturn 'ok'",
          "f = request.files['photo']\nname = secure_filename(f.filename)\n"
          "if name.rsplit('.', 1)[-1].lower() not in {'png', 'jpg'}:\n    return 'no', 400\n"
          "f.save(os.path.join('/srv/up', name))\nreturn 'ok'",
          "import os\nfrom werkzeug.utils import secure_filename"),
    Check("upload", 434, "helper",
          "f = request.files['doc']\nif f.filename == '':\n    return 'no', 400\n"
          "f.save('/srv/up/' + secure_filename(f.filename))\nreturn 'ok'",
          "f = request.files['doc']\nif not allowed_file(f.filename):\n    return 'no', 400\n"
          "f.save('/srv/up/' + secure_filename(f.filename))\nreturn 'ok'",
          "from werkzeug.utils import secure_filename\nALLOWED = {'pdf'}\n\n\n"
          "def allowed_file(name):\n    return '.' in name and "
          "name.rsplit('.', 1)[1].lower() in ALLOWED"),
    Check("assign", 915, "fields",
          "client = Client(**request.get_json())\nreturn 'ok'",
          "data = request.get_json()\nclient = Client(name=data.get('name'))\nreturn 'ok'",
          "class Client:\n    def __init__(self, name=None, role='user'):\n"
          "        self.name = name\n        self.role = role"),
    Check("assign", 915, "setattr",
          "for key, value in request.get_json().items():\n    setattr(thing, key, value)\n"
          "return 'ok'",
          "for key, value in request.get_json().items():\n    if key in ('name', 'email'):\n"
          "        setattr(thing, key, value)\nreturn 'ok'",
          "class Thing:\n    pass\n\n\nthing = Thing()"),
    Check("nosql", 943, "where",
          "found = users.find({'$where': 'this.name == \"' + param + '\"'})\nreturn 'ok'",
          "found = users.find({'name': param})\nreturn 'ok'",
          "from pymongo import MongoClient\nusers = MongoClient().gym.users"),
    Check("regex", 1333, "nested",
          "ok = re.match(r'^(\\w+\\s?)+$', param)\nreturn 'ok' if ok else 'no'",
          "ok = re.match(r'^[\\w ]+$', param)\nreturn 'ok' if ok else 'no'", "import re"),
    Check("leak", 209, "text",
          "try:\n    work(param)\nexcept Exception as error:\n    return {'error': str(error)}, 500\n"
          "return 'ok'",
          "try:\n    work(param)\nexcept Exception as error:\n    logging.exception('failed')\n"
          "    return {'error': 'it failed'}, 500\nreturn 'ok'",
          "import logging\n\n\ndef work(x):\n    raise RuntimeError"),
)  # fmt: skip
