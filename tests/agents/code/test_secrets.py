"""Secrets in code: every kind is masked wherever it stands, and what is none stays readable."""

from __future__ import annotations

import ast
import random
import signal
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.code.secrets import Mask, mask, secret_file
from tests.kit.planted_secrets import NEXT_TO, PEM, SHAPED, identifier, spoken

ROUNDS = 20


@pytest.mark.parametrize("kind", SHAPED)
@pytest.mark.parametrize("path", ["app/views.py", ""])
def test_keys_of_known_shape_are_masked(kind: str, path: str) -> None:
    """A key that its own shape gives away is masked in code, in comments and in plain text."""
    dice = random.Random(kind)
    for _ in range(ROUNDS):
        secret = SHAPED[kind](dice)
        for line in (
            'call("{}")',
            "x = '{}'",
            "# see {} here",
            "a {} b",
            "y = f'{}{{z}}'",
            "({})",
        ):
            masked = mask(line.format(secret), path)
            assert secret not in masked, (line, masked)
            assert secret[4:-4] not in masked, (line, masked)


def test_letters_drawn_by_chance_are_nearly_always_masked() -> None:
    """Of keys without a digit, which may look like anything, one in a hundred may be missed; names
    of several words and abbreviations are none."""
    dice = random.Random(1)
    keys = ["".join(dice.choices(string.ascii_letters, k=28)) for _ in range(3_000)]
    assert sum(key in mask(f'call("{key}")', "app/views.py") for key in keys) <= 0.01 * len(keys)
    names = (
        "getUserPreferencesByClientId",
        "HTTPConnectionPoolTimeoutError",
        "JSONResponseFromDatabaseRow",
        "loadImageFromURLOrLocalCache",
        "WorkoutTemplateExerciseSchema",
    )
    for name in names:
        assert name in mask(f"call({name})", "app/views.js")


@pytest.mark.parametrize("form", NEXT_TO)
def test_what_stands_beside_a_telling_name_is_masked(form: str) -> None:
    """A password that looks like any word is masked where its name, URL or comment tells."""
    dice = random.Random(form)
    for _ in range(ROUNDS):
        secret = spoken(dice)
        masked = mask(NEXT_TO[form].format(secret), "app/config.py")
        assert secret not in masked, masked


def test_identifiers_are_masked_beside_telling_names_alone() -> None:
    """A UUID is a token beside such a name, and an ordinary id elsewhere."""
    found = identifier(random.Random(1))
    assert found not in mask(f'RAILWAY_TOKEN = "{found}"', "a.py")
    assert found in mask(f'request_id = "{found}"', "a.py")


def test_private_keys_keep_their_lines() -> None:
    """A private key is masked whole, and what follows it keeps its line number."""
    dice = random.Random(2)
    body = [SHAPED["base64"](dice) for _ in range(2)]
    text = f'KEY = """{PEM.format(*body)}"""\nlast = 1\n'
    masked = mask(text, "keys.py")
    assert not any(line in masked for line in body)
    assert masked.split("\n")[4] == "last = 1"


def test_masked_code_is_still_the_same_code() -> None:
    """Masked code parses, line for line, and the mask alone turns it back."""
    dice = random.Random(3)
    shapes = [f'K{n} = "{make(dice)}"' for n, make in enumerate(SHAPED.values())]
    python = [text.format(spoken(dice)) for text in NEXT_TO.values() if "const" not in text]
    text = "\n".join([*shapes, *python]) + "\n"
    keeper = Mask()
    masked = keeper.text(text, "x.py")
    ast.parse(masked)
    assert len(masked.splitlines()) == len(text.splitlines())
    assert keeper.restore(masked) == text
    assert len(keeper) >= len(shapes) + len(python)


def test_a_secret_has_one_placeholder_and_is_known_elsewhere() -> None:
    """The same secret reads the same in every text, also where nothing gives it away."""
    keeper = Mask()
    first = keeper.text('password = "Trainer12345"', "a.py")
    again = keeper.text("log.info('Trainer12345 was used')", "b.py")
    placeholder = first.split('"')[1]
    assert placeholder in again
    assert "Trainer12345" not in again


def test_tracebacks_lose_addresses_and_values_of_statements() -> None:
    """Of a database error the statement's shape remains, and nobody's row."""
    text = (
        "sqlalchemy.exc.IntegrityError: (psycopg.errors.UniqueViolation) duplicate key\n"
        "DETAIL:  Key (email)=(zebulon) already exists.\n"
        "[SQL: INSERT INTO clients (name, email) VALUES ('Zebulon', %(email)s)]\n"
        "[parameters: {'email': 'zeb@firm.example', 'note': 'his knee [left] hurts'}]\n"
        "(Background on this error at: https://sqlalche.me/e/20/gkpj)\n"
    )
    masked = Mask().text(text, traceback=True)
    for gone in ("zebulon", "Zebulon", "zeb@firm", "knee", "hurts"):
        assert gone not in masked
    for kept in (
        "UniqueViolation",
        "Key (email)=(",
        "INSERT INTO clients (name, email)",
        "sqlalche",
    ):
        assert kept in masked


