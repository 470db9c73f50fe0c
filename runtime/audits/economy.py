"""The audit of multisigs, proxies, vesting and stakes."""

from __future__ import annotations

from runtime.audits.staking import contributions, stakes
from runtime.audits.state import FeatureAudit
from runtime.audits.vesting import vesting
from runtime.features.work import Work
from runtime.frame import Reason
from runtime.pallets.multisig import pallet as multisig
from runtime.pallets.multisig.pallet import Multisig
from runtime.pallets.proxy import types as proxy
from runtime.pallets.proxy.pallet import Proxy
from runtime.pallets.tier_staking.pallet import TierStaking
from runtime.pallets.vesting.pallet import LOCK_ID


def proxy_deposits(runtime: Work) -> int:
    """Return the sum of the deposits for proxies and announcements."""
    pallet = runtime.pallet(Proxy)
    return sum(
        int(deposit)
        for item in (pallet.proxies, pallet.announced.announcements)
        for _, (_, deposit) in item.items()
    )


def multisig_deposits(runtime: Work) -> int:
    """Return the sum of the deposits for operations of multisigs."""
    operations = runtime.pallet(Multisig).multisigs.items()
    return sum(int(operation.deposit) for _, operation in operations)


AUDIT = FeatureAudit(
    checks=(vesting, stakes, contributions),
    compared=(Reason(32, TierStaking.HoldReason.TierStake),),
    deposits={proxy.RESERVE_ID: proxy_deposits, multisig.RESERVE_ID: multisig_deposits},
    locks=(LOCK_ID,),
)
