"""Arguments that fit each other: each function also sets the signer they fit."""

from __future__ import annotations

from btt_chain.primitives.account import Id
from btt_chain.scale import u8, u32, u64, u128
from runtime import accounts
from runtime.pallets.bounties.pallet import Bounties
from runtime.pallets.tokenomics.types import MilestoneStatus
from runtime.pallets.treasury.pallet import Treasury
from support.economy.chain import PEOPLE
from support.economy.values import RandomValues


def a_new_stake(values: RandomValues) -> dict[str, object]:
    """Choose a tier and an account with enough money for it."""
    tiers = values.chain.staking.tier_terms.current_tiers.value
    least = min(int(tier.minimum) for tier in tiers)
    usable = {who: int(values.runtime.balances.reducible_balance(who)) for who in PEOPLE}
    rich = [who for who in PEOPLE if usable[who] > least]
    if not rich:
        return {}
    values.signer = values.one_of(rich)
    has = usable[values.signer]
    place = values.one_of([at for at, tier in enumerate(tiers) if tier.minimum <= has])
    minimum = int(tiers[place].minimum)
    amount = values.one_of((minimum, minimum, values.rng.randrange(minimum, has + 1)))
    return {"tier": u8(place), "amount": u128(amount)}


def a_promise(values: RandomValues) -> dict[str, object]:
    """Unlock a part of the reserve for long."""
    room = int(values.chain.tokenomics.payments.available(accounts.RESERVE))
    expiry = u64(values.runtime.babe.now() + values.one_of((14_400, 5_000_000)))
    return {"cap": u128(room // values.one_of((1, 2, 10))), "expiry": expiry}


def a_payment_of_the_reserve(values: RandomValues) -> dict[str, object]:
    """Spend about what is unlocked."""
    unlock = values.chain.tokenomics.reserve_fund.reserve_unlock.get()
    room = 0 if unlock is None else int(unlock.cap) - int(unlock.spent)
    return {"amount": u128(room // values.one_of((1, 1, 2, 5)) + values.one_of((0, 0, 0, 1)))}


def a_spend(values: RandomValues) -> dict[str, object]:
    """Choose a promised payment."""
    known = [number for number, _ in values.runtime.pallet(Treasury).spends.items()]
    return {"index": values.one_of(known)} if known else {}


def served(values: RandomValues) -> dict[str, object]:
    """Choose an account with a proxy, and the proxy."""
    known = [
        (who, definition.delegate)
        for who, (definitions, _) in values.runtime.proxy.proxies.items()
        for definition in definitions
    ]
    if not known:
        return {}
    real, values.signer = values.one_of(known)
    return {"real": Id(real)}


def a_stake(values: RandomValues) -> dict[str, object]:
    """Choose a stake and its owner."""
    known = [keys for keys, _ in values.chain.staking.ledger.stakes.items()]
    if not known:
        return {}
    values.signer, number = values.one_of(known)
    return {"id": number, "who": Id(values.signer)}


def some_eras(values: RandomValues) -> dict[str, object]:
    """Choose eras with work of one account."""
    known = [keys for keys, _ in values.chain.mining.eras.shares.items()]
    if not known:
        return {}
    era, values.signer = values.one_of(known)
    return {"era_from": u32(max(0, int(era) - values.one_of((0, 0, 3)))), "era_to": era}


def some_points(values: RandomValues) -> dict[str, object]:
    """Choose a quarter with contributions of one account."""
    known = [keys for keys, _ in values.chain.staking.contributions.contrib_points.items()]
    if not known:
        return {}
    quarter, values.signer = values.one_of(known)
    return {"quarter": quarter}


def a_bounty(values: RandomValues) -> dict[str, object]:
    """Choose a bounty, and its curator or proposer."""
    known = dict(values.runtime.pallet(Bounties).bounties.items())
    if not known:
        return {}
    number, bounty = values.one_of(list(known.items()))
    values.signer = getattr(bounty.status, "curator", bounty.proposer)
    return {"bounty_id": number}


def an_attested(values: RandomValues) -> dict[str, object]:
    """Choose an item that can be objected to or confirmed."""
    known = [
        (number, u32(place))
        for number, programme in values.chain.tokenomics.programmes.programmes.items()
        for place, item in enumerate(programme.milestones)
        if item.status in (MilestoneStatus.Attested, MilestoneStatus.Objected)
    ]
    if not known:
        return {}
    programme, index = values.one_of(known)
    return {"programme": programme, "index": index}


def merging(values: RandomValues) -> dict[str, object]:
    """Choose an account with several schedules."""
    rows = values.runtime.vesting.schedules_ext.items()
    known = [who for who, schedules in rows if len(schedules) > 1]
    if known:
        values.signer = values.one_of(known)
    return {}


def bonded(values: RandomValues) -> dict[str, object]:
    """Choose an account with a bond."""
    values.signer = values.one_of(
        [who for who, _ in values.runtime.authorities.bonds.ledger.items()] or PEOPLE
    )
    return {}
