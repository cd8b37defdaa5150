"""Single files of every kind: libraries, scripts, Django, FastAPI; a weakness each, no safe twins.

They measure breadth: is a family known at all outside of Flask views.
"""

from __future__ import annotations

from typing import Final

SINGLE: Final[tuple[tuple[int, str, str], ...]] = (
    (
        22,
        "join",
        "import os\n\ndef load(name):\n    return open(os.path.join('/srv/data', name)).read()\n",
    ),
    (
        22,
        "format",
        "def read_report(report):\n    with open(f'/srv/reports/{report}.txt') as f:\n        return f.read()\n",
    ),
    (
        22,
        "zip",
        "import zipfile\n\ndef unpack(upload):\n    with zipfile.ZipFile('/srv/in/' + upload) as z:\n        z.extractall('/srv/out')\n",
    ),
    (
        22,
        "tar",
        "import tarfile\n\ndef unpack(path):\n    tar = tarfile.open(path)\n    tar.extractall('/srv/out')\n    tar.close()\n",
    ),
    (78, "system", "import os\n\ndef ping(host):\n    os.system('ping -c 1 ' + host)\n"),
    (
        78,
        "argv",
        "import subprocess\nimport sys\n\nsubprocess.call('ls ' + sys.argv[1], shell=True)\n",
    ),
    (
        78,
        "popen",
        "import subprocess\n\ndef run(branch):\n    return subprocess.Popen(f'git checkout {branch}', shell=True)\n",
    ),
    (
        78,
        "paramiko",
        "import paramiko\n\ndef remote(host, name):\n    client = paramiko.SSHClient()\n    client.connect(host)\n    client.exec_command('rm -r /tmp/' + name)\n",
    ),
    (
        79,
        "django",
        "from django.http import HttpResponse\n\ndef hello(request):\n    return HttpResponse('Hello ' + request.GET.get('name', ''))\n",
    ),
    (
        79,
        "mark_safe",
        "from django.utils.safestring import mark_safe\n\ndef badge(text):\n    return mark_safe('<b>' + text + '</b>')\n",
    ),
    (
        79,
        "fastapi",
        "from fastapi import FastAPI\nfrom fastapi.responses import HTMLResponse\n\napp = FastAPI()\n\n@app.get('/hi')\ndef hi(name: str):\n    return HTMLResponse('<p>' + name + '</p>')\n",
    ),
    (79, "jinja", "import jinja2\n\nenv = jinja2.Environment(autoescape=False)\n"),
    (
        89,
        "concat",
        "import sqlite3\n\ndef find(name):\n    con = sqlite3.connect('x.db')\n    return con.execute(\"SELECT * FROM t WHERE n = '\" + name + \"'\")\n",
    ),
    (
        89,
        "format",
        "def delete(cursor, table):\n    cursor.execute('DELETE FROM {}'.format(table))\n",
    ),
    (
        89,
        "django_raw",
        "from django.db import connection\n\ndef search(request):\n    with connection.cursor() as c:\n        c.execute('SELECT * FROM t WHERE n = %s' % request.GET['q'])\n",
    ),
    (
        89,
        "fastapi",
        "from fastapi import FastAPI\nimport sqlite3\n\napp = FastAPI()\n\n@app.get('/x')\ndef x(q: str):\n    return sqlite3.connect('a').execute(f'SELECT * FROM t WHERE q = {q}').fetchall()\n",
    ),
    (
        90,
        "search",
        "import ldap3\n\ndef find(conn: ldap3.Connection, user):\n    conn.search('dc=x', '(uid=' + user + ')')\n",
    ),
    (94, "eval", "def calculate(expression):\n    return eval(expression)\n"),
    (94, "exec", "import sys\n\nexec(sys.argv[1])\n"),
    (94, "input", "value = eval(input('formula: '))\n"),
    (
        113,
        "django",
        "from django.http import HttpResponse\n\ndef f(request):\n    r = HttpResponse('x')\n    r['X-Name'] = request.GET['name']\n    return r\n",
    ),
    (
        117,
        "log",
        "import logging\n\ndef login(request, user):\n    logging.info('login of ' + user)\n\nfrom flask import Flask, request\napp = Flask(__name__)\n\n@app.route('/l')\ndef l():\n    logging.info('x %s' % request.args['a'])\n    return 'ok'\n",
    ),
    (
        209,
        "flask",
        "from flask import Flask\napp = Flask(__name__)\n\n@app.errorhandler(Exception)\ndef failed(error):\n    return str(error), 500\n",
    ),
    (
        259,
        "password",
        "def connect():\n    return db.connect('gym', password='S3cr3t!pass')\n\nimport db\n",
    ),
    (
        295,
        "requests",
        "import requests\n\ndef fetch(url):\n    return requests.get(url, verify=False)\n",
    ),
    (
        295,
        "ssl",
        "import ssl\n\ncontext = ssl.create_default_context()\ncontext.check_hostname = False\ncontext.verify_mode = ssl.CERT_NONE\n",
    ),
    (295, "urllib3", "import urllib3\n\npool = urllib3.PoolManager(cert_reqs='CERT_NONE')\n"),
    (
        295,
        "paramiko",
        "import paramiko\n\nclient = paramiko.SSHClient()\nclient.set_missing_host_key_policy(paramiko.AutoAddPolicy())\n",
    ),
    (295, "httpx", "import httpx\n\nclient = httpx.Client(verify=False)\n"),
    (
        295,
        "aiohttp",
        "import aiohttp\n\nasync def f(url):\n    async with aiohttp.ClientSession() as s:\n        async with s.get(url, ssl=False) as r:\n            return await r.text()\n",
    ),
    (319, "ftp", "import ftplib\n\nftp = ftplib.FTP('host')\nftp.login('u', 'p')\n"),
    (319, "telnet", "import telnetlib\n\nt = telnetlib.Telnet('host')\n"),
    (
        319,
        "http",
        "import requests\n\ndef send(token):\n    requests.post('http://api.example/x', headers={'Authorization': token})\n",
    ),
    (
        321,
        "key",
        "from cryptography.fernet import Fernet\n\nbox = Fernet(b'pRmgMa8T0INjEAfksaq2aafzoZXEuwKI7wDe4c1F8AY=')\n",
    ),
    (326, "rsa", "from Crypto.PublicKey import RSA\n\nkey = RSA.generate(1024)\n"),
    (
        326,
        "dsa",
        "from cryptography.hazmat.primitives.asymmetric import dsa\n\nkey = dsa.generate_private_key(key_size=1024)\n",
    ),
    (
        327,
        "arc4",
        "from Crypto.Cipher import ARC4\n\ndef enc(key, data):\n    return ARC4.new(key).encrypt(data)\n",
    ),
    (
        327,
        "ecb",
        "from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes\n\ndef enc(key):\n    return Cipher(algorithms.AES(key), modes.ECB())\n",
    ),
    (327, "tls", "import ssl\n\nctx = ssl.SSLContext(ssl.PROTOCOL_TLSv1)\n"),
    (328, "md5", "import hashlib\n\ndef sign(data):\n    return hashlib.md5(data).hexdigest()\n"),
    (
        328,
        "sha1",
        "from hashlib import sha1\n\ndef sign(data):\n    return sha1(data).hexdigest()\n",
    ),
    (
        328,
        "hazmat",
        "from cryptography.hazmat.primitives import hashes\n\nd = hashes.Hash(hashes.SHA1())\n",
    ),
    (
        329,
        "iv",
        "from Crypto.Cipher import AES\n\nIV = b'0000000000000000'\n\ndef enc(key):\n    return AES.new(key, AES.MODE_CBC, IV)\n",
    ),
    (
        330,
        "token",
        "import random\n\ndef make_token():\n    return '%032x' % random.getrandbits(128)\n",
    ),
    (
        330,
        "password",
        "import random\nimport string\n\ndef new_password(n):\n    return ''.join(random.choice(string.ascii_letters) for _ in range(n))\n",
    ),
    (
        347,
        "jwt",
        "import jwt\n\ndef read(token):\n    return jwt.decode(token, options={'verify_signature': False})\n",
    ),
    (
        347,
        "old",
        "import jwt\n\ndef read(token, key):\n    return jwt.decode(token, key, verify=False)\n",
    ),
    (377, "mktemp", "import tempfile\n\nname = tempfile.mktemp('.txt')\n"),
    (
        377,
        "tmp",
        "def dump(data):\n    with open('/tmp/report.txt', 'w') as f:\n        f.write(data)\n",
    ),
    (
        434,
        "save",
        "from flask import Flask, request\nimport os\n\napp = Flask(__name__)\n\n@app.post('/up')\ndef up():\n    f = request.files['f']\n    f.save(os.path.join('/srv/up', f.filename))\n    return 'ok'\n",
    ),
    (
        434,
        "django",
        "from django.core.files.storage import default_storage\n\ndef up(request):\n    f = request.FILES['f']\n    default_storage.save('up/' + f.name, f)\n",
    ),
    (
        489,
        "debug",
        "from flask import Flask\napp = Flask(__name__)\n\nif __name__ == '__main__':\n    app.run(debug=True)\n",
    ),
    (489, "django", "DEBUG = True\nALLOWED_HOSTS = ['*']\nINSTALLED_APPS = []\n"),
    (
        501,
        "session",
        "from flask import Flask, request, session\napp = Flask(__name__)\n\n@app.route('/a')\ndef a():\n    session['role'] = request.args['role']\n    return 'ok'\n",
    ),
    (502, "pickle", "import pickle\n\ndef load(data):\n    return pickle.loads(data)\n"),
    (502, "yaml", "import yaml\n\ndef load(text):\n    return yaml.load(text)\n"),
    (502, "shelve", "import jsonpickle\n\ndef load(text):\n    return jsonpickle.decode(text)\n"),
    (502, "marshal", "import marshal\n\ndef load(data):\n    return marshal.loads(data)\n"),
    (
        601,
        "django",
        "from django.shortcuts import redirect\n\ndef go(request):\n    return redirect(request.GET['next'])\n",
    ),
    (
        601,
        "fastapi",
        "from fastapi import FastAPI\nfrom fastapi.responses import RedirectResponse\n\napp = FastAPI()\n\n@app.get('/go')\nasync def go(url: str):\n    return RedirectResponse(url)\n",
    ),
    (
        611,
        "lxml",
        "from lxml import etree\n\ndef read(data):\n    parser = etree.XMLParser(resolve_entities=True, load_dtd=True)\n    return etree.fromstring(data, parser)\n",
    ),
    (
        611,
        "sax",
        "import xml.sax\n\ndef read(path):\n    parser = xml.sax.make_parser()\n    parser.setFeature(xml.sax.handler.feature_external_ges, True)\n    parser.parse(path)\n",
    ),
    (
        611,
        "network",
        "from lxml import etree\n\nparser = etree.XMLParser(no_network=False, resolve_entities=True)\n",
    ),
    (
        614,
        "cookie",
        "def respond(response):\n    response.set_cookie('session', 'x')\n    return response\n",
    ),
    (614, "setting", "SESSION_COOKIE_SECURE = False\nCSRF_COOKIE_SECURE = False\n"),
    (
        643,
        "lxml",
        'from lxml import etree\n\ndef find(tree, name):\n    return tree.xpath("//u[@n=\'" + name + "\']")\n',
    ),
    (
        643,
        "etree",
        "import xml.etree.ElementTree as ET\n\ndef find(name):\n    return ET.parse('u.xml').findall(\".//u[@n='%s']\" % name)\n",
    ),
    (732, "chmod", "import os\n\nos.chmod('/srv/run.sh', 0o777)\n"),
    (
        759,
        "bcrypt",
        "import hashlib\n\ndef store(password):\n    return hashlib.pbkdf2_hmac('sha256', password.encode(), b'salt', 100000)\n",
    ),
    (798, "aws", "AWS_SECRET_ACCESS_KEY = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzAbcd9876'\n"),
    (
        798,
        "fallback",
        "import os\n\nSECRET_KEY = os.environ.get('SECRET_KEY', 'dev-key-please-change')\n",
    ),
    (798, "compare", "def login(password):\n    return password == 'Adm1n!2024'\n"),
    (
        915,
        "django",
        "from models import Client\n\ndef make(request):\n    return Client.objects.create(**request.POST.dict())\n",
    ),
    (
        916,
        "sha",
        "import hashlib\n\ndef store(password):\n    return hashlib.sha256(password.encode()).hexdigest()\n",
    ),
    (
        918,
        "fetch",
        "import requests\n\ndef proxy(request):\n    return requests.get(request.GET['url'])\n\nfrom django.http import HttpResponse\n",
    ),
    (
        918,
        "host",
        "import urllib.request\n\ndef status(host):\n    return urllib.request.urlopen('http://' + host + '/status').read()\n",
    ),
    (
        918,
        "fastapi",
        "from fastapi import FastAPI\nimport httpx\n\napp = FastAPI()\n\n@app.get('/p')\nasync def p(url: str):\n    async with httpx.AsyncClient() as c:\n        return (await c.get(url)).text\n",
    ),
    (
        943,
        "mongo",
        "def find(users, request):\n    return users.find_one({'$where': 'this.n == ' + request.args['n']})\n\nimport flask\n",
    ),
    (
        1004,
        "cookie",
        "def respond(response):\n    response.set_cookie('session', 'x', secure=True)\n    return response\n",
    ),
    (1333, "regex", "import re\n\ndef valid(text):\n    return re.match(r'^(a+)+$', text)\n"),
    (
        1333,
        "mail",
        "import re\n\nMAIL = re.compile(r'^([a-zA-Z0-9_.-]+)+@(([a-z0-9-])+.)+[a-z]{2,4}$')\n\ndef valid(text):\n    return MAIL.match(text) is not None\n",
    ),
    (
        1336,
        "jinja",
        "import jinja2\n\ndef render(source):\n    return jinja2.Template(source).render()\n",
    ),
)
"""Weakness, name, text."""
