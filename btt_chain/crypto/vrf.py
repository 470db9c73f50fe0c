"""The VRF of sr25519: an output that only its key can compute, and that any party can verify.

A key and an input have exactly one output point. The proof shows that output and public key belong
to one secret (a DLEQ proof, in the order of messages that schnorrkel calls Kusama's); bytes for any
use are hashed from input and output together. Sources: schnorrkel's `vrf`, RFC 9496.

Secrets stay in libsodium, whose arithmetic takes the same time for all of them: the key and the
proof's nonce are multiplied, reduced and subtracted there and never become Python integers. Python
computes with public points only. PyNaCl's libsodium has no ristretto255, so a point is passed to it
multiplied by eight, which clears its small-order part, and scalars are divided by eight for it.

Verification of a proof is part of consensus. The points of a check are computed by libsodium's
ristretto255 where the extra `fast-vrf` is installed, else in Python; both give the same result on
every input.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Protocol

from btt_chain.crypto import ristretto_sodium
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.merlin import Transcript
from btt_chain.crypto.signature import Scheme
from btt_chain.lazyclass import dataclass

OUTPUT_LENGTH: Final = 32
PROOF_LENGTH: Final = 64
PUBLIC_LENGTH: Final = 32
NOTED_POINTS: Final = 64
"""Input points kept that another process computed: a block's is used twice, at once."""


@dataclass(frozen=True, slots=True)
class VrfInput:
    """The input of a VRF: the name of a protocol and its labelled messages, in order."""

    domain: bytes
    messages: tuple[tuple[bytes, bytes], ...]

    def transcript(self) -> Transcript:
        """Return the Merlin transcript of the input."""
        transcript = Transcript(self.domain)
        for label, message in self.messages:
            transcript.append(label, message)
        return transcript


class VrfOutput(Protocol):
    """The result of a VRF."""

    @property
    def pre_output(self) -> bytes:
        """The output point, 32 bytes, which is sent with the proof."""

    def make_bytes(self, context: bytes, length: int) -> bytes:
        """Return `length` random bytes for the use that `context` names."""


class Vrf(Protocol):
    """A verifiable random function of sr25519 keys; other schemes raise ValueError."""

    def evaluate(self, pair: KeyPair, message: VrfInput) -> VrfOutput:
        """Return the output of a key pair, without a proof."""

    def sign(self, pair: KeyPair, message: VrfInput) -> tuple[VrfOutput, bytes]:
        """Return the output of a key pair, and its proof of 64 bytes."""

    def verify(
        self, public: bytes, message: VrfInput, pre_output: bytes, proof: bytes
    ) -> VrfOutput | None:
        """Return the output if the proof is valid, else None; malformed input is None."""

    def attach(self, public: bytes, message: VrfInput, pre_output: bytes) -> VrfOutput:
        """Return the result of `pre_output`, unchecked: `verify` must have accepted it."""


@dataclass(frozen=True, slots=True)
class SchnorrkelOutput:
    """The encoded points of a VRF result."""

    point: bytes
    """The input as a point, which depends on the public key too."""
    pre_output: bytes

    def make_bytes(self, context: bytes, length: int) -> bytes:
        """Return `length` random bytes for the use that `context` names."""
        transcript = Transcript(b"VRFResult")
        transcript.append(b"", context)
        transcript.append(b"vrf-in", self.point)
        transcript.append(b"vrf-out", self.pre_output)
        return transcript.challenge(b"", length)


class Verification(Protocol):
    """The arithmetic of a verification; all implementations have the same results."""

    def input_point(self, public: bytes, message: VrfInput) -> bytes:
        """Return the encoded point of an input for this key."""

    def nonces(
        self, public: bytes, message: VrfInput, pre_output: bytes, challenge: bytes, response: bytes
    ) -> tuple[bytes, bytes] | None:
        """Return the prover's nonce times the base point, and times the input point.

        They are the response times base and input, plus the challenge times key and output. None if
        key or output is not a point, or the identity; scalars are canonical and not zero.
        """


