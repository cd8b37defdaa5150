"""Calls that are wrong by themselves, each beside the right one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Setting:
    """A pair of bodies of a view, unsafe and safe."""

    family: str
    cwe: int
    name: str
    unsafe: str
    safe: str
    imports: str = ""


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting("hash", 328, "md5", "digest = hashlib.md5(param.encode()).hexdigest()",
            "digest = hashlib.sha512(param.encode()).hexdigest()", "import hashlib"),
    Setting("hash", 328, "by name", "digest = hashlib.new('sha1', param.encode()).hexdigest()",
            "digest = hashlib.new('sha256', param.encode()).hexdigest()", "import hashlib"),
    Setting("hash", 328, "folded",
            "name = {'a': 'md5', 'b': 'sha384'}['a']\nh = hashlib.new(name)\n"
            "h.update(param.encode())",
            "name = {'a': 'md5', 'b': 'sha384'}['b']\nh = hashlib.new(name)\n"
            "h.update(param.encode())", "import hashlib"),
    Setting("hash", 328, "purpose", "etag = hashlib.md5(param.encode()).hexdigest()",
            "etag = hashlib.md5(param.encode(), usedforsecurity=False).hexdigest()",
            "import hashlib"),
    Setting("hash", 916, "password",
            "stored = hashlib.sha256(request.form['password'].encode()).hexdigest()",
            "stored = generate_password_hash(request.form['password'])",
            "import hashlib\nfrom werkzeug.security import generate_password_hash"),
    Setting("cipher", 327, "des", "cipher = DES.new(os.urandom(8), DES.MODE_CBC, os.urandom(8))",
            "cipher = AES.new(os.urandom(32), AES.MODE_GCM)",
            "import os\nfrom Crypto.Cipher import AES, DES"),
    Setting("cipher", 327, "ecb", "cipher = AES.new(os.urandom(16), AES.MODE_ECB)",
            "cipher = AES.new(os.urandom(16), AES.MODE_EAX)",
            "import os\nfrom Crypto.Cipher import AES"),
    Setting("cipher", 326, "rsa",
            "key = rsa.generate_private_key(public_exponent=65537, key_size=1024)",
            "key = rsa.generate_private_key(public_exponent=65537, key_size=3072)",
            "from cryptography.hazmat.primitives.asymmetric import rsa"),
    Setting("cipher", 329, "iv", "cipher = AES.new(os.urandom(16), AES.MODE_CBC, b'0123456789abcdef')",
            "cipher = AES.new(os.urandom(16), AES.MODE_CBC, os.urandom(16))",
            "import os\nfrom Crypto.Cipher import AES"),
    Setting("cipher", 760, "salt",
            "key = hashlib.pbkdf2_hmac('sha256', param.encode(), b'gymsalt', 600_000)",
            "key = hashlib.pbkdf2_hmac('sha256', param.encode(), os.urandom(16), 600_000)",
            "import hashlib\nimport os"),
    Setting("random", 330, "token", "token = str(random.randint(0, 10**9))",
            "token = secrets.token_urlsafe(32)", "import random\nimport secrets"),
    Setting("random", 330, "otp", "otp = ''.join(random.choice('0123456789') for _ in range(6))",
            "otp = ''.join(random.SystemRandom().choice('0123456789') for _ in range(6))",
            "import random"),
    Setting("random", 330, "sample",
            "reset_code = random.getrandbits(64)", "colour = random.choice(['red', 'blue'])",
            "import random"),
    Setting("cookie", 614, "secure",
            "answer = make_response('ok')\n"
            "answer.set_cookie('theme', 'dark', secure=False, httponly=True)\nreturn answer",
            "answer = make_response('ok')\n"
            "answer.set_cookie('theme', 'dark', secure=True, httponly=True)\nreturn answer",
            "from flask import make_response"),
    Setting("cookie", 614, "default",
            "answer = make_response('ok')\nanswer.set_cookie('theme', 'dark')\nreturn answer",
            "answer = make_response('ok')\nanswer.set_cookie('theme', 'dark', secure=True,\n"
            "                  httponly=True, samesite='Lax')\nreturn answer",
            "from flask import make_response"),
    Setting("cookie", 1004, "httponly",
            "answer = make_response('ok')\nanswer.set_cookie('sid', 'x', secure=True,\n"
            "                  samesite='Lax')\nreturn answer",
            "answer = make_response('ok')\nanswer.set_cookie('sid', 'x', secure=True,\n"
            "                  httponly=True, samesite='Lax')\nreturn answer",
            "from flask import make_response"),
    Setting("cookie", 1275, "samesite",
            "answer = make_response('ok')\nanswer.set_cookie('sid', 'x', secure=True,\n"
            "                  httponly=True, samesite='None')\nreturn answer",
            "answer = make_response('ok')\nanswer.set_cookie('sid', 'x', secure=True,\n"
            "                  httponly=True, samesite='Strict')\nreturn answer",
            "from flask import make_response"),
    Setting("certificate", 295, "verify",
            "reply = requests.get('https://api.example/', verify=False, timeout=3)",
            "reply = requests.get('https://api.example/', verify=True, timeout=3)",
            "import requests"),
    Setting("certificate", 295, "context", "context = ssl._create_unverified_context()",
            "context = ssl.create_default_context()", "import ssl"),
    Setting("certificate", 295, "mode",
            "context = ssl.create_default_context()\ncontext.check_hostname = False",
            "context = ssl.create_default_context()\ncontext.check_hostname = True",
            "import ssl"),
    Setting("certificate", 295, "session",
            "http = requests.Session()\nhttp.verify = False",
            "http = requests.Session()\nhttp.verify = '/etc/ca.pem'", "import requests"),
    Setting("signature", 347, "options",
            "claims = jwt.decode(param, options={'verify_signature': False})",
            "claims = jwt.decode(param, os.environ['KEY'], algorithms=['HS256'])",
            "import os\nimport jwt"),
    Setting("signature", 347, "none",
            "claims = jwt.decode(param, os.environ['KEY'], algorithms=['HS256', 'none'])",
            "claims = jwt.decode(param, os.environ['KEY'], algorithms=['RS256'])",
            "import os\nimport jwt"),
    Setting("secret", 798, "literal", "password = 'Tr0ub4dor&3'",
            "password = os.environ['DB_PASSWORD']", "import os"),
    Setting("secret", 798, "keyword",
            "con = psycopg2.connect(host='db', user='gym', password='Sw0rdfish99')",
            "con = psycopg2.connect(host='db', user='gym', password=os.environ['PGPASSWORD'])",
            "import os\nimport psycopg2"),
    Setting("secret", 321, "key", "token = jwt.encode({'a': 1}, 'my-signing-key-1', algorithm='HS256')",
            "token = jwt.encode({'a': 1}, os.environ['KEY'], algorithm='HS256')",
            "import os\nimport jwt"),
    Setting("debug", 489, "run", "app.run(host='0.0.0.0', debug=True)",
            "app.run(host='127.0.0.1', debug=False)"),
    Setting("debug", 489, "config", "app.config['DEBUG'] = True", "app.config['DEBUG'] = False"),
    Setting("temporary", 377, "mktemp", "name = tempfile.mktemp()",
            "handle, name = tempfile.mkstemp()", "import tempfile"),
    Setting("transport", 319, "token",
            "reply = requests.post('http://api.example/login',\n"
            "                      data={'password': param}, timeout=3)",
            "reply = requests.post('https://api.example/login',\n"
            "                      data={'password': param}, timeout=3)", "import requests"),
    Setting("rights", 732, "chmod", "os.chmod('/srv/app/run.sh', 0o777)",
            "os.chmod('/srv/app/run.sh', 0o700)", "import os"),
)  # fmt: skip
