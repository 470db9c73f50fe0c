"""The runtime's result for the validation of a transaction.

Three results: valid (with its relation to other transactions), invalid (with the reason), unknown
(it cannot be determined now). The bytes are those of `sp_runtime::transaction_validity`; the texts
are those of Substrate's JSON-RPC errors.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.scale import Path, Variant, path, u8, u64

_MODULE: Final = "sp_runtime::transaction_validity"

FOREVER: Final = u64(2**64 - 1)
"""The longevity of a transaction that never expires."""


@path("sp_runtime::transaction_validity::TransactionSource")
class TransactionSource(IntEnum):
    """The source of a transaction, which the runtime may consider."""

    InBlock = 0
    Local = 1
    External = 2


@path("sp_runtime::transaction_validity::ValidTransaction")
@dataclass(slots=True)
class ValidTransaction:
    """A transaction may be included, under these conditions.

    `requires` are tags that earlier transactions must provide, `provides` those of this one; no two
    transactions with the same provided tag can be on one chain. `longevity` counts blocks from the
    one it was validated at.
    """

    priority: u64
    requires: list[bytes]
    provides: list[bytes]
    longevity: u64 = FOREVER
    propagate: bool = True


class Call(Variant, index=0):
    """The call of the transaction is not expected."""


class Payment(Variant, index=1):
    """The fees cannot be paid, for example because the balance is too low."""


class Future(Variant, index=2):
    """The transaction is not valid yet, for example because its nonce is too high."""


class Stale(Variant, index=3):
    """The transaction is outdated, for example because its nonce is too low."""


class BadProof(Variant, index=4):
    """The signature, or another proof, does not match the transaction."""


class AncientBirthBlock(Variant, index=5):
    """The block in which the era was born is older than the chain's stored hashes."""


class ExhaustsResources(Variant, index=6):
    """The transaction does not fit into the rest of the block."""


class InvalidCustom(Variant, index=7, name="Custom", unnamed=True):
    """A reason of the runtime's own, by number."""

    code: u8


class BadMandatory(Variant, index=8):
    """A mandatory call of every block has failed."""


class MandatoryValidation(Variant, index=9):
    """A call was submitted that only the author may include."""


class BadSigner(Variant, index=10):
    """The sending address is disabled, or known to be invalid."""


class IndeterminateImplicit(Variant, index=11):
    """The implicit data of the signed payload could not be determined."""


class UnknownOrigin(Variant, index=12):
    """No extension gave the transaction an origin."""


InvalidTransaction = Annotated[
    Call
    | Payment
    | Future
    | Stale
    | BadProof
    | AncientBirthBlock
    | ExhaustsResources
    | InvalidCustom
    | BadMandatory
    | MandatoryValidation
    | BadSigner
    | IndeterminateImplicit
    | UnknownOrigin,
    Path(f"{_MODULE}::InvalidTransaction"),
]


class CannotLookup(Variant, index=0):
    """Something that validation needs could not be looked up."""


class NoUnsignedValidator(Variant, index=1):
    """Nothing in the runtime validates this unsigned transaction."""


class UnknownCustom(Variant, index=2, name="Custom", unnamed=True):
    """A doubt of the runtime's own, by number."""

    code: u8


UnknownTransaction = Annotated[
    CannotLookup | NoUnsignedValidator | UnknownCustom,
    Path(f"{_MODULE}::UnknownTransaction"),
]


class InvalidError(Variant, index=0, name="Invalid", unnamed=True):
    """The transaction is invalid."""

    reason: InvalidTransaction


class UnknownError(Variant, index=1, name="Unknown", unnamed=True):
    """The validity of the transaction cannot be determined."""

    reason: UnknownTransaction


TransactionValidityError = Annotated[
    InvalidError | UnknownError, Path(f"{_MODULE}::TransactionValidityError")
]


_TEXTS: Final[dict[type[Variant], str]] = {
    Call: "Transaction call is not expected",
    Payment: "Inability to pay some fees (e.g. account balance too low)",
    Future: "Transaction will be valid in the future",
    Stale: "Transaction is outdated",
    BadProof: "Transaction has a bad signature",
    AncientBirthBlock: "Transaction has an ancient birth block",
    ExhaustsResources: "Transaction would exhaust the block limits",
    BadMandatory: "A call was labelled as mandatory, but resulted in an Error.",
    MandatoryValidation: "Transaction dispatch is mandatory; transactions must not be validated.",
    BadSigner: "Invalid signing address",
    IndeterminateImplicit: "The implicit data was unable to be calculated",
    UnknownOrigin: "The transaction extension did not authorize any origin",
    CannotLookup: "CannotLookup",
    NoUnsignedValidator: "NoUnsignedValidator",
}


def describe(reason: InvalidTransaction | UnknownTransaction) -> str:
    """Return the `data` member of error 1010 or 1011, as wallets show it."""
    match reason:
        case InvalidCustom(code=code):
            return f"Custom error: {int(code)}"
        case UnknownCustom(code=code):
            return f"Custom({int(code)})"
        case _:
            return _TEXTS[type(reason)]


class Invalid(Exception):
    """The transaction cannot be included: `reason` is a variant of InvalidTransaction."""

    def __init__(self, reason: InvalidTransaction) -> None:
        super().__init__(describe(reason))
        self.reason = reason


class Unknown(Exception):
    """The validity cannot be determined now: `reason` is a variant of UnknownTransaction."""

    def __init__(self, reason: UnknownTransaction) -> None:
        super().__init__(describe(reason))
        self.reason = reason


def as_error(refusal: Invalid | Unknown) -> InvalidError | UnknownError:
    """Return the wire form of a refusal, the error side of `TransactionValidity`."""
    match refusal:
        case Invalid(reason=reason):
            return InvalidError(reason)
        case Unknown(reason=reason):
            return UnknownError(reason)
