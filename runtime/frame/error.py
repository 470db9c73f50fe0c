"""Errors of calls: exceptions inside the runtime, `sp_runtime::DispatchError` on the wire.

A `DispatchError` is an expected failure: the call's effects are undone and the fee is kept. A
pallet's own errors are nested classes (`class TooLow(Error, index=1)`), encoded as the index of the
pallet in the runtime's table and the index of the class.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, ClassVar

from btt_chain.lazyclass import dataclass
from btt_chain.scale import (
    DivisionByZero,
    Fixed,
    Overflow,
    Path,
    TypeName,
    Underflow,
    Variant,
    path,
    u8,
)
from runtime.frame.weight import Pays, PostInfo, Weight

# ---- wire format


@path("sp_runtime::ModuleError")
@dataclass(slots=True)
class ModuleError:
    """An error of a pallet: the pallet's index, and the error's own index in four bytes."""

    index: u8
    error: Annotated[bytes, Fixed(4), TypeName("[u8; MAX_MODULE_ERROR_ENCODED_SIZE]")]


@path("sp_runtime::TokenError")
class TokenErrorKind(IntEnum):
    """Reason for the failure of a token operation."""

    FundsUnavailable = 0
    OnlyProvider = 1
    BelowMinimum = 2
    CannotCreate = 3
    UnknownAsset = 4
    Frozen = 5
    Unsupported = 6
    CannotCreateHold = 7
    NotExpendable = 8
    Blocked = 9


@path("sp_arithmetic::ArithmeticError")
class ArithmeticErrorKind(IntEnum):
    """Kind of an arithmetic failure."""

    Underflow = 0
    Overflow = 1
    DivisionByZero = 2


@path("sp_runtime::TransactionalError")
class TransactionalErrorKind(IntEnum):
    """Failure of a storage layer."""

    LimitReached = 0
    NoLayer = 1


@path("sp_runtime::proving_trie::TrieError")
class TrieErrorKind(IntEnum):
    """Reason for the rejection of a trie proof."""

    InvalidStateRoot = 0
    IncompleteDatabase = 1
    ValueAtIncompleteKey = 2
    DecoderError = 3
    InvalidHash = 4
    DuplicateKey = 5
    ExtraneousNode = 6
    ExtraneousValue = 7
    ExtraneousHashReference = 8
    InvalidChildReference = 9
    ValueMismatch = 10
    IncompleteProof = 11
    RootMismatch = 12
    DecodeError = 13


class WireOther(Variant, index=0, name="Other"):
    """An unspecified error."""


class WireCannotLookup(Variant, index=1, name="CannotLookup"):
    """The lookup failed."""


class WireBadOrigin(Variant, index=2, name="BadOrigin"):
    """The origin is not allowed."""


class WireModule(Variant, index=3, name="Module", unnamed=True):
    """An error of a pallet."""

    error: ModuleError


class WireConsumerRemaining(Variant, index=4, name="ConsumerRemaining"):
    """The account still has consumer references and cannot be removed."""


class WireNoProviders(Variant, index=5, name="NoProviders"):
    """The account has no provider reference, so it cannot have consumer references."""


class WireTooManyConsumers(Variant, index=6, name="TooManyConsumers"):
    """The account has too many consumer references."""


class WireToken(Variant, index=7, name="Token", unnamed=True):
    """A token error."""

    error: Annotated[TokenErrorKind, TypeName("TokenError")]


class WireArithmetic(Variant, index=8, name="Arithmetic", unnamed=True):
    """An arithmetic error."""

    error: Annotated[ArithmeticErrorKind, TypeName("ArithmeticError")]


class WireTransactional(Variant, index=9, name="Transactional", unnamed=True):
    """Too many storage layers, or no storage layer."""

    error: Annotated[TransactionalErrorKind, TypeName("TransactionalError")]


class WireExhausted(Variant, index=10, name="Exhausted"):
    """A resource is exhausted; a later attempt may succeed."""


class WireCorruption(Variant, index=11, name="Corruption"):
    """The state is corrupt, permanently."""


class WireUnavailable(Variant, index=12, name="Unavailable"):
    """A resource is unavailable; a later attempt may succeed."""


class WireRootNotAllowed(Variant, index=13, name="RootNotAllowed"):
    """Root may not dispatch this call."""


class WireTrie(Variant, index=14, name="Trie", unnamed=True):
    """A trie error."""

    error: Annotated[TrieErrorKind, TypeName("TrieError")]


WireError = Annotated[
    WireOther
    | WireCannotLookup
    | WireBadOrigin
    | WireModule
    | WireConsumerRemaining
    | WireNoProviders
    | WireTooManyConsumers
    | WireToken
    | WireArithmetic
    | WireTransactional
    | WireExhausted
    | WireCorruption
    | WireUnavailable
    | WireRootNotAllowed
    | WireTrie,
    Path("sp_runtime::DispatchError"),
]


@path("frame_support::dispatch::PostDispatchInfo")
@dataclass(slots=True)
class PostDispatchInfo:
    """Actual weight and fee of a dispatched call."""

    actual_weight: Annotated[Weight | None, TypeName("Option<Weight>")]
    pays_fee: Pays


@path("sp_runtime::DispatchErrorWithPostInfo", params={"Info": PostDispatchInfo})
@dataclass(slots=True)
class DispatchErrorWithPostInfo:
    """Error of a dispatched call, with its actual weight and fee."""

    post_info: Annotated[PostDispatchInfo, TypeName("Info")]
    error: Annotated[WireError, TypeName("DispatchError")]


# ---- exceptions


class DispatchError(Exception):
    """A failure of a call; its effects are undone and the fee is kept.

    `post` corrects the declared weight or fee of a call that failed half-way.
    """

    post: PostInfo | None = None

    def wire(self) -> WireError:
        """Return the wire format. The runtime translates a pallet's own `Error`."""
        return WireOther()


