"""Point vouchers: points that a facility signed without seeing for whom.

    message   = SCALE(VoucherMessage): 141 bytes
    signature = RSASSA-PSS (SHA-384) over prefix || message, under the facility's key for the month
                and the denomination; made blindly as RSABSSA-SHA384-PSS-Randomized (RFC 9474)

A wallet chooses nonce, prefix and the account that redeems, so the message is secret until it is
redeemed. The denomination is bound by the key: each has a key of its own.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from btt_chain.crypto import rsa_pss
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import Fixed, TypeName, codec, path, u32

CONTEXT: Final = b"BTT-PT-1"
NONCE_LENGTH: Final = 32
PREFIX_LENGTH: Final = 32
"""Length of the random prefix of RSABSSA-SHA384-PSS-Randomized."""
DENOMINATIONS: Final = (1, 5, 25, 100)
"""Points of a voucher, by denomination."""

Modulus = Annotated[bytes, Fixed(rsa_pss.MODULUS_LENGTH), TypeName("RsaModulus")]
"""A public key: the modulus, big-endian; the exponent is 65,537."""


@path("btt_primitives::Denomination")
class Denomination(IntEnum):
    """The denomination of a voucher, and the place of its key among the keys of a month."""

    One = 0
    Five = 1
    TwentyFive = 2
    Hundred = 3

    @property
    def points(self) -> int:
        """Points of a voucher of this denomination."""
        return DENOMINATIONS[self]


@path("btt_primitives::VoucherMessage")
@dataclass(frozen=True, slots=True)
class VoucherMessage:
    """The content of a voucher, which the facility signs blindly."""

    context: Annotated[bytes, Fixed(len(CONTEXT))]
    """Always `BTT-PT-1`: the signature is valid for nothing else."""
    genesis: H256
    facility: AccountId
    """The facility or issuer whose key signs."""
    month: u32
    """Number of the month in which the points were earned."""
    denomination: Denomination
    redeemer: AccountId
    """The account that gets the points."""
    nonce: Annotated[bytes, Fixed(NONCE_LENGTH)]


MESSAGE: Final = codec(VoucherMessage)


@path("btt_primitives::PointVoucher", params={"AccountId": AccountId})
@dataclass(frozen=True, slots=True)
class PointVoucher:
    """A signed voucher, as it is redeemed."""

    facility: AccountId
    month: u32
    denomination: Denomination
    redeemer: AccountId
    nonce: Annotated[bytes, Fixed(NONCE_LENGTH)]
    prefix: Annotated[bytes, Fixed(PREFIX_LENGTH)]
    signature: Annotated[bytes, Fixed(rsa_pss.SIGNATURE_LENGTH)]

    def message(self, genesis: bytes) -> bytes:
        """Return the message, on the chain with this genesis hash."""
        return MESSAGE.encode(
            VoucherMessage(
                CONTEXT,
                H256(genesis),
                self.facility,
                self.month,
                self.denomination,
                self.redeemer,
                self.nonce,
            )
        )


def is_signed(voucher: PointVoucher, genesis: bytes, modulus: bytes) -> bool:
    """Return True if the key with `modulus` signed the voucher, for the chain of `genesis`."""
    return rsa_pss.verify(modulus, voucher.prefix + voucher.message(genesis), voucher.signature)


def denominate(points: int) -> list[Denomination]:
    """Return the denominations that add up to `points`, the largest first."""
    chosen: list[Denomination] = []
    for denomination in reversed(Denomination):
        count, points = divmod(points, denomination.points)
        chosen += [denomination] * count
    return chosen
