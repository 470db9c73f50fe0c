"""Sealing: what only the holder of one X25519 key can read, in pieces, with bounded memory.

    sealed = version 1 ‖ ephemeral public key 32 ‖ pieces of CHUNK bytes, each with its tag of 16
    key    = HKDF-SHA256(shared secret, salt: both public keys, info: "btt-work seal" ‖ context)
    nonce  = number of the piece, 11 bytes big-endian ‖ 1 for the last piece, else 0

The context ties a seal to its place (a job, a receipt), so what is sealed for one cannot be put in
another's. The number and the mark of the last piece in the nonce make any cut, repetition or
change of order fail (the construction STREAM, of Hoang, Reyhanitabar, Rogaway and Vizár, 2015).
Nothing is authenticated about who sealed: on the chain that is a matter of the job's roots.
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
    """Something cannot be sealed or opened."""


class BadSealKey(SealError):
    """The public key is none that can be sealed to: ask its owner for another."""


class DoesNotOpen(SealError):
    """These bytes are not what was sealed to this key in this place, or not all of it.

    Fetch them again; if they stay so, whoever sealed them is at fault.
    """


class JobKeys(NamedTuple):
    """What follows from the one secret that a requester keeps for a confidential job."""

    leaves: bytes
    """The key of the job's leaves (`work.commit.TensorKey`); travels in the payload."""
    reply_secret: bytes
    """What opens the result; stays with the requester."""
    reply_public: bytes
    """What the result is sealed to; stands in the job."""

    def __repr__(self) -> str:
        return f"JobKeys(reply_public={self.reply_public.hex()})"


def job_keys(secret: bytes) -> JobKeys:
    """Return the keys of a job from its secret, 32 random bytes. ValueError for another length."""
    if len(secret) != KEY:
        raise ValueError(f"the secret of a job has {KEY} bytes, not {len(secret)}")
    reply = _derive(secret, b"", b"btt-work reply")
    return JobKeys(_derive(secret, b"", b"btt-work leaves"), reply, public_of(reply))


def new_secret() -> bytes:
    """Return a secret X25519 key that nobody has seen."""
    return secrets.token_bytes(KEY)


def public_of(secret: bytes) -> bytes:
    """Return the public key of a secret X25519 key. ValueError for what has not 32 bytes."""
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def sealed_size(plain: int) -> int:
    """Return how many bytes so many bytes have once they are sealed."""
    return _HEADER + plain + TAG * max(1, -(-plain // CHUNK))


def seal(plain: bytes, to: bytes, context: bytes) -> bytes:
    """Seal bytes to a public X25519 key. Raises BadSealKey."""
    return b"".join(seal_pieces([plain], to, context))


def open_sealed(sealed: bytes, secret: bytes, context: bytes) -> bytes:
    """Open what was sealed to the public key of `secret`. Raises DoesNotOpen."""
    return b"".join(open_pieces([sealed], secret, context))


def seal_pieces(plain: Iterable[bytes], to: bytes, context: bytes) -> Iterator[bytes]:
    """Seal what comes in pieces of any length; at most two pieces are in memory.

    Raises BadSealKey, before anything is sealed.
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
    """Open what comes in pieces of any length, with bounded memory. Raises DoesNotOpen.

    Nothing of it is to be used before the end is reached: a cut shows only there.
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
    """Bytes that come in pieces, taken in other pieces."""

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
        """Return what is left, as it comes."""
        yield bytes(self._buffer)
        yield from self._pieces


def _chunks(pieces: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Cut anew into `size` bytes and whether it is the last piece; one empty piece for nothing."""
    cut = _Cut(pieces)
    piece = cut.take(size)
    while True:
        following = cut.take(size) if len(piece) == size else b""
        yield piece, not following
        if not following:
            return
        piece = following