class PythonVerification:
    """The arithmetic with Python's integers and PyNaCl."""

    __slots__ = ()

    def input_point(self, public: bytes, message: VrfInput) -> bytes:
        """Return the encoded point of an input for this key."""
        return _input_point(public, message)[0]

    def nonces(
        self, public: bytes, message: VrfInput, pre_output: bytes, challenge: bytes, response: bytes
    ) -> tuple[bytes, bytes] | None:
        """Return the nonce's multiples of base and input point; None if an encoding is bad."""
        public8, output8 = _known_point8(public), _point8(pre_output)
        if public8 is None or output8 is None:
            return None
        import nacl.bindings as sodium  # noqa: PLC0415 - as in ed25519.py

        _, point8 = _input_point(public, message)
        nonce_base, nonce_point = _encode_doubled(
            [
                sodium.crypto_core_ed25519_add(
                    sodium.crypto_scalarmult_ed25519_base_noclamp(
                        sodium.crypto_core_ed25519_scalar_mul(response, _INVERSE_2)
                    ),
                    _half(challenge, public8),
                ),
                sodium.crypto_core_ed25519_add(_half(response, point8), _half(challenge, output8)),
            ]
        )
        return nonce_base, nonce_point


class SodiumVerification:
    """The arithmetic with libsodium's ristretto255."""

    __slots__ = ("_group", "_input")

    def __init__(self, group: ristretto_sodium.Ristretto) -> None:
        self._group = group
        # A header is verified and then its result attached: both need the same point.
        self._input = lru_cache(maxsize=256)(self._hashed)

    def _hashed(self, public: bytes, message: VrfInput) -> bytes:
        return self._group.from_hash(_input_hash(public, message))

    def input_point(self, public: bytes, message: VrfInput) -> bytes:
        """Return the encoded point of an input for this key."""
        return self._input(public, message)

    def nonces(
        self, public: bytes, message: VrfInput, pre_output: bytes, challenge: bytes, response: bytes
    ) -> tuple[bytes, bytes] | None:
        """Return the nonce's multiples of base and input point; None if an encoding is bad."""
        if len(public) != PUBLIC_LENGTH or len(pre_output) != OUTPUT_LENGTH:
            return None
        group = self._group
        try:
            key_part = group.multiply(challenge, public)
            output_part = group.multiply(challenge, pre_output)
        except RuntimeError:  # no point, or the identity: a challenge is not zero
            return None
        point = self._input(public, message)
        return (
            group.add(group.multiply_base(response), key_part),
            group.add(group.multiply(response, point), output_part),
        )


@lru_cache(maxsize=1)
def fastest_verification() -> Verification:
    """Return libsodium's arithmetic where it is installed, else Python's."""
    group = ristretto_sodium.load()
    return PythonVerification() if group is None else SodiumVerification(group)


class SchnorrkelVrf:
    """The VRF of BABE, used by every node."""

    __slots__ = ("_verification",)

    def __init__(self, verification: Verification | None = None) -> None:
        """Verify proofs with this arithmetic, or with the fastest available."""
        self._verification = verification

    @property
    def verification(self) -> Verification:
        """The arithmetic of verifications."""
        return self._verification or fastest_verification()

    def evaluate(self, pair: KeyPair, message: VrfInput) -> SchnorrkelOutput:
        """Return the output of a key pair, without a proof."""
        scalar, _ = _secret(pair)
        point, point8 = _input_point(pair.public, message)
        return SchnorrkelOutput(point, _encode_doubled([_half(scalar, point8)])[0])

    def sign(self, pair: KeyPair, message: VrfInput) -> tuple[SchnorrkelOutput, bytes]:
        """Return the output of a key pair, and its proof of 64 bytes: challenge and response.

        The nonce depends on the key, on the input and on randomness: neither a repeated nor a weak
        random number discloses the key.
        """
        import nacl.bindings as sodium  # noqa: PLC0415 - the same

        scalar, nonce_seed = _secret(pair)
        point, point8 = _input_point(pair.public, message)
        nonce = sodium.crypto_core_ed25519_scalar_reduce(
            hashlib.blake2b(secrets.token_bytes(32) + point, key=nonce_seed).digest()
        )
        pre_output, nonce_base, nonce_point = _encode_doubled(
            [
                _half(scalar, point8),
                sodium.crypto_scalarmult_ed25519_base_noclamp(
                    sodium.crypto_core_ed25519_scalar_mul(nonce, _INVERSE_2)
                ),
                _half(nonce, point8),
            ]
        )
        challenge = _challenge(point, nonce_base, nonce_point, pair.public, pre_output)
        response = sodium.crypto_core_ed25519_scalar_sub(
            nonce, sodium.crypto_core_ed25519_scalar_mul(challenge, scalar)
        )
        return SchnorrkelOutput(point, pre_output), challenge + response

    def verify(
        self, public: bytes, message: VrfInput, pre_output: bytes, proof: bytes
    ) -> SchnorrkelOutput | None:
        """Return the output if the proof is valid, else None; malformed input is None."""
        if len(proof) != PROOF_LENGTH:
            return None
        challenge, response = proof[:32], proof[32:]
        if not (_is_scalar(challenge) and _is_scalar(response)):
            return None
        nonces = self.verification.nonces(public, message, pre_output, challenge, response)
        if nonces is None:
            return None
        point = self.verification.input_point(public, message)
        nonce_base, nonce_point = nonces
        if _challenge(point, nonce_base, nonce_point, public, pre_output) != challenge:
            return None
        return SchnorrkelOutput(point, pre_output)

    def attach(self, public: bytes, message: VrfInput, pre_output: bytes) -> SchnorrkelOutput:
        """Return the result of `pre_output`, unchecked: `verify` must have accepted it."""
        point = _noted_points.get((public, message))
        if point is None:
            point = self.verification.input_point(public, message)
        return SchnorrkelOutput(point, pre_output)