class CannotLookup(DispatchError):
    """The address does not refer to an account."""

    def wire(self) -> WireError:
        """Return the wire format."""
        return WireCannotLookup()


class BadOrigin(DispatchError):
    """The origin may not dispatch this call."""

    def wire(self) -> WireError:
        """Return the wire format."""
        return WireBadOrigin()


class ConsumerRemaining(DispatchError):
    """The account still has consumer references and cannot be removed."""

    def wire(self) -> WireError:
        """Return the wire format."""
        return WireConsumerRemaining()


class NoProviders(DispatchError):
    """The account has no provider reference."""

    def wire(self) -> WireError:
        """Return the wire format."""
        return WireNoProviders()


class TooManyConsumers(DispatchError):
    """The account has too many consumer references."""

    def wire(self) -> WireError:
        """Return the wire format."""
        return WireTooManyConsumers()


class Unavailable(DispatchError):
    """A required resource is unavailable now."""

    def wire(self) -> WireError:
        """Return the wire format."""
        return WireUnavailable()


class TokenError(DispatchError):
    """A token operation failed; `kind` is the reason."""

    def __init__(self, kind: TokenErrorKind) -> None:
        super().__init__(kind.name)
        self.kind = kind

    def wire(self) -> WireError:
        """Return the wire format."""
        return WireToken(self.kind)


class Arithmetic(DispatchError):
    """A calculation left its range."""

    def __init__(self, kind: ArithmeticErrorKind) -> None:
        super().__init__(kind.name)
        self.kind = kind

    @classmethod
    def of(cls, error: ArithmeticError) -> Arithmetic:
        """Translate the exception of a checked integer."""
        match error:
            case Overflow() | OverflowError():
                return cls(ArithmeticErrorKind.Overflow)
            case Underflow():
                return cls(ArithmeticErrorKind.Underflow)
            case DivisionByZero() | ZeroDivisionError():
                return cls(ArithmeticErrorKind.DivisionByZero)
            case _:
                raise error

    def wire(self) -> WireError:
        """Return the wire format."""
        return WireArithmetic(self.kind)


class Error(DispatchError):
    """Base class of pallets' own errors; wallets show the docstring."""

    INDEX: ClassVar[int]

    def __init_subclass__(cls, index: int) -> None:
        """Set the error's index within its pallet."""
        super().__init_subclass__()
        cls.INDEX = index


class InvalidBlock(Exception):
    """The block must be rejected; the message is the reason. Not the failure of a single call."""


class StateRootMismatch(InvalidBlock):
    """The execution of a block leads to the state root `got`; its header has `want`."""

    def __init__(self, got: bytes, want: bytes, number: int) -> None:
        super().__init__(f"state root {got.hex()}, header says {want.hex()} at {number}")
        self.got = bytes(got)
        self.want = bytes(want)
