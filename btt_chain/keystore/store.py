"""The keystore: session keys, one encrypted file each, in `<base>/chains/<id>/keystore`.

With a password the files are useless without it. Without one the node makes `secret` beside them,
32 random bytes, and uses that: then a copied key file is useless without `secret`, but any reader
of the folder has the keys. The folder is read again when its keys are listed, a file when its key
is asked for, so keys can be added and removed while the node runs.

Python cannot wipe memory; the guarantee is that no secret appears in a message or a `repr`.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
from pathlib import Path
from typing import Final

from btt_chain.crypto.errors import SecretError
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme
from btt_chain.keystore.errors import (
    KeyFileDamaged,
    KeyFileExposed,
    KeyFileForeign,
    KeyMismatch,
    KeystoreError,
    PasswordNeeded,
    UnknownKeyType,
    WrongPassword,
)
from btt_chain.keystore.sealed import (
    LARGEST,
    Forgotten,
    KeyFile,
    NotSealed,
    Password,
    Unopened,
    decode,
    seal,
)
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.files import (
    OTHERS,
    PRIVATE_FILE,
    make_private_folder,
    write_aside,
    write_durably,
)

log = logging.getLogger(__name__)

BABE: Final = b"babe"
GRANDPA: Final = b"gran"

SCHEMES: Final = {BABE: Scheme.SR25519, GRANDPA: Scheme.ED25519}
"""Key types of this chain, in the order of the session keys."""

SECRET_FILE: Final = "secret"  # noqa: S105 - the name of a file
SECRET_LENGTH: Final = 32

_NAME: Final = re.compile(r"([a-z]{4})-([0-9a-f]{64})\.json")

_Stamp = tuple[int, int, int]
"""Inode, time of change in ns and size: another stamp means another content."""


@dataclass(slots=True)
class _Held:
    """A key read from a file, or None if it could not be read."""

    stamp: _Stamp
    pair: KeyPair | None


class Keystore:
    """Session keys by type and public key, in the folder and in memory."""

    def __init__(self, folder: Path | None = None, password: Password | None = None) -> None:
        """Prepare; nothing is read before `open` or the first query.

        Without a `folder` all keys are in memory.
        """
        self.folder = folder
        self._password = password
        self._memory: dict[tuple[bytes, bytes], KeyPair] = {}
        self._files: dict[str, _Held] = {}

    @classmethod
    def open(cls, folder: Path, password: Password | None = None) -> Keystore:
        """Open a folder (which need not exist yet) and read every key.

        Raises KeystoreError for the first invalid file: a validator starts only if all are valid.
        """
        store = cls(folder, password)
        for problem in store.refresh():
            raise problem
        return store

    def refresh(self) -> list[KeystoreError]:
        """Load new, changed and removed files; return the errors of new or changed files.

        An invalid file is skipped until it changes.
        """
        if self.folder is None:
            return []
        problems: list[KeystoreError] = []
        try:
            found = _listing(self.folder)
        except FileNotFoundError:
            found = {}
        except OSError as error:
            return [KeystoreError(f"{self.folder} cannot be read: {error.strerror}")]
        for name in [name for name in self._files if name not in found]:
            del self._files[name]
        for name, stamp in found.items():
            known = self._files.get(name)
            if known is not None and known.stamp == stamp:
                continue
            try:
                self._files[name] = _Held(stamp, self._read(self.folder / name))
            except FileNotFoundError:
                continue  # removed since it was listed
            except KeystoreError as problem:
                self._files[name] = _Held(stamp, None)
                problems.append(problem)
        return problems

    def public_keys(self, key_type: bytes) -> list[bytes]:
        """Return the public keys of a type, in order."""
        self._look()
        found = {public for kind, public in self._memory if kind == key_type}
        found |= {
            _public_of(name)
            for name, held in self._files.items()
            if held.pair is not None and _type_of(name) == key_type
        }
        return sorted(found)

    def pair(self, key_type: bytes, public: bytes) -> KeyPair | None:
        """Return the key pair, None if the keystore lacks it."""
        name = _name(key_type, public)
        if not self._is_current(name):
            self._look()
        held = self._files.get(name)
        if held is not None and held.pair is not None:
            return held.pair
        return self._memory.get((key_type, public))

    def has(self, key_type: bytes, public: bytes) -> bool:
        """Return True if the keystore has the key."""
        return self.pair(key_type, public) is not None

    def insert(self, key_type: bytes, uri: str, public: bytes | None = None) -> bytes:
        """Store the key of a secret URI (in memory, without a folder); return its public key.

        Raises UnknownKeyType; KeyMismatch if it is not the key that `public` names; KeystoreError
        if the URI is invalid or the file cannot be written.
        """
        pair = _pair(key_type, uri)
        if public is not None and pair.public != public:
            raise KeyMismatch(
                f"the secret is that of the key 0x{pair.public.hex()}, not of 0x{public.hex()}"
            )
        return self.take(key_type, pair)

    def generate(self, key_type: bytes) -> bytes:
        """Generate and store a new key; return its public key. Raises as `insert` does."""
        return self.take(key_type, new_pair(key_type))

    def take(self, key_type: bytes, pair: KeyPair) -> bytes:
        """Store a key pair of the type's scheme; return its public key. Raises as `insert` does."""
        if self.folder is None:
            self._memory[key_type, pair.public] = pair
            return pair.public
        path = self.folder / _name(key_type, pair.public)
        # The data that restores the pair; a derived sr25519 key has no seed.
        plain = pair.seed if pair.seed is not None else pair.secret
        try:
            make_private_folder(self.folder)
            secret = self._password or self._secret(make=True)
            file = seal(key_type, str(pair.scheme), pair.public, plain, secret)
            write_durably(path, file.encode())
        except OSError as error:
            raise KeystoreError(
                f"the key file {path} cannot be written: {error.strerror}"
            ) from error
        self._files[path.name] = _Held(_stamp(path.stat()), pair)
        return pair.public

    def remember(self, key_type: bytes, uri: str) -> bytes:
        """Store the key of a secret URI in memory only (`--alice`); return its public key."""
        pair = _pair(key_type, uri)
        self._memory[key_type, pair.public] = pair
        return pair.public

    def __repr__(self) -> str:
        return f"Keystore({str(self.folder)!r}, {len(self._files) + len(self._memory)} keys)"

    # ---- files

    def _is_current(self, name: str) -> bool:
        """Return True if a key's file is as it was read, or missing as before.

        A validator asks for a pair at each vote: one file is looked at, not the whole folder.
        """
        if self.folder is None:
            return True
        held = self._files.get(name)
        try:
            stamp = _stamp((self.folder / name).lstat())
        except FileNotFoundError:
            return held is None
        except OSError:
            return False
        return held is not None and held.stamp == stamp

    def _look(self) -> None:
        for problem in self.refresh():
            log.warning("a key is left out: %s", problem)

    def _read(self, path: Path) -> KeyPair:
        raw = _read_private(path, LARGEST)
        try:
            file = decode(raw)
        except NotSealed as why:
            raise KeyFileDamaged(f"the key file {path} cannot be read: {why}") from None
        if _name(file.key_type, file.public) != path.name:
            raise KeyFileDamaged(
                f"the key file {path} holds the key {_name(file.key_type, file.public)[:-5]}: "
                "it was renamed or damaged"
            )
        scheme = SCHEMES.get(file.key_type)
        if scheme is None or file.scheme != str(scheme):
            raise KeyFileForeign(
                f"{path} is a key of the type {file.key_type.decode()} ({file.scheme}), which "
                "this program does not use"
            )
        try:
            pair = KeyPair.from_secret(self._open(path, file), scheme)
        except SecretError:
            raise KeyFileDamaged(f"the key file {path} holds no secret key") from None
        if pair.public != file.public:
            raise KeyFileDamaged(f"the key file {path} holds the secret of another key")
        return pair

    def _open(self, path: Path, file: KeyFile) -> bytes:
        if file.cost is None:
            try:
                return file.open(self._secret(make=False))
            except Unopened:
                raise KeyFileDamaged(
                    f"the key file {path} does not open with {path.parent / SECRET_FILE}: one of "
                    "the two is damaged, or they do not belong together"
                ) from None
        if self._password is None:
            raise PasswordNeeded(
                f"the key file {path} has a password: give --password-filename, "
                "--password-interactive or --password"
            )
        try:
            return file.open(self._password)
        except Unopened:
            raise WrongPassword(
                f"the key file {path} does not open with this password (or it was changed)"
            ) from None
        except Forgotten:
            raise PasswordNeeded(
                f"the key file {path} has a salt of its own, and this process keeps no password: "
                "restart the node, or start it with --password-filename"
            ) from None
        except OSError as error:
            raise PasswordNeeded(
                f"the key file {path} has a salt of its own, and the file with the password "
                f"cannot be read again: {error.strerror}"
            ) from None

    def _secret(self, *, make: bool) -> bytes:
        """Return the random secret that replaces a password."""
        if self.folder is None:
            raise KeystoreError("a keystore in memory has no secret")
        path = self.folder / SECRET_FILE
        if make and not path.exists():
            aside = write_aside(path, secrets.token_bytes(SECRET_LENGTH), secrets.token_hex(8))
            try:
                # A link, not a rename: of two processes that make it at once, one must fail.
                os.link(aside, path)
            except FileExistsError:
                pass
            finally:
                aside.unlink()
        try:
            secret = _read_private(path, SECRET_LENGTH)
        except FileNotFoundError:
            raise KeystoreError(
                f"{path} is missing: without it the keys of this folder cannot be read. Bring it "
                "back from a backup, or make new keys"
            ) from None
        if len(secret) != SECRET_LENGTH:
            raise KeystoreError(f"{path} is damaged: it has not {SECRET_LENGTH} bytes")
        return secret