_noted_points: Final[OrderedDict[tuple[bytes, VrfInput], bytes]] = OrderedDict()


def note_input_point(public: bytes, message: VrfInput, point: bytes) -> None:
    """Keep the encoded point of an input, computed elsewhere by `verify`, for `attach`."""
    _noted_points[public, message] = point
    if len(_noted_points) > NOTED_POINTS:
        _noted_points.popitem(last=False)


# ---- steps of the proof


def _secret(pair: KeyPair) -> tuple[bytes, bytes]:
    """Return scalar and nonce seed of an sr25519 pair."""
    if pair.scheme is not Scheme.SR25519:
        raise ValueError(f"a VRF needs an sr25519 key, not {pair.scheme}")
    return pair.secret[:32], pair.secret[32:]


# A claim is evaluated and then signed, a header verified and then its result attached: both need
# the same point twice, and hashing to a point is a third of the work.
@lru_cache(maxsize=256)
def _input_point(public: bytes, message: VrfInput) -> tuple[bytes, bytes]:
    """Return the input as a point of this key: encoded, and eight times it for libsodium."""
    point = _hash_to_point(_input_hash(public, message))
    return _encode(point), _times_8(point)


def _input_hash(public: bytes, message: VrfInput) -> bytes:
    """Return the 64 uniform bytes from which the input's point is made."""
    transcript = message.transcript()
    transcript.append(b"vrf-nm-pk", public)
    return transcript.challenge(b"VRFHash", 64)


def _challenge(
    point: bytes, nonce_base: bytes, nonce_point: bytes, public: bytes, pre_output: bytes
) -> bytes:
    """Return the proof's challenge, a scalar in 32 bytes."""
    import nacl.bindings as sodium  # noqa: PLC0415 - the same

    transcript = Transcript(b"VRF")
    transcript.append(b"proto-name", b"DLEQProof")
    transcript.append(b"vrf:h", point)
    transcript.append(b"vrf:R=g^r", nonce_base)
    transcript.append(b"vrf:h^r", nonce_point)
    transcript.append(b"vrf:pk", public)  # "Kusama": behind the nonces, not before them
    transcript.append(b"vrf:h^sk", pre_output)
    return sodium.crypto_core_ed25519_scalar_reduce(transcript.challenge(b"prove", 64))


def _is_scalar(raw: bytes) -> bool:
    """Return True if 32 bytes are the canonical encoding of a scalar other than zero.

    No proof that can be made contains zero, and libsodium does not multiply by it.
    """
    return 0 < int.from_bytes(raw, "little") < _ORDER


