"""All checks, and the audit of a state by them.

Each check recomputes a part of the accounting from other records, and reports differences. A new
check is a function of `AuditedState` in the module of its subject, and a name in `CHECKS`.
"""

from __future__ import annotations

from typing import Final

from runtime.audits.assets import units
from runtime.audits.balances import bonds, dust, issuance, reserves
from runtime.audits.care import referrals, roots
from runtime.audits.facilities import facilities
from runtime.audits.incentives import incentives
from runtime.audits.mining import mining
from runtime.audits.objections import objections
from runtime.audits.oracle import prices
from runtime.audits.payfi import payments
from runtime.audits.payfi_disputes import disputes_and_cards
from runtime.audits.pools import burns, development, pools, programmes, reserve
from runtime.audits.staking import contributions, stakes
from runtime.audits.state import AuditedState, Check, Finding
from runtime.audits.storage import stored
from runtime.audits.vesting import vesting
from runtime.audits.work import work
from runtime.pallets.mining import Mining
from runtime.pallets.tier_staking import TierStaking
from runtime.pallets.tokenomics import Tokenomics
from runtime.table import BttRuntime

CHECKS: Final[tuple[Check, ...]] = (
    issuance,
    reserves,
    bonds,
    dust,
    vesting,
    burns,
    pools,
    development,
    reserve,
    programmes,
    mining,
    stakes,
    contributions,
    work,
    units,
    facilities,
    incentives,
    payments,
    disputes_and_cards,
    objections,
    prices,
    referrals,
    roots,
)
"""All checks except that of I17, which runs first."""


def audit(runtime: BttRuntime) -> list[Finding]:
    """Return all violations in the current state of `runtime`; an empty list if there are none.

    The state must be that of a block's end. Reads every key of it: seconds on a large chain.
    """
    unreadable = list(stored(runtime))
    if unreadable:  # the other checks would fail on it
        return unreadable
    audited = AuditedState(
        runtime,
        dict(runtime.system.account.items()),
        runtime.pallet(Tokenomics),
        runtime.pallet(Mining),
        runtime.pallet(TierStaking),
    )
    return [finding for check in CHECKS for finding in check(audited)]
