"""Errors: why a call failed, as an exception inside and as `sp_runtime::DispatchError` outside.

A `DispatchError` is an expected failure: the call's effects are undone and the fee is kept.
A pallet's own errors are nested classes (`class TooLow(Error, index=1)`); their place on the
wire is (index of the pallet in the runtime's table, index of the class).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, ClassVar

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
from runtime.frame.weight import PostInfo

# ---- on the wire


@path("sp_runtime::ModuleError")
@dataclass(slots=True)
class ModuleError:
    """An error of a pallet: its index in the table, and the error's own index in four bytes."""

    index: u8
    error: Annotated[bytes, Fixed(4), TypeName("[u8; MAX_MODULE_ERROR_ENCODED_SIZE]")]


@path("sp_runtime::TokenError")
class TokenErrorKind(IntEnum):
    """Why money could not move."""

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
    """How a calculation left its range."""

    Underflow = 0
    Overflow = 1
    DivisionByZero = 2


@path("sp_runtime::TransactionalError")
class TransactionalErrorKind(IntEnum):
    """Why a storage layer could not be opened or closed."""

    LimitReached = 0
    NoLayer = 1


@path("sp_runtime::proving_trie::TrieError")
class TrieErrorKind(IntEnum):
    """Why a proof in a trie was refused."""

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
    """Some error."""


class WireCannotLookup(Variant, index=1, name="CannotLookup"):
    """Failed to look up some data."""


class WireBadOrigin(Variant, index=2, name="BadOrigin"):
    """A bad origin."""


class WireModule(Variant, index=3, name="Module", unnamed=True):
    """An error of a pallet."""

    error: Annotated[ModuleError, TypeName("ModuleError")]


class WireConsumerRemaining(Variant, index=4, name="ConsumerRemaining"):
    """Something still refers to the account, so it cannot go."""


class WireNoProviders(Variant, index=5, name="NoProviders"):
    """Nothing keeps the account alive, so nothing can refer to it."""


class WireTooManyConsumers(Variant, index=6, name="TooManyConsumers"):
    """Too many things refer to the account."""


class WireToken(Variant, index=7, name="Token", unnamed=True):
    """An error to do with money."""

    error: Annotated[TokenErrorKind, TypeName("TokenError")]


class WireArithmetic(Variant, index=8, name="Arithmetic", unnamed=True):
    """An arithmetic error."""

    error: Annotated[ArithmeticErrorKind, TypeName("ArithmeticError")]


class WireTransactional(Variant, index=9, name="Transactional", unnamed=True):
    """Too many storage layers, or none where one was expected."""

    error: Annotated[TransactionalErrorKind, TypeName("TransactionalError")]


class WireExhausted(Variant, index=10, name="Exhausted"):
    """A resource is used up; try again later."""


class WireCorruption(Variant, index=11, name="Corruption"):
    """The state is corrupt; this does not heal by itself."""


class WireUnavailable(Variant, index=12, name="Unavailable"):
    """Something needed is not there now; try again later."""


class WireRootNotAllowed(Variant, index=13, name="RootNotAllowed"):
    """Root may not do this."""


class WireTrie(Variant, index=14, name="Trie", unnamed=True):
    """An error with tries."""

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

# ---- as exceptions


class DispatchError(Exception):
    """The call failed; its effects are undone and the fee is kept.

    `post` corrects the declared weight or fee of a call that failed half-way.
    """

    post: PostInfo | None = None

    def wire(self) -> WireError:
        """Return the form that travels. A pallet's own `Error` is translated by the runtime."""
        return WireOther()


class CannotLookup(DispatchError):
    """The address does not lead to an account."""

    def wire(self) -> WireError:
        """Return the form that travels."""
        return WireCannotLookup()


class BadOrigin(DispatchError):
    """The caller may not do this."""

    def wire(self) -> WireError:
        """Return the form that travels."""
        return WireBadOrigin()


class ConsumerRemaining(DispatchError):
    """Something still refers to the account, so it cannot go."""

    def wire(self) -> WireError:
        """Return the form that travels."""
        return WireConsumerRemaining()


class NoProviders(DispatchError):
    """Nothing keeps the account alive."""

    def wire(self) -> WireError:
        """Return the form that travels."""
        return WireNoProviders()


class TooManyConsumers(DispatchError):
    """Too many things refer to the account."""

    def wire(self) -> WireError:
        """Return the form that travels."""
        return WireTooManyConsumers()


class Unavailable(DispatchError):
    """Something needed is not there now."""

    def wire(self) -> WireError:
        """Return the form that travels."""
        return WireUnavailable()


class TokenError(DispatchError):
    """Money could not move; `kind` says why."""

    def __init__(self, kind: TokenErrorKind) -> None:
        super().__init__(kind.name)
        self.kind = kind

    def wire(self) -> WireError:
        """Return the form that travels."""
        return WireToken(self.kind)


class Arithmetic(DispatchError):
    """A calculation left its range."""

    def __init__(self, kind: ArithmeticErrorKind) -> None:
        super().__init__(kind.name)
        self.kind = kind

    @classmethod
    def of(cls, error: ArithmeticError) -> Arithmetic:
        """Translate what a checked integer raised."""
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
        """Return the form that travels."""
        return WireArithmetic(self.kind)


class Error(DispatchError):
    """Base of every pallet's own errors; the docstring is what the wallet shows."""

    INDEX: ClassVar[int]

    def __init_subclass__(cls, index: int) -> None:
        """Give the error its place within its pallet."""
        super().__init_subclass__()
        cls.INDEX = index


class InvalidBlock(Exception):
    """The block must be rejected; the message says why. Not a failure of one call."""
