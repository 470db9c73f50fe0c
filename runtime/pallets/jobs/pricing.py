"""Prices of jobs: whole numbers in, planck out. Charges round up.

Described in `docs/useful-work.md`.
"""

from __future__ import annotations

from typing import Final

from btt_chain.scale import u64, u128
from runtime.pallets.jobs.types import Params, Quote, Tier, Urgency
from runtime.splits import BPS, PPM, ceil_div

URGENCY_PPM: Final = {
    Urgency.Routine: 1_000_000,
    Urgency.Urgent: 1_250_000,
    Urgency.Emergency: 1_500_000,
}
MIB: Final = 1 << 20
UNIT_MACS: Final = 10**9
"""Multiplications of a unit of work."""
BYTE_MACS: Final = 64
FEE_BPS: Final = 7_500
DEPOSIT_BPS: Final = 200
TARGET_PPM: Final = 700_000
SLOWNESS: Final = 8_000_000
"""Constants of `Jobs`, described there."""


def work_of(macs: int, items: int) -> int:
    """Return the units of work of a job: 10^9 multiplications each, rounded up."""
    return ceil_div(int(macs) * int(items), UNIT_MACS)


def priced_macs(macs: int, committed: int) -> int:
    """Return the multiplications that an item is paid for: its own, and 64 for each byte of leaves.

    Only prices have these: deadlines, sales of a class and scores count the item's own.
    """
    return int(macs) + BYTE_MACS * int(committed)


def price_of(work: int, base: int, urgency: Urgency, data_bytes: int, params: Params) -> int:
    """Return the price of a job in planck; `base` is the price of a unit of work in its class.

    `work` are the units of `priced_macs`.
    """
    compute = ceil_div(int(work) * int(base) * URGENCY_PPM[urgency], PPM)
    data = ceil_div(data_bytes, MIB) * int(params.price_mib)
    return max(compute + data, int(params.min_price))


def fee_of(price: int, items: int, checked: int, params: Params) -> int:
    """Return each verifier's fee, in planck: 75 % of the price of the items that it checks.

    At least `min_fee`.
    """
    share = ceil_div(int(price) * int(checked) * FEE_BPS, int(items) * BPS)
    return max(int(params.min_fee), share)


def deposit_of(price: int) -> int:
    """Return the requester's deposit, lost if its payload is missing or bad."""
    return ceil_div(int(price) * DEPOSIT_BPS, BPS)


def quote(work: int, price: int, fee: int, committee: int, tier: Tier) -> Quote:
    """Return the amounts to be held; a confidential job has no paid verifiers."""
    verification = 0 if tier is Tier.Confidential else fee * committee
    return Quote(u64(work), u128(price), u128(verification), u128(deposit_of(price)))


def protocol_quote(work: int, price: int, fee: int, committee: int) -> Quote:
    """Return the cost of a job of the chain, which has no deposit."""
    return Quote(u64(work), u128(price), u128(fee * committee), u128(0))


def moved(base: int, sold: int, offered: int, lowest: int, highest: int) -> int:
    """Return the price of a unit in the next era: up by 3.75 % at most, down by 8.75 %.

    Unchanged if nothing was offered.
    """
    if offered <= 0:
        return base
    used = min(PPM, sold * PPM // offered)
    step = base * abs(used - TARGET_PPM) // SLOWNESS
    after = base + step if used >= TARGET_PPM else base - step
    return max(lowest, min(highest, after))