def _half(scalar: bytes, point8: bytes) -> bytes:
    """Return half of `scalar` times a point, as libsodium encodes it, from eight times the point.

    Scalars must not be zero, nor the point of small order: libsodium refuses with RuntimeError.
    """
    import nacl.bindings as sodium  # noqa: PLC0415 - the same

    return sodium.crypto_scalarmult_ed25519_noclamp(
        sodium.crypto_core_ed25519_scalar_mul(scalar, _INVERSE_16), point8
    )


def _point8(raw: bytes) -> bytes | None:
    """Return eight times the point that `raw` encodes, for libsodium; None if there is none."""
    point = _decode(raw)
    if point is None or not any(raw):  # the identity: a key or an output without a secret
        return None
    return _times_8(point)


_known_point8 = lru_cache(maxsize=1024)(_point8)
"""The same for public keys, which recur in every header of an author."""


def is_public(raw: bytes) -> bool:
    """Return True if these bytes are a public key: a point other than the identity."""
    return _point8(raw) is not None


# ---- ristretto255 (RFC 9496) with public points
#
# A point is (X, Y, Z, T) with x = X/Z, y = Y/Z and T = XY/Z on the curve of Ed25519.

_Point = tuple[int, int, int, int]

_P: Final = 2**255 - 19
_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_D: Final = -121665 * pow(121666, -1, _P) % _P
_2D: Final = 2 * _D % _P
_SQRT_M1: Final = pow(2, (_P - 1) // 4, _P)
_ROOT_EXPONENT: Final = (_P - 5) // 8
_INVERSE_2: Final = pow(2, -1, _ORDER).to_bytes(32, "little")
_INVERSE_16: Final = pow(16, -1, _ORDER).to_bytes(32, "little")


def _sqrt_ratio(u: int, v: int) -> tuple[bool, int]:
    """Return (True, sqrt(u/v)), or (False, sqrt(i*u/v)) if u/v is not a square; even roots."""
    v3 = v * v * v % _P
    uv3 = u * v3 % _P
    root = uv3 * pow(uv3 * v3 * v % _P, _ROOT_EXPONENT, _P) % _P
    check = v * root * root % _P
    u, minus_u = u % _P, -u % _P
    if check in {minus_u, minus_u * _SQRT_M1 % _P}:
        root = root * _SQRT_M1 % _P
    return check in {u, minus_u}, _P - root if root & 1 else root


_, _INV_SQRT_A_MINUS_D = _sqrt_ratio(1, -1 - _D)
# RFC 9496 fixes this root's sign: the odd one.
_SQRT_AD_MINUS_ONE: Final = _P - _sqrt_ratio(-_D - 1, 1)[1]


def _decode(raw: bytes) -> _Point | None:
    """Return the point that 32 bytes encode; None if they encode none (RFC 9496, 4.3.1)."""
    s = int.from_bytes(raw, "little")
    if len(raw) != PUBLIC_LENGTH or s >= _P or s & 1:
        return None
    ss = s * s % _P
    u1, u2 = 1 - ss, 1 + ss
    u2_squared = u2 * u2 % _P
    v = (-_D * u1 * u1 - u2_squared) % _P
    square, root = _sqrt_ratio(1, v * u2_squared % _P)
    den_x = root * u2 % _P
    x = 2 * s * den_x % _P
    if x & 1:
        x = _P - x
    y = u1 * den_x * root % _P * v % _P
    t = x * y % _P
    if not square or t & 1 or y == 0:
        return None
    return x, y, 1, t


def _encode(point: _Point) -> bytes:
    """Return the 32 bytes of a point (RFC 9496, 4.3.2)."""
    x, y, z, t = point
    u1 = (z + y) * (z - y) % _P
    u2 = x * y % _P
    _, root = _sqrt_ratio(1, u1 * u2 % _P * u2 % _P)
    den1, den2 = root * u1 % _P, root * u2 % _P
    z_inverse = den1 * den2 % _P * t % _P
    den = den2
    if t * z_inverse % _P & 1:
        x, y = y * _SQRT_M1 % _P, x * _SQRT_M1 % _P
        den = den1 * _INV_SQRT_A_MINUS_D % _P
    if x * z_inverse % _P & 1:
        y = -y
    return _even(den * (z - y) % _P)


def _encode_doubled(halves: Sequence[bytes]) -> list[bytes]:
    """Return the encodings of the doubled points, from libsodium's encodings.

    A doubled point is encoded without a square root, which is why halves are passed; the one
    inversion is shared (H. de Valence, "Double and compress", curve25519-dalek).
    """
    fields: list[tuple[int, int, int, int]] = []
    product, products = 1, []
    for half in halves:
        x, y = _affine(half)
        xx, yy = x * x % _P, y * y % _P
        dtt = _D * xx * yy % _P
        e, f, g, h = 2 * x * y % _P, 1 + dtt, yy + xx, 1 - dtt
        fields.append((e, f, g, h))
        products.append(product)
        product = product * ((e * g % _P * f % _P * h % _P) or 1) % _P
    inverse = pow(product, -1, _P)
    encoded: list[bytes] = []
    for (e, f, g, h), before in zip(reversed(fields), reversed(products), strict=True):
        eg, fh = e * g % _P, f * h % _P
        whole = eg * fh % _P
        if whole == 0:  # the identity's class
            encoded.append(bytes(32))
            continue
        own, inverse = inverse * before % _P, inverse * whole % _P
        z_inverse, t_inverse = eg * own % _P, fh * own % _P
        magic = _INV_SQRT_A_MINUS_D
        if eg * z_inverse % _P & 1:
            e, g, h, magic = g, -e, f * _SQRT_M1 % _P, _SQRT_M1  # noqa: PLW2901 - turned by i
        if h * e % _P * z_inverse % _P & 1:
            g = -g  # noqa: PLW2901 - the sign that the encoding asks for
        encoded.append(_even((h - g) * magic % _P * (g * t_inverse % _P) % _P))
    return encoded[::-1]


def _even(field: int) -> bytes:
    return (_P - field if field & 1 else field).to_bytes(32, "little")


def _affine(encoded: bytes) -> tuple[int, int]:
    """Return x and y of a point as libsodium encodes it (RFC 8032, 5.1.3)."""
    number = int.from_bytes(encoded, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    yy = y * y % _P
    _, x = _sqrt_ratio(yy - 1, _D * yy + 1)
    return (_P - x if x & 1 != sign else x), y


def _times_8(point: _Point) -> bytes:
    """Return eight times a point as libsodium encodes points: without a small-order part."""
    x, y, z, _ = point
    for _ in range(3):
        a, b = x * x % _P, y * y % _P
        g, h = b - a, -a - b
        e, f = (x + y) * (x + y) + h, g - 2 * z * z
        x, y, z = e * f % _P, g * h % _P, f * g % _P
    inverse = pow(z, -1, _P)
    x, y = x * inverse % _P, y * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _add(p: _Point, q: _Point) -> _Point:
    """Return the sum of two points (Hisil, Wong, Carter and Dawson, 2008)."""
    x1, y1, z1, t1 = p
    x2, y2, z2, t2 = q
    a, b = (y1 - x1) * (y2 - x2) % _P, (y1 + x1) * (y2 + x2) % _P
    c, d = t1 * _2D % _P * t2 % _P, 2 * z1 * z2 % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _hash_to_point(uniform: bytes) -> _Point:
    """Return the point of 64 random bytes (RFC 9496, 4.3.4)."""
    mask = (1 << 255) - 1
    first, second = (int.from_bytes(half, "little") & mask for half in (uniform[:32], uniform[32:]))
    return _add(_elligator(first), _elligator(second))


def _elligator(t: int) -> _Point:
    """Return the point of a field element (RFC 9496, 4.3.4, MAP)."""
    r = _SQRT_M1 * t * t % _P
    u = (r + 1) * (1 - _D * _D) % _P
    v = (-1 - r * _D) * (r + _D) % _P
    square, s = _sqrt_ratio(u, v)
    c = -1
    if not square:
        s = s * t % _P
        if not s & 1:
            s = _P - s
        c = r
    n = (c * (r - 1) % _P * (_D - 1) % _P * (_D - 1) - v) % _P
    w0, w1 = 2 * s * v % _P, n * _SQRT_AD_MINUS_ONE % _P
    ss = s * s % _P
    w2, w3 = 1 - ss, 1 + ss
    return w0 * w3 % _P, w2 * w1 % _P, w1 * w3 % _P, w0 * w2 % _P