def test_json_is_masked_by_its_keys() -> None:
    """In a JSON value the key tells, at any depth, for text and numbers alike."""
    given = {"user": "ann", "auth": {"password": "abc", "pin": 4711}, "list": ["token is Gym!123"]}
    masked = Mask().value(given)
    assert masked["user"] == "ann"
    assert "abc" not in str(masked)
    assert "4711" not in str(masked)
    assert "Gym!123" not in str(masked)


def test_ordinary_code_is_left_alone() -> None:
    """Names, forms, paths, templates and messages that hold no secret are not touched."""
    code = """
password = request.form["password"]
fields = ["name", "password", "email"]
token = os.environ["API_TOKEN"]
db_url = f"postgresql://{user}:{password}@{host}/gym"
headers = {"Authorization": f"Bearer {token}"}
def test_a_client_without_sessions_gets_an_honest_answer(): ...
url = "/api/clients/recommendations/latest_workout_plan"
secret = secrets.token_urlsafe(32)
if not password: raise ValueError
SubscriptionInformationByIdentifierRepository()
html = '<input type="password" name="password" autocomplete="current-password">'
"""
    assert mask(code, "a.py") == code


def test_our_own_code_reads_as_it_is() -> None:
    """Of the lines of this repository's agents and daemon fewer than one in 500 is touched."""
    changed = lines = 0
    for folder in ("agents", "daemon"):
        for path in sorted(Path(folder).rglob("*.py"))[::5]:
            text = path.read_text(encoding="utf-8")
            masked = mask(text, str(path))
            lines += text.count("\n")
            pairs = zip(text.splitlines(), masked.splitlines(), strict=True)
            changed += sum(before != after for before, after in pairs)
    assert changed <= lines / 500


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        (".env", True),
        ("backend/.env.production", True),
        ("certs/server.PEM", True),
        ("deploy/id_rsa", True),
        ("a\\b\\tls.key", True),
        ("keys.py", False),
        ("environment.py", False),
    ],
)
def test_files_that_exist_for_secrets_are_known(path: str, *, secret: bool) -> None:
    """Files for secrets are recognised by their names, so that nobody opens them."""
    assert secret_file(path) is secret


@pytest.mark.parametrize(
    "prose",
    [
        "could not verify token signature.",
        "# Basic authentication of users",
        "authorization=response",
        "a bearer credential/assertion",
    ],
)
def test_prose_after_a_telling_word_is_no_secret(prose: str) -> None:
    """A word of a sentence is masked nowhere, or it would be in all the code."""
    assert mask(prose, "a.py") == prose


def test_what_follows_a_scheme_and_is_no_word_is_masked() -> None:
    """A header's value is a secret, also a short one."""
    for value in ("dXNlcjpwYXNz", "a8f5f167f44f", "ABCDEFGHIJKL"):
        assert value not in mask(f"curl -H 'Authorization: Bearer {value}'")
        assert value not in mask(f"basic {value}")


@pytest.fixture
def no_hang() -> Iterator[None]:
    """Ends what would take hours: far more processor time than anything here needs."""

    def give_up(*_: object) -> None:
        raise TimeoutError("it does not come to an end")

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, 60.0)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
    signal.signal(signal.SIGVTALRM, before)


@pytest.mark.usefixtures("no_hang")
@pytest.mark.parametrize("path", ["app/views.py", ""])
@pytest.mark.parametrize(
    "stretch",
    [
        *(
            " ",
            "\n",
            "-",
            "_",
            "a.",
            "a-",
            "hmac",
            "password\n",
            "password= ",
            "'",
            "eyJ-",
            "x-api-",
        ),
        *(
            "[parameters: ",
            "[SQL: ",
            "[generated in ",
            "Key (",
            "Key (a)=(",
            "Failing row contains (",
        ),
    ],
)
def test_what_strangers_type_is_searched_in_no_time(stretch: str, path: str) -> None:
    """An error's text holds what somebody typed: however long that is, looking for secrets in it
    comes to an end, and finds the ones around it."""
    text = f"ValueError: password = 'hunter22x'\n{stretch * (150_000 // len(stretch))}\n"
    text += "Bearer 0aC3dE6gH9jK2mN5pQ8sT1vW4"
    masked = mask(text, path)
    assert "hunter22x" not in masked
    assert "gH9jK2mN5" not in masked
