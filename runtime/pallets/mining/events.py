"""Events of Mining. Their documentation is shown by wallets."""

from __future__ import annotations

from typing import Annotated

from btt_chain.scale import TypeName, u16, u64, u128
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf, HashOf
from runtime.pallets.mining.types import EraIndex, Params


class ReceiptAccepted(Event, index=0):
    """Verified work was recorded; `score` is its weight, in millionths of a unit."""

    receipt: HashOf
    operator: AccountIdOf
    units: u64
    score: u128


class EraEnded(Event, index=1):
    """An era ended. Of its budget, `owed` can be claimed, and `unallocated` became unallocated."""

    era: EraIndex
    budget: BalanceOf
    owed: BalanceOf
    unallocated: BalanceOf


class RewardPaid(Event, index=2):
    """An operator was paid its reward of an era."""

    who: AccountIdOf
    era: EraIndex
    amount: BalanceOf


class RewardsExpired(Event, index=3):
    """The unclaimed rewards of an era expired and became unallocated."""

    era: EraIndex
    amount: BalanceOf


class UnallocatedSpent(Event, index=4):
    """A job of the chain itself was paid."""

    to: AccountIdOf
    amount: BalanceOf


class RegionAttested(Event, index=5):
    """An operator's region was attested."""

    operator: AccountIdOf
    region: u16


class EnergyAttested(Event, index=6):
    """An operator's work per kilowatt-hour was attested; 0 withdrew the attestation."""

    operator: AccountIdOf
    units_per_kwh: u64


class ParamsSet(Event, index=7):
    """Governance changed the parameters."""

    params: Annotated[Params, TypeName("Params<BalanceOf<T>>")]
