"""Types of Identity: accounts' statements about themselves, and judgements of them."""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import (
    Bounded,
    Codec,
    DecodeError,
    EncodeError,
    Fixed,
    Path,
    Shape,
    TypeName,
    Variant,
    codec,
    path,
    u32,
    u64,
    u128,
)
from btt_chain.scale.shape import Field, VariantOf, VariantShape
from runtime.frame.aliases import Account, Balance

MAX_REGISTRARS: Final = 20
RESERVE_ID: Final = b"btt/iden"
"""Name that deposits and fees are reserved under."""
MAX_SUBS: Final = 100

RAW_SIZE: Final = 32
"""Maximum length of a text in bytes."""
HASHES: Final = ("BlakeTwo256", "Sha256", "Keccak256", "ShaThree256")
"""Hash functions for content that is too long or too private for the chain."""


@dataclass(frozen=True, slots=True)
class Data:
    """A text of at most 32 bytes; or a hash, made by the function `hashed`; or nothing.

    An empty text is another value than nothing, `Data()`: each has its own form on the wire.
    """

    raw: bytes | None = None
    hashed: str | None = None

    @classmethod
    def text(cls, text: str) -> Data:
        """Return a text. Encoding raises EncodeError if it is too long."""
        return cls(text.encode())


def encode_data(value: Data) -> bytes:
    """Return the index of the alternative, which determines the length, and the bytes."""
    if value.raw is None:
        if value.hashed is not None:
            raise EncodeError("Data", "a hash has 32 bytes")
        return b"\0"
    if value.hashed is not None:
        if len(value.raw) != 32:
            raise EncodeError("Data", "a hash has 32 bytes")
        return bytes((RAW_SIZE + 2 + HASHES.index(value.hashed),)) + value.raw
    if len(value.raw) > RAW_SIZE:
        raise EncodeError("Data", f"{len(value.raw)} bytes given, {RAW_SIZE} are the most")
    return bytes((len(value.raw) + 1,)) + value.raw


def decode_data(raw: bytes, at: int) -> tuple[Data, int]:
    """Decode the output of `encode_data`."""
    kind = raw[at] if at < len(raw) else RAW_SIZE + 2 + len(HASHES)
    if kind >= RAW_SIZE + 2 + len(HASHES):
        raise DecodeError("Data", at, "no such kind of data")
    if not kind:
        return Data(), at + 1
    size = kind - 1 if kind <= RAW_SIZE + 1 else 32
    end = at + 1 + size
    if end > len(raw):
        raise DecodeError("Data", at, "the input ends too early")
    hashed = HASHES[kind - RAW_SIZE - 2] if kind > RAW_SIZE + 1 else None
    return Data(raw[at + 1 : end], hashed), end


def octets(name: str, index: int, size: int) -> VariantShape:
    """Describe an alternative of `size` bytes."""
    return VariantShape(name, index, (Field(None, codec(Annotated[bytes, Fixed(size)])),))


DATA: Final = Codec(
    "Data",
    encode_data,
    decode_data,
    Shape(
        lambda: VariantOf(
            (
                VariantShape("None", 0),
                *(octets(f"Raw{size}", size + 1, size) for size in range(RAW_SIZE + 1)),
                *(octets(name, RAW_SIZE + 2 + place, 32) for place, name in enumerate(HASHES)),
            )
        ),
        path="pallet_identity::types::Data",
    ),
    1,
)

Datum = Annotated[Data, DATA, TypeName("Data")]


@path("btt_runtime::identity::IdentityInfo")
@dataclass(slots=True)
class IdentityInfo:
    """An account's statements about itself; every field may be empty."""

    display: Datum = Data()
    """Display name."""
    legal: Datum = Data()
    """Legal name."""
    web: Datum = Data()
    matrix: Datum = Data()
    email: Datum = Data()
    pgp_fingerprint: Annotated[Annotated[bytes, Fixed(20)] | None, TypeName("Option<[u8; 20]>")] = (
        None
    )
    image: Datum = Data()
    twitter: Datum = Data()
    github: Datum = Data()
    discord: Datum = Data()


class Unknown(Variant, index=0):
    """No opinion."""


class FeePaid(Variant, index=1, unnamed=True):
    """A judgement was requested, and the fee is reserved."""

    fee: Balance


class Reasonable(Variant, index=2):
    """The information seems right; the registrar made no deep check."""


class KnownGood(Variant, index=3):
    """The registrar knows that the information is right."""


class OutOfDate(Variant, index=4):
    """The information was right once."""


class LowQuality(Variant, index=5):
    """The information is not precise enough."""


class Erroneous(Variant, index=6):
    """The information is wrong, perhaps on purpose; only the registrar takes this back."""


Judgement = Annotated[
    Unknown | FeePaid | Reasonable | KnownGood | OutOfDate | LowQuality | Erroneous,
    Path("pallet_identity::types::Judgement", params={"Balance": u128}),
]


@path(
    "pallet_identity::types::Registration",
    params={"Balance": u128, "MaxJudgements": None, "IdentityInfo": IdentityInfo},
)
@dataclass(slots=True)
class Registration:
    """An account's identity, registrars' judgements of it, and its deposit in planck."""

    judgements: Annotated[
        Bounded[list[tuple[u32, Judgement]], MAX_REGISTRARS],
        TypeName("BoundedVec<(RegistrarIndex, Judgement<Balance>), MaxJudgements>"),
    ]
    """Judgements by the registrar's index, in order."""
    deposit: Balance
    info: IdentityInfo


@path(
    "pallet_identity::types::RegistrarInfo",
    params={"Balance": u128, "AccountId": AccountId, "IdField": u64},
)
@dataclass(slots=True)
class RegistrarInfo:
    """A registrar: its account, its fee in planck, and the fields it checks."""

    account: Account
    fee: Balance
    fields: Annotated[u64, TypeName("IdField")]
