"""Fresh secrets of every kind, and the code, comments, stacks and settings that betray them."""

from __future__ import annotations

import base64
import random
import string
import uuid
from collections.abc import Callable, Mapping

LETTERS = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"


def _run(dice: random.Random, letters: str, length: int) -> str:
    """Drawn by chance, with a digit, a small and a large letter wherever these are allowed."""
    while True:
        run = "".join(dice.choices(letters, k=length))
        kinds = (str.isdigit, str.islower, str.isupper)
        if all(any(map(kind, run)) for kind in kinds if any(map(kind, letters))):
            return run


SHAPED: Mapping[str, Callable[[random.Random], str]] = {
    "openai_old": lambda d: "sk-" + _run(d, LETTERS, 48),
    "openai_project": lambda d: "sk-proj-" + _run(d, LETTERS + "_-", 60) + "x",
    "anthropic": lambda d: "sk-ant-api03-" + _run(d, LETTERS + "_-", 60) + "x",
    "aws_id": lambda d: "AKIA" + _run(d, UPPER, 16),
    "aws_secret": lambda d: _run(d, LETTERS + "+/", 39) + "a",
    "github": lambda d: "ghp_" + _run(d, LETTERS, 36),
    "github_fine": lambda d: "github_pat_" + _run(d, LETTERS, 22) + "_" + _run(d, LETTERS, 59),
    "stripe": lambda d: "sk_live_" + _run(d, LETTERS, 24),
    "slack": lambda d: f"xoxb-{_run(d, string.digits, 12)}-{_run(d, LETTERS, 24)}",
    "google": lambda d: "AIza" + _run(d, LETTERS + "_-", 34) + "x",
    "sendgrid": lambda d: f"SG.{_run(d, LETTERS, 22)}.{_run(d, LETTERS, 43)}",
    "npm": lambda d: "npm_" + _run(d, LETTERS, 36),
    "pypi": lambda d: "pypi-AgEIcHlwaS5vcmc" + _run(d, LETTERS, 60),
    "jwt": lambda d: ".".join(
        ("eyJhbGciOiJIUzI1NiJ9", "eyJ" + _run(d, LETTERS, 40), _run(d, LETTERS, 43))
    ),
    "random": lambda d: _run(d, LETTERS, 32),
    "random_letters": lambda d: _run(d, string.ascii_letters, 36),
    "random_hex": lambda d: _run(d, HEX, 40),
    "base64": lambda d: base64.b64encode(d.randbytes(33)).decode(),
}
"""Known by their own shape, wherever they stand."""


def spoken(dice: random.Random) -> str:
    """A password as people choose them: nothing but its neighbours tells what it is."""
    return dice.choice(("Trainer", "muscle", "Gym!", "winter")) + _run(dice, string.digits, 5)


def identifier(dice: random.Random) -> str:
    return str(uuid.UUID(int=dice.getrandbits(128), version=4))


NEXT_TO: Mapping[str, str] = {
    "assigned": 'ADMIN_PASSWORD = "{}"',
    "annotated": "secret_key: str = '{}'",
    "configured": 'app.config["SECRET_KEY"] = "{}"',
    "defaulted": 'KEY = os.environ.get("JWT_SECRET", "{}")',
    "fallback": 'token = os.getenv("API_TOKEN") or "{}"',
    "parameter": 'def connect(host, password="{}"):\n    pass',
    "argument": 'connect("db", password="{}")',
    "mapping": 'SETTINGS = {{"api_key": "{}"}}',
    "compared": 'if request.args["token"] == "{}":\n    pass',
    "joined": 'SECRET = ("{}"\n          "-more-of-it")',
    "hashed": 'user.set_password("{}")',
    "javascript": "const apiKey = process.env.API_KEY || '{}';",
    "template": "const authToken = `{}`;",
    "url": 'DATABASE = "postgresql://gym:{}@db.example.com/gym"',
    "url_comment": "# psql postgres://gym:{}@db.example.com/gym",
    "comment": "# the admin's password is {}",
    "comment_pair": "# login root:{}@db1 until Monday",
    "header": 'headers = {{"Authorization": "Bearer {}"}}',
    "basic": 'headers = {{"authorization": "Basic {}"}}',
    "api_header": 'headers = {{"X-Api-Key": "{}"}}',
}
"""Lines of code that hold a secret of no particular shape."""

PEM = """-----BEGIN RSA PRIVATE KEY-----
{}
{}
-----END RSA PRIVATE KEY-----"""
