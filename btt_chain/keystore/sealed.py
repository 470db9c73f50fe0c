"""The file of one key: its secret, encrypted, and in the open the data needed to find it.

The secret is encrypted with ChaCha20-Poly1305; everything else in the file is authenticated with
it. A password is stretched with scrypt. A random secret of 32 bytes needs no stretching: HKDF binds
it to the file's salt.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.strict_json import BadJson, read_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

VERSION: Final = 1
SALT_LENGTH: Final = 32
NONCE_LENGTH: Final = 12
KEY_LENGTH: Final = 32
HKDF_INFO: Final = b"btt-chain keystore"

LARGEST: Final = 1 << 14
"""Maximum bytes of a key file; real ones have about six hundred."""
MAX_MEMORY: Final = 1 << 30
"""Maximum bytes of memory that a file may make scrypt use: 128 N r."""
MAX_PARALLEL: Final = 16


class NotSealed(ValueError):
    """The bytes are not a key file; the message states why."""


class Unopened(ValueError):
    """The secret cannot be decrypted: a wrong password, or a changed file."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The parameters of scrypt."""

    n: int = 1 << 15
    r: int = 8
    p: int = 1


PASSWORD_COST: Final = Cost()


class Forgotten(Exception):
    """A key that was not stretched before the password was forgotten is needed."""


class Password:
    """A password chosen by a person, and the keys stretched from it, by salt and cost."""

    __slots__ = ("_keys", "_read_again", "_text", "cost")

    def __init__(
        self, text: str, cost: Cost = PASSWORD_COST, read_again: Callable[[], str] | None = None
    ) -> None:
        """`cost` is for new files; `read_again` returns the password after `forget`."""
        self._text: str | None = text
        self._read_again = read_again
        self._keys: dict[tuple[bytes, Cost], bytes] = {}
        self.cost: Final = cost

    def key(self, salt: bytes, cost: Cost) -> bytes:
        """Return the stretched key. Raises Forgotten, OSError."""
        key = self._keys.get((salt, cost))
        if key is None:
            from cryptography.hazmat.primitives.kdf.scrypt import Scrypt  # noqa: PLC0415

            text = self._text
            if text is None and self._read_again is not None:
                text = self._read_again()
            if text is None:
                raise Forgotten
            stretch = Scrypt(salt=salt, length=KEY_LENGTH, n=cost.n, r=cost.r, p=cost.p)
            key = self._keys[salt, cost] = stretch.derive(text.encode())
        return key

    def forget(self) -> None:
        """Forget the text: a process that runs for months keeps stretched keys only."""
        if not self._keys:
            self.key(os.urandom(SALT_LENGTH), self.cost)  # for keys that are generated later
        self._text = None

    def new_salt(self) -> bytes:
        """Return the salt of a new file: one whose key is known, so that a node can read it."""
        return next((salt for salt, cost in self._keys if cost == self.cost), None) or os.urandom(
            SALT_LENGTH
        )

    def __repr__(self) -> str:
        return "Password(…)"


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A decoded key file."""

    key_type: bytes
    scheme: str
    public: bytes
    cost: Cost | None
    """None where a random secret encrypts it, not a password."""
    salt: bytes
    nonce: bytes
    ciphertext: bytes

    def open(self, secret: Password | bytes) -> bytes:
        """Return the secret; raise Unopened if it cannot be decrypted.

        `secret` is a Password or random bytes, as the file needs.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as in `_cipher`

        try:
            cipher = _cipher(_derive(secret, self.cost, self.salt))
            return cipher.decrypt(self.nonce, self.ciphertext, _header(self))
        except InvalidTag:
            raise Unopened from None

    def encode(self) -> bytes:
        """Return the bytes of the file."""
        fields = json.loads(_header(self)) | {"ciphertext": self.ciphertext.hex()}
        return json.dumps(fields, indent=1).encode() + b"\n"


