"""Ways that data takes from the request to a variable `bar`: with an unsafe and a safe ending.

Each is a pair of bodies that read `param` and set `bar`; in the safe one, `bar` never holds what
came from outside although it looks as if it did.
"""

from __future__ import annotations

from typing import Final

SOURCES: Final[dict[str, str]] = {
    "query": 'param = request.args.get("item", "")',
    "form": 'param = request.form["item"]',
    "cookie": 'param = request.cookies.get("item", "none")',
    "header": 'param = request.headers.get("X-Item", "")',
    "values": 'param = request.values.get("item") or ""',
    "list": 'values = request.args.getlist("item")\nparam = values[0] if values else ""',
    "raw": (
        "import urllib.parse\n"
        'raw = request.query_string.decode("utf-8")\n'
        'at = raw.find("item=")\n'
        "param = urllib.parse.unquote_plus(raw[at + 5 :])"
    ),
    "names": (
        'param = ""\nfor name in request.form.keys():\n'
        '    if "item" in request.form.getlist(name):\n        param = name\n        break'
    ),
}

FLOWS: Final[dict[str, tuple[str, str]]] = {
    "straight": ("bar = param", "bar = param\nbar = 'fixed'"),
    "dictionary": (
        "table = {}\ntable['keep'] = 'a value'\ntable['given'] = param\nbar = table['given']",
        "table = {}\ntable['keep'] = 'a value'\ntable['given'] = param\nbar = table['keep']",
    ),
    "list": (
        "items = []\nitems.append('safe')\nitems.append(param)\nitems.append('more')\n"
        "items.pop(0)\nbar = items[0]",
        "items = []\nitems.append('safe')\nitems.append(param)\nitems.append('more')\n"
        "items.pop(0)\nbar = items[1]",
    ),
    "parser": (
        "import configparser\nconf = configparser.ConfigParser()\nconf.add_section('one')\n"
        "conf.set('one', 'keyA', 'a value')\nconf.set('one', 'keyB', param)\n"
        "bar = conf.get('one', 'keyB')",
        "import configparser\nconf = configparser.ConfigParser()\nconf.add_section('one')\n"
        "conf.set('one', 'keyA', 'a value')\nconf.set('one', 'keyB', param)\n"
        "bar = conf.get('one', 'keyA')",
    ),
    "branch": (
        "number = 106\nif 7 * 42 - number > 200:\n    bar = 'never changes'\nelse:\n    bar = param",
        "number = 106\nif 7 * 18 + number > 200:\n    bar = 'never changes'\nelse:\n    bar = param",
    ),
    "match": (
        "letters = 'ABC'\nguess = letters[0]\nmatch guess:\n    case 'A':\n        bar = param\n"
        "    case 'B':\n        bar = 'bob'\n    case _:\n        bar = 'nobody'",
        "letters = 'ABC'\nguess = letters[1]\nmatch guess:\n    case 'A':\n        bar = param\n"
        "    case 'B':\n        bar = 'bob'\n    case _:\n        bar = 'nobody'",
    ),
    "buffer": (
        "import io\nstream = io.StringIO()\nstream.write('x')\nstream.write(param)\n"
        "bar = stream.getvalue()",
        "import io\nstream = io.StringIO()\nstream.write('x')\nlost = stream.getvalue() + param\n"
        "bar = stream.getvalue()",
    ),
    "encoded": (
        "import base64\npacked = base64.b64encode(param.encode('utf-8'))\n"
        "bar = base64.b64decode(packed).decode('utf-8')",
        "import base64\npacked = base64.b64encode(param.encode('utf-8'))\n"
        "packed = base64.b64encode(b'fixed')\nbar = base64.b64decode(packed).decode('utf-8')",
    ),
    "helper": (
        "def pick(first, second):\n    return second\n\nbar = pick('fixed', param)",
        "def pick(first, second):\n    return first\n\nbar = pick('fixed', param)",
    ),
    "object": (
        "class Holder:\n    def __init__(self, value):\n        self.value = value\n"
        "        self.other = 'fixed'\n\n    def read(self):\n        return self.value\n\n"
        "bar = Holder(param).read()",
        "class Holder:\n    def __init__(self, value):\n        self.value = value\n"
        "        self.other = 'fixed'\n\n    def read(self):\n        return self.other\n\n"
        "bar = Holder(param).read()",
    ),
    "conditional": (
        "bar = 'fixed' if 2 > 3 else param",
        "bar = 'fixed' if 3 > 2 else param",
    ),
    "loop": (
        "bar = ''\nfor part in ['a', param, 'b']:\n    bar += part",
        "bar = ''\nfor part in ['a', 'b']:\n    bar += part\nunused = param",
    ),
    "unpacked": (
        "first, second = 'fixed', param\nfirst, second = second, first\nbar = first",
        "first, second = 'fixed', param\nbar, _ = first, second",
    ),
    "trimmed": (
        "bar = ''\nif param:\n    pieces = param.split(' ')\n    bar = pieces[0]",
        "bar = ''\nif param:\n    pieces = 'a b'.split(' ')\n    bar = pieces[0]",
    ),
    "formatted": (
        "bar = '{0}-{1}'.format(param, 'x')",
        "bar = '{1}-{1}'.format(param, 'x')",
    ),
    "comprehension": (
        "bar = ''.join([c for c in param])",
        "bar = ''.join([c for c in 'abc' if c != param])",
    ),
    "number": (
        "bar = str(param)",
        "bar = str(int(param)) if param else '0'",
    ),
    "map": (
        "bar = {'a': param}.get('a', 'x')",
        "bar = {'a': 'fixed', 'b': 'other'}.get(param, 'fixed')",
    ),
    "lambda": (
        "choose = lambda a, b: a\nbar = choose(param, 'fixed')",
        "choose = lambda a, b: b\nbar = choose(param, 'fixed')",
    ),
    "queue": (
        "from collections import deque\nline = deque(['one', param])\nline.popleft()\n"
        "bar = line.popleft()",
        "from collections import deque\nline = deque(['one', param])\nbar = line.popleft()",
    ),
}