# ---- names and files


def stored_keys(folder: Path) -> list[tuple[bytes, bytes]]:
    """Return type and public key of the key files in a folder, by their names only."""
    if not folder.is_dir():
        return []
    names = sorted(path.name for path in folder.iterdir())
    return [(_type_of(name), _public_of(name)) for name in names if _NAME.fullmatch(name)]


def new_pair(key_type: bytes) -> KeyPair:
    """Return a new random key pair. Raises UnknownKeyType."""
    return KeyPair.from_seed(secrets.token_bytes(SECRET_LENGTH), _scheme(key_type))


def _pair(key_type: bytes, uri: str) -> KeyPair:
    scheme = _scheme(key_type)
    if not uri:
        raise KeystoreError("the secret is empty: it would mean the public development phrase")
    try:
        return KeyPair.from_uri(uri, scheme)
    except SecretError as error:
        raise KeystoreError(f"the secret is not usable: {error}") from None


def _scheme(key_type: bytes) -> Scheme:
    if key_type not in SCHEMES:
        known = " and ".join(kind.decode() for kind in SCHEMES)
        raise UnknownKeyType(f"there are keys of the types {known}, none of {key_type!r}")
    return SCHEMES[key_type]


def _name(key_type: bytes, public: bytes) -> str:
    return f"{key_type.decode('ascii', 'replace')}-{public.hex()}.json"


