"""Sealing: encryption to one X25519 key, in pieces, with bounded memory.

    sealed = version 1 ‖ ephemeral public key 32 ‖ pieces of CHUNK bytes, each with its tag of 16
    key    = HKDF-SHA256(shared secret, salt: both public keys, info: "btt-work seal" ‖ context)
    nonce  = number of the piece, 11 bytes big-endian ‖ 1 for the last piece, else 0

The context binds a seal to its place (a job, a receipt), so it cannot be moved to another. The
number and the mark of the last piece in the nonce make any cut, repetition or change of order fail
(the construction STREAM, of Hoang, Reyhanitabar, Rogaway and Vizár, 2015). The sealer is not
authenticated: the roots of the job on the chain do that.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION: Final = b"\x01"
KEY: Final = 32
CHUNK: Final = 64 << 10
"""Bytes of a piece before it is sealed."""
TAG: Final = 16
_HEADER: Final = len(VERSION) + KEY


class SealError(Exception):
    """Sealing or opening failed."""


class BadSealKey(SealError):
    """The public key cannot be sealed to: request another one of its owner."""


class DoesNotOpen(SealError):
    """The bytes were not sealed to this key in this place, or are incomplete.

    Fetch them again; if that does not help, the sealer is at fault.
    """


class JobKeys(NamedTuple):
    """The keys that follow from a requester's secret of a confidential job."""

    leaves: bytes
    """The key of the job's leaves (`work.commit.TensorKey`); part of the payload."""
    reply_secret: bytes
    """The key that opens the result; stays with the requester."""
    reply_public: bytes
    """The key that the result is sealed to; part of the job."""

    def __repr__(self) -> str:
        return f"JobKeys(reply_public={self.reply_public.hex()})"


def job_keys(secret: bytes) -> JobKeys:
    """Return the keys of a job from its secret, 32 random bytes. ValueError for another length."""
    if len(secret) != KEY:
        raise ValueError(f"the secret of a job has {KEY} bytes, not {len(secret)}")
    reply = _derive(secret, b"", b"btt-work reply")
    return JobKeys(_derive(secret, b"", b"btt-work leaves"), reply, public_of(reply))


def new_secret() -> bytes:
    """Return a new secret X25519 key."""
    return secrets.token_bytes(KEY)


def public_of(secret: bytes) -> bytes:
    """Return the public key of a secret X25519 key. ValueError unless it has 32 bytes."""
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def sealed_size(plain: int) -> int:
    """Return the sealed size of that many bytes."""
    return _HEADER + plain + TAG * max(1, -(-plain // CHUNK))


def seal(plain: bytes, to: bytes, context: bytes) -> bytes:
    """Seal bytes to a public X25519 key. Raises BadSealKey."""
    return b"".join(seal_pieces([plain], to, context))


def open_sealed(sealed: bytes, secret: bytes, context: bytes) -> bytes:
    """Open bytes that were sealed to the public key of `secret`. Raises DoesNotOpen."""
    return b"".join(open_pieces([sealed], secret, context))


def seal_pieces(plain: Iterable[bytes], to: bytes, context: bytes) -> Iterator[bytes]:
    """Seal pieces of any length; at most two pieces are in memory.

    Raises BadSealKey, before any output.
    """
    ephemeral = X25519PrivateKey.generate()
    public = ephemeral.public_key().public_bytes_raw()
    try:
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(to))
    except ValueError:
        raise BadSealKey("no public X25519 key: it has another length, or a small order") from None
    cipher = _cipher(shared, public, to, context)
    yield VERSION + public
    for number, (piece, last) in enumerate(_chunks(plain, CHUNK)):
        yield cipher.encrypt(_nonce(number, last=last), piece, None)


def open_pieces(sealed: Iterable[bytes], secret: bytes, context: bytes) -> Iterator[bytes]:
    """Open pieces of any length, with bounded memory. Raises DoesNotOpen.

    Do not use any output before the end is reached: truncation is detected only there.
    """
    chunks = _Cut(sealed)
    header = chunks.take(_HEADER)
    if len(header) != _HEADER or header[:1] != VERSION:
        raise DoesNotOpen("not sealed, or by a later version of this program")
    public = header[1:]
    own = X25519PrivateKey.from_private_bytes(secret)
    try:
        shared = own.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise DoesNotOpen("sealed with a key of small order") from None
    cipher = _cipher(shared, public, own.public_key().public_bytes_raw(), context)
    for number, (piece, last) in enumerate(_chunks(chunks.rest(), CHUNK + TAG)):
        try:
            yield cipher.decrypt(_nonce(number, last=last), piece, None)
        except InvalidTag:
            raise DoesNotOpen(f"piece {number} is not what was sealed to this key") from None


def _cipher(shared: bytes, ephemeral: bytes, to: bytes, context: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(_derive(shared, ephemeral + to, b"btt-work seal" + context))


def _derive(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), KEY, salt or None, info).derive(secret)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


class _Cut:
    """A stream of bytes, read in pieces of other sizes."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._buffer = bytearray()

    def take(self, length: int) -> bytes:
        """Return the next `length` bytes, fewer at the end."""
        while len(self._buffer) < length:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._buffer += piece
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    def rest(self) -> Iterator[bytes]:
        """Return the rest, in the pieces as they arrive."""
        yield bytes(self._buffer)
        yield from self._pieces


def _chunks(pieces: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Yield pieces of `size` bytes, and whether each is the last; one empty piece for no input."""
    cut = _Cut(pieces)
    piece = cut.take(size)
    while True:
        following = cut.take(size) if len(piece) == size else b""
        yield piece, not following
        if not following:
            return
        piece = following
