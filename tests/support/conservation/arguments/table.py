"""Rules for the arguments of every call, and how often a call is made."""

from __future__ import annotations

from support.conservation.arguments import (
    accounts,
    assets,
    care,
    consensus,
    economy,
    governance,
    incentives,
    institutions,
    payments,
    prices,
    work,
)
from support.conservation.arguments.common import Arguments

CALLS: dict[str, Arguments] = {
    name: arguments
    for group in (
        accounts,
        consensus,
        governance,
        economy,
        work,
        assets,
        institutions,
        incentives,
        payments,
        prices,
        care,
    )
    for name, arguments in group.CALLS.items()
}
"""Rules by the names of calls. A new pallet adds its calls to one of the groups."""

NESTING = [
    *(name for name in CALLS if name.startswith("Utility.")),
    "Sudo.sudo",
    "Sudo.sudo_unchecked_weight",
    "Sudo.sudo_as",
    "Multisig.as_multi_threshold_1",
    "Multisig.as_multi",
    "Proxy.proxy",
    "Proxy.proxy_announced",
    "Scheduler.schedule",
    "Scheduler.schedule_named",
    "Scheduler.schedule_after",
    "Scheduler.schedule_named_after",
    "Whitelist.dispatch_whitelisted_call_with_preimage",
]
"""Calls with calls inside."""
PLAIN = [name for name in CALLS if name not in NESTING]
LIKELY = {
    # Calls that end a sequence of steps are rare, calls that begin one are frequent.
    "Sudo.remove_key": 0.05,
    "Sudo.set_key": 0.2,
    "Timestamp.set": 0.5,
    "Proxy.remove_proxies": 0.5,
    "Proxy.kill_pure": 1,
    "Proxy.add_proxy": 5,
    "Multisig.as_multi": 5,
    "Multisig.cancel_as_multi": 1,
    "Multisig.poke_deposit": 1,
    "Vesting.vested_transfer": 6,
    "Vesting.merge_schedules": 3,
    "Balances.transfer_allow_death": 4,
    "Balances.transfer_all": 3,
    "Authorities.bond": 6,
    "TierStaking.stake": 6,
    "Bounties.propose_bounty": 4,
    "Facilities.apply": 3,
    "HealthRecords.anchor": 4,
    "HealthRecords.leave": 0.3,
    "HealthRecords.set_terms": 0.5,
    "Incentives.redeem": 4,
    "Jobs.post": 4,
    "Oracle.set_rule": 0.5,
    "Oracle.slash": 0.5,
    "PayFi.pay": 5,
    "PayFi.close": 0.3,
    "PayFi.suspend": 0.5,
    "Exchange.place_order": 4,
    "Exchange.delist": 0.3,
    "AssetRegistry.freeze_asset": 0.5,
    "Models.retire": 0.3,
    "Providers.chill": 0.5,
    "Receipts.attest_commit": 0.2,
    "Receipts.attest_reveal": 0.2,
    "Receipts.prove_fraud": 0.2,
    "Receipts.prove_edge": 0.2,
    "Receipts.dispute_digest": 0.2,
    # These refuse every single account.
    "Mining.attest_region": 0.5,
    "Mining.attest_energy": 0.5,
    "Mining.set_params": 0.5,
    "TransactionPayment.set_byte_price": 0.5,
    "Tokenomics.pause_discretionary": 0.5,
    "Tokenomics.set_ceiling_mode": 0.5,
    "Authorities.validate": 3,
    "Babe.report_equivocation": 0.2,
    "Babe.report_equivocation_unsigned": 0.2,
    "Babe.plan_config_change": 0.5,
    "Grandpa.report_equivocation": 0.2,
    "Grandpa.report_equivocation_unsigned": 0.2,
    "Grandpa.note_stalled": 0.5,
}
"""Relative frequencies; 2 for all others."""
