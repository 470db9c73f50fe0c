"""Splits: the division of fees, without a remainder.

Every pallet that charges a fee divides it here. Invariants: the parts of a split add up to the
whole; fees round up; burns and shares round down, and the remainder has a defined receiver. Amounts
are planck, rates are basis points; intermediate products are plain integers, because they may
exceed 2^128 where the result does not. (docs/economy.md)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from btt_chain.lazyclass import dataclass
from btt_chain.scale import u128

BPS: Final = 10_000
"""Basis points in a whole."""
PPM: Final = 1_000_000
"""Parts per million in a whole."""

DEVELOPMENT_BPS: Final = 1_500
FOUNDATION_BPS: Final = 1_000
RESERVE_BPS: Final = 500
"""Parts of a compute fee besides the contributors', who get the rest: 70 % or slightly more."""

FINDER_BPS: Final = 5_000
"""Finder's part of a bond slashed for fraud; the rest is burned."""


class Ramp(NamedTuple):
    """A burn rate in basis points that rises with the value of the purchase."""

    low: int
    """Rate at value zero."""
    high: int
    """Rate at the threshold of high values, and above it."""


COMPUTE: Final = Ramp(100, 300)
ASSET: Final = Ramp(200, 500)
PAYFI: Final = Ramp(50, 100)
PREMIUM: Final = ASSET
"""The documents name premium access with asset tokenization, and no rate of its own."""


@dataclass(frozen=True, slots=True)
class ComputeSplit:
    """Parts of a compute fee, in planck; they add up to the amount paid."""

    burn: u128
    contributors: u128
    development: u128
    foundation: u128
    reserve: u128

    @property
    def earned(self) -> int:
        """Contributors' part, in planck; the caller determines their accounts."""
        return int(self.contributors)


@dataclass(frozen=True, slots=True)
class PlatformSplit:
    """Parts of an asset or payment fee, in planck; they add up to the fee."""

    burn: u128
    voters: u128
    development: u128
    foundation: u128
    reserve: u128

    @property
    def earned(self) -> int:
        """Voters' part, in planck; the caller determines their accounts."""
        return int(self.voters)


def split_compute(gross: int, threshold: int) -> ComputeSplit:
    """Return the split of a job's price `gross`: first the burn, then 70/15/10/5.

    `threshold` is the value from which the burn rate is at its maximum. The verifiers' pay is added
    to `gross` and not part of it.
    """
    gross = int(gross)
    burn = gross * burn_bps(COMPUTE, gross, threshold) // BPS
    net = gross - burn
    development = net * DEVELOPMENT_BPS // BPS
    foundation = net * FOUNDATION_BPS // BPS
    reserve = net * RESERVE_BPS // BPS
    return ComputeSplit(
        burn=u128(burn),
        contributors=u128(net - development - foundation - reserve),
        development=u128(development),
        foundation=u128(foundation),
        reserve=u128(reserve),
    )


def split_platform(
    fee: int, ramp: Ramp, value: int, threshold: int, *, voters_bps: int = 0
) -> PlatformSplit:
    """Return the split of a platform fee: first the burn, then the voters' part, the rest 3:2:1.

    `value` is the base of the fee: it determines the burn rate on the `ramp`.
    """
    fee = int(fee)
    burn = fee * burn_bps(ramp, value, threshold) // BPS
    net = fee - burn
    voters = net * voters_bps // BPS
    parts = burn, voters, *platform_parts(net - voters)
    return PlatformSplit(*map(u128, parts))


def platform_parts(rest: int) -> tuple[int, int, int]:
    """Return the shares of development, foundation and reserve in the rest of a fee: 3:2:1."""
    foundation, reserve = rest * 2 // 6, rest // 6
    return rest - foundation - reserve, foundation, reserve


def burn_bps(ramp: Ramp, value: int, threshold: int) -> int:
    """Return the burn rate for `value`: it rises linearly until `threshold`, which is not zero."""
    threshold = int(threshold)
    return ramp.low + (ramp.high - ramp.low) * min(int(value), threshold) // threshold


def charge(value: int, bps: int) -> u128:
    """Return the fee of `bps` on `value`, rounded up: the minimum fee is one planck."""
    return u128(ceil_div(int(value) * int(bps), BPS))


def discounted(fee: int, bps: int) -> u128:
    """Return `fee` reduced by `bps` of it; the discount rounds down."""
    fee = int(fee)
    return u128(fee - fee * int(bps) // BPS)


def shared(total: int, weights: Sequence[int]) -> list[u128]:
    """Divide `total` in the ratio of `weights`; the remainder goes to the first above zero.

    ZeroDivisionError if no weight is above zero: there is no receiver.
    """
    total, whole = int(total), sum(map(int, weights))
    shares = [total * int(weight) // whole for weight in weights]
    first = next(place for place, weight in enumerate(weights) if weight)
    shares[first] += total - sum(shares)
    return [u128(share) for share in shares]


def mul_div(value: int, by: int, over: int) -> u128:
    """Return `value * by // over`; the product may exceed 2^128, the result must not (Overflow)."""
    return u128(int(value) * int(by) // int(over))


def ceil_div(value: int, over: int) -> int:
    """Return `value / over`, rounded up."""
    return -(-int(value) // int(over))