def _type_of(name: str) -> bytes:
    return name[:4].encode()


def _public_of(name: str) -> bytes:
    return bytes.fromhex(name[5:-5])


def _listing(folder: Path) -> dict[str, _Stamp]:
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name == SECRET_FILE or entry.name.startswith("."):
                continue
            try:
                found[entry.name] = _stamp(entry.stat(follow_symlinks=False))
            except FileNotFoundError:
                continue
    return dict(sorted(found.items()))


def _stamp(status: os.stat_result) -> _Stamp:
    # The time of change, not of modification: it also sees `chmod`.
    return status.st_ino, status.st_ctime_ns, status.st_size


def _read_private(path: Path, most: int) -> bytes:
    """Return up to `most` + 1 bytes of a file that only its owner may read.

    The extra byte reveals a file that is too long.
    """
    if path.name != SECRET_FILE and _NAME.fullmatch(path.name) is None:
        raise KeyFileForeign(
            f"{path} is not a key file of this program: take it out of the keystore "
            "(keys are put in with `btt-chain key insert`)"
        )
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeystoreError(f"{path} cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode & 0o777
        if mode & OTHERS:
            raise KeyFileExposed(
                f"{path} can be read by others (mode {mode:03o}): run `chmod "
                f"{PRIVATE_FILE:o} {path}`, and use a new key if another user may have read it"
            )
        try:
            return file.read(most + 1)
        except OSError as error:
            raise KeystoreError(f"{path} cannot be read: {error.strerror}") from error
