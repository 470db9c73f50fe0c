"""Key files of polkadot.js, version 3: a key in PKCS8, sealed with a password.

    salt (32) | N, p, r (u32 LE each) | nonce (24) | xsalsa20-poly1305 of
        header (16) | secret (64; ECDSA: 32) | divider (5) | public key (32; ECDSA: 33)

scrypt stretches the password. The secret of sr25519 is the scalar times the cofactor, then the
nonce seed; that of ed25519 is seed and public key. Source: @polkadot/keyring, `pair/encode.ts`,
and @polkadot/util-crypto, `json/` and `scrypt/`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Mapping
from typing import Final

from nacl.bindings import crypto_secretbox, crypto_secretbox_open
from nacl.exceptions import CryptoError

from btt_chain.crypto.errors import SecretError
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.wallet.errors import Damaged, WrongPassword

VERSION: Final = "3"
SEALED: Final = ["scrypt", "xsalsa20-poly1305"]
OPEN: Final = ["none"]

HEADER: Final = bytes((48, 83, 2, 1, 1, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32))
DIVIDER: Final = bytes((161, 35, 3, 33, 0))
SALT: Final = 32
NONCE: Final = 24
SECRET: Final = 64
SEED: Final = 32

COSTS: Final = frozenset(
    {(1 << 13, 10, 8), (1 << 14, 5, 8), (1 << 15, 1, 8), (1 << 15, 3, 8), (1 << 16, 2, 8),
     (1 << 17, 1, 8)}
)  # fmt: skip
"""The parameters N, p and r of scrypt that polkadot.js accepts. Others are refused before any
work: a forged file could demand gigabytes."""
COST: Final = (1 << 17, 1, 8)
"""The parameters of new files: 128 MiB, and about a third of a second."""

_HEX: Final = re.compile("0x[0-9a-fA-F]+")
_SCHEMES: Final = {"sr25519": Scheme.SR25519, "ed25519": Scheme.ED25519, "ecdsa": Scheme.ECDSA}


def seal(pair: KeyPair, password: str) -> dict[str, object]:
    """Return the fields `encoded` and `encoding` of a key file."""
    salt, nonce = os.urandom(SALT), os.urandom(NONCE)
    box = crypto_secretbox(_pkcs8(pair), nonce, _stretched(password, salt, COST))
    cost = b"".join(number.to_bytes(4, "little") for number in COST)
    return {
        "encoded": base64.b64encode(salt + cost + nonce + box).decode(),
        "encoding": {
            "content": ["pkcs8", scheme_name(pair.scheme)],
            "type": SEALED,
            "version": VERSION,
        },
    }


def scheme_of(document: Mapping[str, object]) -> Scheme:
    """Return the scheme of a key file. Raises Damaged if it is not readable."""
    encoding = document.get("encoding")
    if not isinstance(encoding, dict):
        raise Damaged("it is not a key file of polkadot.js: it has no `encoding`")
    content = encoding.get("content")
    if isinstance(content, list) and content[:1] == ["batch-pkcs8"]:
        raise Damaged("it holds several accounts: export each by itself in polkadot.js")
    if encoding.get("version") != VERSION:
        raise Damaged(
            f"its version is {str(encoding.get('version'))[:9]!r}, not {VERSION!r}: open it in "
            "polkadot.js and export it again"
        )
    if not isinstance(content, list) or len(content) != 2 or content[0] != "pkcs8":
        raise Damaged("its content is not a single key")
    name = content[1]
    if not isinstance(name, str) or name not in _SCHEMES:
        raise Damaged(f"its kind of key, {str(name)[:20]!r}, is not of this chain")
    return _SCHEMES[name]


def is_sealed(document: Mapping[str, object]) -> bool:
    """Return True if a key file needs a password. Raises Damaged if it is not a key file."""
    scheme_of(document)
    encoding = document["encoding"]
    kind = encoding.get("type") if isinstance(encoding, dict) else None
    if kind in (OPEN, "none"):
        return False
    if kind != SEALED:
        raise Damaged("it is sealed in a way that polkadot.js does not use any more")
    return True


def unseal(document: Mapping[str, object], password: str | None) -> KeyPair:
    """Return the key in a key file. Raises WrongPassword, Damaged."""
    scheme, raw = scheme_of(document), _encoded(document)
    if is_sealed(document):
        if len(raw) < SALT + 12 + NONCE + 16:
            raise Damaged("it is cut short")
        salt, rest = raw[:SALT], raw[SALT:]
        n, p, r = (int.from_bytes(rest[at : at + 4], "little") for at in (0, 4, 8))
        if (n, p, r) not in COSTS:
            raise Damaged(
                f"its parameters of scrypt (N={n}, p={p}, r={r}) are not those of polkadot.js"
            )
        nonce, box = rest[12 : 12 + NONCE], rest[12 + NONCE :]
        try:
            raw = crypto_secretbox_open(box, nonce, _stretched(password or "", salt, (n, p, r)))
        except CryptoError:
            raise WrongPassword("the password is wrong") from None
    return _from_pkcs8(raw, scheme)


def scheme_name(scheme: Scheme) -> str:
    """Return the name of a scheme in key files."""
    return next(name for name, each in _SCHEMES.items() if each is scheme)


def public_of(pair: KeyPair) -> str | None:
    """Return the public key of an ECDSA key in hex, which stands for its address; else None."""
    return "0x" + pair.public.hex() if pair.scheme is Scheme.ECDSA else None


def _encoded(document: Mapping[str, object]) -> bytes:
    text = document.get("encoded")
    if not isinstance(text, str):
        raise Damaged("it has no `encoded`")
    try:
        # Base64 may begin with these two characters as well.
        if _HEX.fullmatch(text):
            return bytes.fromhex(text[2:])
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise Damaged("`encoded` is neither base64 nor hex") from None


def _stretched(password: str, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    n, p, r = cost
    # OpenSSL wants room for its own copy besides the 128 N r bytes of the table.
    room = 128 * r * (n + p + 2) + (1 << 20)
    return hashlib.scrypt(_octets(password), salt=salt, n=n, r=r, p=p, maxmem=room, dklen=32)


def _octets(password: str) -> bytes:
    """Return the bytes of a password; polkadot.js takes `0x` and hex digits for bytes."""
    if _HEX.fullmatch(password) and len(password) % 2 == 0:
        return bytes.fromhex(password[2:])
    return password.encode()


def _pkcs8(pair: KeyPair) -> bytes:
    match pair.scheme:
        case Scheme.SR25519:
            scalar = int.from_bytes(pair.secret[:32], "little")
            secret = (scalar << 3).to_bytes(32, "little") + pair.secret[32:]
        case Scheme.ED25519:
            secret = pair.secret + pair.public
        case Scheme.ECDSA:
            secret = pair.secret
    return HEADER + secret + DIVIDER + pair.public


def _from_pkcs8(raw: bytes, scheme: Scheme) -> KeyPair:
    if raw[: len(HEADER)] != HEADER:
        raise Damaged("it holds no key")
    rest = raw[len(HEADER) :]
    for length in (SECRET, SEED):
        secret, end = rest[:length], length + len(DIVIDER)
        if rest[length:end] == DIVIDER:
            return _checked(_pair(secret, scheme), rest[end:])
    raise Damaged("it holds no key")


def _pair(secret: bytes, scheme: Scheme) -> KeyPair:
    try:
        if len(secret) == SEED:
            return KeyPair.from_seed(secret, scheme)
        if scheme is Scheme.SR25519:
            scalar = int.from_bytes(secret[:32], "little") >> 3
            return KeyPair.from_secret(scalar.to_bytes(32, "little") + secret[32:], scheme)
        return KeyPair.from_seed(secret[:SEED], scheme)
    except SecretError as error:
        raise Damaged(f"it holds no key: {error}") from None


def _checked(pair: KeyPair, public: bytes) -> KeyPair:
    if pair.public != public:
        raise Damaged("its public key is not that of its secret")
    return pair
