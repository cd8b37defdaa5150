"""Places where `bar` does harm, by family: statements of a view, `bar` known.

The CWE is the one of the case. `imports` stand at the top of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sink:
    """answer: what the view returns afterwards."""

    family: str
    cwe: int
    name: str
    body: str
    imports: str = ""
    answer: str = "return 'done'"


SINKS: Final[tuple[Sink, ...]] = (
    Sink("sql", 89, "sqlite",
         "con = sqlite3.connect('app.db')\ncur = con.cursor()\n"
         "cur.execute(f\"SELECT * FROM users WHERE name = '{bar}'\")\nrows = cur.fetchall()",
         "import sqlite3"),
    Sink("sql", 89, "percent",
         "con = sqlite3.connect('app.db')\n"
         "con.execute(\"DELETE FROM notes WHERE title = '%s'\" % bar)", "import sqlite3"),
    Sink("sql", 89, "session",
         "db.session.execute(text('SELECT id FROM clients WHERE email = \\'' + bar + '\\''))",
         "from flask_sqlalchemy import SQLAlchemy\nfrom sqlalchemy import text\n"
         "db = SQLAlchemy()"),
    Sink("sql", 89, "psycopg",
         "with psycopg2.connect('dbname=gym') as con, con.cursor() as cur:\n"
         "    cur.execute('SELECT 1 FROM t ORDER BY ' + bar)", "import psycopg2"),
    Sink("command", 78, "system", "os.system('ping -c 1 ' + bar)", "import os"),
    Sink("command", 78, "shell",
         "out = subprocess.run(f'convert {bar} out.png', shell=True, capture_output=True)",
         "import subprocess"),
    Sink("command", 78, "list",
         "args = ['sh', '-c', 'echo ' + bar]\nproc = subprocess.Popen(args)",
         "import subprocess"),
    Sink("command", 78, "popen", "text = os.popen('id %s' % bar).read()", "import os"),
    Sink("code", 94, "eval", "total = eval(bar)"),
    Sink("code", 94, "exec", "exec('value = ' + bar)"),
    Sink("path", 22, "open",
         "name = os.path.join('/srv/files', bar)\nwith open(name) as handle:\n"
         "    text = handle.read()", "import os"),
    Sink("path", 22, "pathlib",
         "path = pathlib.Path('/srv/files') / bar\ntext = path.read_text()", "import pathlib"),
    Sink("path", 22, "send", "response = send_file('/srv/files/' + bar)",
         "from flask import send_file", "return response"),
    Sink("path", 22, "remove", "os.remove(f'/srv/files/{bar}')", "import os"),
    Sink("xss", 79, "text", "answer = '<p>Hello ' + bar + '</p>'", answer="return answer"),
    Sink("xss", 79, "format", "answer = '<b>{}</b>'.format(bar)",
         answer="return answer, 200"),
    Sink("xss", 79, "response", "answer = make_response(f'<li>{bar}</li>')",
         "from flask import make_response", "return answer"),
    Sink("xss", 79, "markup", "answer = str(Markup('<i>' + bar + '</i>'))",
         "from markupsafe import Markup", "return render_template('x.html', text=answer)"),
    Sink("template", 1336, "string",
         "page = render_template_string('<h1>' + bar + '</h1>')",
         "from flask import render_template_string", "return page"),
    Sink("redirect", 601, "plain", "target = bar", "from flask import redirect",
         "return redirect(target)"),
    Sink("redirect", 601, "scheme", "target = 'https://' + bar",
         "from flask import redirect", "return redirect(target)"),
    Sink("ssrf", 918, "requests", "reply = requests.get(bar, timeout=5)", "import requests"),
    Sink("ssrf", 918, "urlopen", "reply = urllib.request.urlopen('http://' + bar + '/status')",
         "import urllib.request"),
    Sink("xpath", 643, "lxml",
         "tree = etree.parse('/srv/users.xml')\n"
         "found = tree.xpath(\"//user[@name='\" + bar + \"']\")", "from lxml import etree"),
    Sink("xpath", 643, "etree",
         "tree = ET.parse('/srv/users.xml')\nfound = tree.getroot().find(f\"user[@id='{bar}']\")",
         "import xml.etree.ElementTree as ET"),
    Sink("ldap", 90, "ldap3",
         "server = ldap3.Server('ldap://localhost')\nconn = ldap3.Connection(server)\n"
         "conn.search('dc=gym', f'(&(objectclass=person)(uid={bar}))')", "import ldap3"),
    Sink("ldap", 90, "python-ldap",
         "conn = ldap.initialize('ldap://localhost')\n"
         "conn.search_s('dc=gym', ldap.SCOPE_SUBTREE, '(uid=' + bar + ')')", "import ldap"),
    Sink("deserialize", 502, "pickle",
         "thing = pickle.loads(base64.urlsafe_b64decode(bar))", "import base64\nimport pickle"),
    Sink("deserialize", 502, "yaml", "thing = yaml.load(bar, Loader=yaml.Loader)",
         "import yaml"),
    Sink("xxe", 611, "sax",
         "parser = xml.sax.make_parser()\n"
         "parser.setFeature(xml.sax.handler.feature_external_ges, True)\n"
         "doc = xml.dom.minidom.parseString(bar, parser)",
         "import xml.dom.minidom\nimport xml.sax\nimport xml.sax.handler"),
    Sink("xxe", 611, "lxml",
         "parser = etree.XMLParser(resolve_entities=True)\n"
         "doc = etree.fromstring(bar, parser)", "from lxml import etree"),
    Sink("trust", 501, "value", "session['filter'] = bar", "from flask import session"),
    Sink("trust", 501, "key", "session[bar] = '1'", "from flask import session"),
    Sink("log", 117, "logger", "logger.info('looking for %s', bar)",
         "import logging\nlogger = logging.getLogger(__name__)"),
    Sink("header", 113, "set", "answer = make_response('ok')\nanswer.headers['X-Item'] = bar",
         "from flask import make_response", "return answer"),
)  # fmt: skip
