"""Hashes, ciphers, keys, salts and random numbers that protect nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Final

from agents.code.taint.sinks.call import Call
from agents.code.taint.values import Value

WEAK_HASHES: Final = frozenset({"md2", "md4", "md5", "sha", "sha1", "sha-1", "ripemd160", "mdc2"})
FAST_HASHES: Final = frozenset({"sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_512",
                                "blake2b", "blake2s"})  # fmt: skip
SECRETIVE: Final = re.compile(
    r"token|passw|otp\b|_otp|otp_|nonce|csrf|reset|secret|remember|cookie|session_?id|api_?key|"
    r"credential|verification|\bsalt|_salt|auth_?code|invite|coupon|pin_?code|captcha|\bkey\b|"
    r"private|signature",
    re.IGNORECASE,
)
PASSWORD: Final = re.compile(r"passw|passwd|pwd|passphrase", re.IGNORECASE)


def _unsecured(site: Call) -> bool:
    flag = site.arg(-1, "usedforsecurity")
    return flag is not None and flag.known and not flag.const


def _hash(site: Call) -> None:
    name = site.dotted.split(".")[-1].lower()
    if name in WEAK_HASHES:
        if not _unsecured(site):
            site.pattern("weak-hash", confidence="high")
    elif name in FAST_HASHES:
        _fast(site, site.arg(0, "string", "data"))


def _broken(site: Call) -> None:
    site.pattern("weak-hash", confidence="high")


def _named_hash(site: Call) -> None:
    name = site.const(0, "name")
    if not isinstance(name, str) or _unsecured(site):
        return
    if name.lower() in WEAK_HASHES:
        site.pattern("weak-hash", confidence="high")
    elif name.lower().replace("-", "") in FAST_HASHES:
        _fast(site, site.arg(1, "string", "data"))


def _fast(site: Call, value: Value | None) -> None:
    """A fast hash of something that is called a password."""
    node = site.node
    if value is None or not isinstance(node, ast.Call) or not (node.args or node.keywords):
        return
    text = " ".join(ast.unparse(part) for part in node.args)
    if PASSWORD.search(text):
        site.pattern("fast-password-hash", confidence="medium")


def _hmac(site: Call) -> None:
    digest = site.arg(2, "digestmod")
    name = str(digest.const if digest is not None and digest.known else getattr(digest, "ref", ""))
    if name.lower().rsplit(".", 1)[-1] in {"md5", "sha1"}:
        site.pattern("weak-hash", confidence="medium")
    _key(site, 0, "key")


def _derivation(site: Call) -> None:
    name = site.const(0, "hash_name", default="")
    if str(name).lower() in WEAK_HASHES - {"sha1"}:
        site.pattern("weak-hash", confidence="high")
    _salt(site, site.arg(2, "salt"))
    rounds = site.const(3, "iterations")
    if isinstance(rounds, int) and rounds < 10_000:
        site.pattern("fast-password-hash", confidence="high",
                     message="Too few rounds for a password; 600,000 are usual")  # fmt: skip


def _scrypt(site: Call) -> None:
    _salt(site, site.arg(1, "salt"))


def _salt(site: Call, salt: Value | None) -> None:
    if salt is not None and salt.known and isinstance(salt.const, bytes | str):
        site.pattern("constant-salt", confidence="high")


def _bcrypt(site: Call) -> None:
    _salt(site, site.arg(1, "salt"))


def _rounds(site: Call) -> None:
    rounds = site.const(0, "rounds")
    if isinstance(rounds, int) and rounds < 10:
        site.pattern("fast-password-hash", confidence="high")


def _cipher(site: Call) -> None:
    """A broken cipher by its name."""
    site.pattern("weak-cipher", confidence="high")


def _mode(site: Call) -> None:
    """``AES.new(key, AES.MODE_ECB)``, a constant key or initialization vector."""
    mode = site.arg(1, "mode")
    name = str(mode.ref or "") if mode is not None else ""
    if name.endswith("MODE_ECB") or (mode is not None and mode.const == 1):
        site.pattern("weak-cipher", confidence="high",
                     message="ECB shows which blocks are alike; use AES-GCM")  # fmt: skip
    _key(site, 0, "key")
    start = site.arg(2, "iv", "IV", "nonce")
    if start is not None and start.known and isinstance(start.const, bytes | str):
        site.pattern("constant-iv", confidence="high")


def _vector(site: Call) -> None:
    start = site.arg(0, "initialization_vector", "nonce")
    if start is not None and start.known and isinstance(start.const, bytes | str):
        site.pattern("constant-iv", confidence="high")


def _key(site: Call, index: int, *names: str) -> None:
    value = site.arg(index, *names)
    if value is not None and value.known and isinstance(value.const, bytes | str) and value.const:
        site.pattern("hardcoded-key", confidence="high")


def _algorithm(site: Call) -> None:
    _key(site, 0, "key")


def _bits(site: Call) -> None:
    """RSA and DSA below 2,048 bits, curves below 224."""
    for name in ("key_size", "bits"):
        value = site.kwargs.get(name)
        if value is not None and isinstance(value.const, int):
            _short(site, value.const)
            return
    numbers = [arg.const for arg in site.args if arg.known and isinstance(arg.const, int)]
    sizes = [number for number in numbers if number not in {3, 65537}]
    if sizes:
        _short(site, sizes[0])


def _short(site: Call, bits: int) -> None:
    if bits < 2048:
        site.pattern("weak-key", confidence="high")


def _random(site: Call) -> None:
    """Predictable numbers, only where a secret is being made."""
    if speaks_of_secrets(site):
        site.pattern("weak-random", confidence="medium")


def speaks_of_secrets(site: Call) -> bool:
    """Whether the function around, or the statement itself, speaks of tokens and their like."""
    place = site.frame.place
    if place is None:
        line = site.frame.module.text_at(getattr(site.node, "lineno", 0))
        return SECRETIVE.search(line) is not None
    known = _SPEAKS.get(id(place.node))
    if known is None:
        node = place.node
        lines = site.frame.module.lines[node.lineno - 1 : node.end_lineno]
        known = SECRETIVE.search("\n".join(lines)) is not None
        if len(_SPEAKS) > 20_000:
            _SPEAKS.clear()
        _SPEAKS[id(place.node)] = known
    return known


_SPEAKS: dict[int, bool] = {}
_CIPHERS = ("DES", "DES3", "ARC2", "ARC4", "Blowfish", "CAST")
Check = Callable[[Call], None]
BY_NAME: Final[dict[str, Check]] = {
    **{f"hashlib.{name}": _hash for name in (WEAK_HASHES | FAST_HASHES) if name.isidentifier()},
    "hashlib.new": _named_hash,
    **{f"{lib}.Hash.{name}.new": _broken for lib in ("Crypto", "Cryptodome")
       for name in ("MD5", "MD4", "MD2", "SHA", "SHA1")},
    "hmac.new": _hmac, "hmac.digest": _hmac,
    "hashlib.pbkdf2_hmac": _derivation, "hashlib.scrypt": _scrypt,
    "bcrypt.hashpw": _bcrypt, "bcrypt.gensalt": _rounds,
    **{f"{lib}.Cipher.{name}.new": _cipher for lib in ("Crypto", "Cryptodome")
       for name in _CIPHERS},
    **{f"{lib}.Cipher.AES.new": _mode for lib in ("Crypto", "Cryptodome")},
    **{f"{lib}.PublicKey.{name}.generate": _bits for lib in ("Crypto", "Cryptodome")
       for name in ("RSA", "DSA", "ElGamal")},
    "cryptography.hazmat.primitives.asymmetric.rsa.generate_private_key": _bits,
    "cryptography.hazmat.primitives.asymmetric.dsa.generate_private_key": _bits,
    "cryptography.hazmat.primitives.asymmetric.dh.generate_parameters": _bits,
    **{f"cryptography.hazmat.primitives.ciphers.modes.{name}": _vector
       for name in ("CBC", "CTR", "OFB", "CFB", "GCM")},
    "cryptography.hazmat.primitives.ciphers.modes.ECB": _cipher,
    **{f"cryptography.hazmat.primitives.ciphers.algorithms.{name}": _cipher
       for name in ("TripleDES", "Blowfish", "ARC4", "CAST5", "IDEA", "SEED")},
    **{f"cryptography.hazmat.decrepit.ciphers.algorithms.{name}": _cipher
       for name in ("TripleDES", "Blowfish", "ARC4", "CAST5", "IDEA", "SEED")},
    "cryptography.hazmat.primitives.ciphers.algorithms.AES": _algorithm,
    "cryptography.fernet.Fernet": _algorithm,
    "cryptography.hazmat.primitives.ciphers.aead.AESGCM": _algorithm,
    **{f"random.{name}": _random for name in (
        "random", "randint", "randrange", "choice", "choices", "sample", "uniform", "getrandbits",
        "randbytes", "shuffle", "gauss", "normalvariate", "betavariate", "triangular",
        "expovariate")},
    "numpy.random.randint": _random, "numpy.random.rand": _random, "uuid.uuid1": _random,
}  # fmt: skip
BY_METHOD: Final[dict[str, Check]] = {}
_WEAK_PRIMITIVES: Final = ("cryptography.hazmat.primitives.hashes.MD5",
                           "cryptography.hazmat.primitives.hashes.SHA1")  # fmt: skip


def named(site: Call) -> None:
    """What the tables cannot say: hashes of other libraries."""
    if site.dotted in _WEAK_PRIMITIVES:
        site.pattern("weak-hash", confidence="high")
    elif site.dotted in {"passlib.hash.md5_crypt.hash", "passlib.hash.des_crypt.hash",
                         "passlib.hash.plaintext.hash", "passlib.hash.sha1_crypt.hash",
                         "crypt.crypt"}:  # fmt: skip
        site.pattern("fast-password-hash", confidence="high")
