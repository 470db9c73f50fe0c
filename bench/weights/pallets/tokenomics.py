"""Benchmarks of Tokenomics: the programmes of the reference chain, with all their milestones."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.state import BLOCK, Bench, address
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u64, u128
from runtime.accounts import ECOSYSTEM, RESERVE
from runtime.constants import BTT, MONTH_MS
from runtime.pallets.tokenomics.milestone_burns import MilestoneBurns
from runtime.pallets.tokenomics.types import (
    BurnId,
    CeilingMode,
    MilestoneStatus,
    ReserveUnlock,
    TreasurySeat,
)

FIRST = u32(1)
HASH = H256(bytes(32))
AMOUNT = u128(1_000 * BTT)


def attested(b: Bench, status: MilestoneStatus = MilestoneStatus.Attested) -> AccountId:
    """Give all milestones of a programme this status; return the Foundation."""
    pallet = b.runtime.tokenomics
    record = pallet.programmes.programmes.get(FIRST)
    assert record is not None
    for item in record.milestones:
        item.status, item.since = status, u64(BLOCK - 5)
    pallet.programmes.programmes[FIRST] = record
    foundation = pallet.foundation.get()
    assert foundation is not None
    return b.endow(foundation)


def last(b: Bench) -> u32:
    """Return the last milestone of the programme."""
    record = b.runtime.tokenomics.programmes.programmes.get(FIRST)
    assert record is not None
    return u32(len(record.milestones) - 1)


class Traffic:
    """A bridge that money has crossed."""

    def has_traffic(self) -> bool:
        """Return True if money has crossed it: always."""
        return True


def linked(b: Bench) -> MilestoneBurns:
    """Give the chain a bridge with traffic; return the burns."""
    burns = b.runtime.tokenomics.milestone_burns
    burns.bridge = Traffic()
    return burns


@benchmark("Tokenomics.release_discretionary")
def release_discretionary(b: Bench) -> Case:
    """Pay out of a pool, which opens an account."""
    from runtime.pallets.tokenomics.ledger import id_of

    return b.root(
        "Tokenomics", "release_discretionary",
        pool=id_of(ECOSYSTEM), amount=AMOUNT, beneficiary=address(b.poor(1)),
    )  # fmt: skip


@benchmark("Tokenomics.attest_milestone")
def attest_milestone(b: Bench) -> Case:
    """Attest the last milestone."""
    foundation = attested(b, MilestoneStatus.Open)
    return b.signed(
        foundation, "Tokenomics", "attest_milestone",
        programme=FIRST, index=last(b), evidence_hash=HASH,
    )  # fmt: skip


@benchmark("Tokenomics.object_milestone")
def object_milestone(b: Bench) -> Case:
    """Object to the last milestone."""
    attested(b)
    return b.root("Tokenomics", "object_milestone", programme=FIRST, index=last(b))


@benchmark("Tokenomics.confirm_milestone")
def confirm_milestone(b: Bench) -> Case:
    """Confirm the last milestone."""
    attested(b)
    return b.root("Tokenomics", "confirm_milestone", programme=FIRST, index=last(b))


@benchmark("Tokenomics.claim_programme")
def claim_programme(b: Bench) -> Case:
    """Claim a programme whose milestones are all counted at once, and paid."""
    attested(b)
    b.at(3 * MONTH_MS // int(b.params.slot_ms))
    return b.signed(b.account(0), "Tokenomics", "claim_programme", programme=FIRST)


@benchmark("Tokenomics.unlock_reserve")
def unlock_reserve(b: Bench) -> Case:
    """Unlock a part of the reserve."""
    return b.root("Tokenomics", "unlock_reserve", cap=AMOUNT, expiry=u64(BLOCK + 100))


@benchmark("Tokenomics.spend_reserve")
def spend_reserve(b: Bench) -> Case:
    """Pay out of the reserve, which opens an account."""
    pallet = b.runtime.tokenomics
    who = pallet.reserve_fund.reserve.get()
    assert who is not None
    b.endow(who)
    b.endow(RESERVE)
    pallet.reserve_fund.reserve_unlock.value = ReserveUnlock(u128(10 * AMOUNT), u64(BLOCK + 100))
    return b.signed(
        who, "Tokenomics", "spend_reserve",
        amount=AMOUNT, beneficiary=address(b.poor(1)), reason_hash=HASH,
    )  # fmt: skip


@benchmark("Tokenomics.execute_milestone_burn")
def execute_milestone_burn(b: Bench) -> Case:
    """Burn the amount that is due when chains are linked."""
    burns = linked(b)
    burns.cross_chain.value = True
    return b.signed(b.account(0), "Tokenomics", "execute_milestone_burn", id=BurnId.CrossChain)


@benchmark("Tokenomics.attest_cross_chain")
def attest_cross_chain(b: Bench) -> Case:
    """Set the cross-chain flag."""
    linked(b)
    return b.root("Tokenomics", "attest_cross_chain")


@benchmark("Tokenomics.pause_discretionary")
def pause_discretionary(b: Bench) -> Case:
    """Set the end of the pause."""
    return b.root("Tokenomics", "pause_discretionary", until=u64(BLOCK + 100))


@benchmark("Tokenomics.set_ceiling_mode")
def set_ceiling_mode(b: Bench) -> Case:
    """Set the ceiling mode."""
    return b.root("Tokenomics", "set_ceiling_mode", mode=CeilingMode.Advisory)


@benchmark("Tokenomics.end_treasury_seat")
def end_treasury_seat(b: Bench) -> Case:
    """End the seat."""
    seat = TreasurySeat(AMOUNT, u64(BLOCK + 100))
    b.runtime.tokenomics.stewardship.treasury_seat.value = seat
    return b.root("Tokenomics", "end_treasury_seat")


@benchmark("Tokenomics.top_up_pool")
def top_up_pool(b: Bench) -> Case:
    """Transfer money to a pool."""
    from runtime.pallets.tokenomics.ledger import OPEN_TO_GIFTS, id_of

    pool = next(iter(sorted(OPEN_TO_GIFTS)))
    return b.signed(b.account(0), "Tokenomics", "top_up_pool", pool=id_of(pool), amount=AMOUNT)