def seal(
    key_type: bytes, scheme: str, public: bytes, plain: bytes, secret: Password | bytes
) -> KeyFile:
    """Encrypt the secret `plain` of a key with a password, or with 32 random bytes."""
    cost, salt = None, os.urandom(SALT_LENGTH)
    if isinstance(secret, Password):
        cost, salt = secret.cost, secret.new_salt()
    nonce = os.urandom(NONCE_LENGTH)
    empty = KeyFile(key_type, scheme, public, cost, salt, nonce, b"")
    cipher = _cipher(_derive(secret, cost, salt))
    ciphertext = cipher.encrypt(nonce, plain, _header(empty))
    return KeyFile(key_type, scheme, public, cost, salt, nonce, ciphertext)


def decode(raw: bytes) -> KeyFile:
    """Return the decoded key file; NotSealed states why it is invalid."""
    try:
        fields = read_json(raw)
    except BadJson:
        raise NotSealed("it is not JSON") from None
    if isinstance(fields, str):
        raise NotSealed(
            "it looks like a key file of Substrate, which holds its secret in the open: "
            "`btt-chain key insert` takes the secret in it"
        )
    if not isinstance(fields, dict) or "ciphertext" not in fields:
        raise NotSealed("it is not a key file")
    if fields.get("version") != VERSION:
        raise NotSealed(f"its version {fields.get('version')!r} is unknown to this program")
    try:
        kdf = fields["kdf"]
        file = KeyFile(
            str(fields["type"]).encode("ascii"),
            str(fields["scheme"]),
            bytes.fromhex(fields["public"]),
            None if kdf["name"] == "hkdf-sha256" else _cost(kdf),
            bytes.fromhex(kdf["salt"]),
            bytes.fromhex(fields["nonce"]),
            bytes.fromhex(fields["ciphertext"]),
        )
    except (KeyError, TypeError, ValueError):
        raise NotSealed("a field is missing or unreadable") from None
    if len(file.nonce) != NONCE_LENGTH or len(file.salt) != SALT_LENGTH:
        raise NotSealed("nonce or salt has a wrong length")
    return file


def _cost(kdf: dict[str, object]) -> Cost:
    n, r, p = kdf["n"], kdf["r"], kdf["p"]
    if kdf["name"] != "scrypt" or not (type(n) is type(r) is type(p) is int):
        raise TypeError
    cost = Cost(int(str(n)), int(str(r)), int(str(p)))
    is_power = cost.n > 1 and cost.n & (cost.n - 1) == 0
    if not is_power or cost.r < 1 or not 1 <= cost.p <= MAX_PARALLEL:
        raise ValueError
    if 128 * cost.n * cost.r > MAX_MEMORY:
        raise ValueError
    return cost


def _cipher(key: bytes) -> ChaCha20Poly1305:
    # Most nodes have no keys: the library is imported where it is used.
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305  # noqa: PLC0415

    return ChaCha20Poly1305(key)


def _derive(secret: Password | bytes, cost: Cost | None, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    if isinstance(secret, Password):
        if cost is None:
            raise ValueError("the file is sealed with a random secret, not with a password")
        return secret.key(salt, cost)
    if cost is not None:
        raise ValueError("the file is sealed with a password, not with a random secret")
    return HKDF(SHA256(), KEY_LENGTH, salt, HKDF_INFO).derive(secret)


def _header(file: KeyFile) -> bytes:
    """Return everything but the ciphertext, in canonical form: it is authenticated too."""
    cost = file.cost
    kdf: dict[str, object] = {"name": "hkdf-sha256"}
    if cost is not None:
        kdf = {"name": "scrypt", "n": cost.n, "r": cost.r, "p": cost.p}
    fields = {
        "version": VERSION,
        "type": file.key_type.decode("ascii"),
        "scheme": file.scheme,
        "public": file.public.hex(),
        "kdf": kdf | {"salt": file.salt.hex()},
        "nonce": file.nonce.hex(),
    }
    return json.dumps(fields, separators=(",", ":")).encode()
