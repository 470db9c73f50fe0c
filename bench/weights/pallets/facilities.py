"""Benchmarks of Facilities: accounts whose judgement and operator are those of another account."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.identity import INFO, LAST, LONG, named
from bench.weights.state import BLOCK, Bench, address
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u64, u128
from runtime.constants import BTT
from runtime.pallets.facilities.pallet import LEAVING, MAX_REMOVALS, MAX_REVIEWS
from runtime.pallets.facilities.types import Bonds, Facility, FacilityState, Kind, Size
from runtime.pallets.identity.types import MAX_REGISTRARS, KnownGood, Reasonable, Registration

CHINA = u16(156)
META = H256(bytes(32))
BOND = u128(10_000 * BTT)
OTHER = AccountId(b"\x0f" * 32)
"""Recorded operator of a facility whose operator changed."""


def judged(b: Bench, number: int) -> AccountId:
    """Return an account with a full identity, whose last `KnownGood` is that of its parent."""
    main, identity = b.account(0), b.runtime.identity
    if main not in identity.identity_of:
        named(b, 0, paid=False)
        known = identity.identity_of[main]
        known.judgements[LAST] = (u32(LAST), KnownGood())
        identity.identity_of[main] = known
    who = b.endow(AccountId(blake2_256(b"facility %d" % number)))
    own = [(u32(index), Reasonable()) for index in range(MAX_REGISTRARS)]
    identity.identity_of[who] = Registration(list(own), u128(0), INFO)
    identity.subs.super_of[who] = (main, LONG)
    identity.subs.agreed[who] = ()
    return who


def facility(
    b: Bench, number: int, state: FacilityState, operator: AccountId | None = None
) -> AccountId:
    """Register a hospital in this state, with its bond; return it."""
    pallet, who = b.runtime.facilities, judged(b, number)
    owner = b.account(0) if operator is None else operator
    pallet.currency.hold(pallet.reason, who, BOND)
    pallet.facilities[who] = Facility(
        Kind.Hospital, Size.Large, CHINA, True, owner, BOND, u64(0), state, META
    )
    pallet.by_operator[Kind.Hospital, owner] = who
    if state is FacilityState.Active:
        pallet.roster.add(who, BOND)
    return who


def laboratory(b: Bench) -> AccountId:
    """Return an active laboratory that is its own operator, judged by the last registrar."""
    who, subs, identity = judged(b, 50), b.runtime.identity.subs, b.runtime.identity.identity_of
    del subs.super_of[who]
    del subs.agreed[who]
    own = identity[who]
    own.judgements[LAST] = (u32(LAST), KnownGood())
    identity[who] = own
    b.runtime.facilities.facilities[who] = Facility(
        Kind.Laboratory, Size.Large, CHINA, True, who, BOND, u64(0), FacilityState.Active, META
    )
    b.runtime.facilities.by_operator[Kind.Laboratory, who] = who
    return who


@benchmark("Facilities.apply")
def apply(b: Bench) -> Case:
    """Apply, with the judgement of a parent, which an entry of a former part still names."""
    former, subs = facility(b, 1, FacilityState.Active), b.runtime.identity.subs
    del subs.super_of[former]
    del subs.agreed[former]
    return b.signed(
        judged(b, 0), "Facilities", "apply",
        kind=Kind.Hospital, size=Size.Large, region=CHINA, sensitive=True, meta=META,
    )  # fmt: skip


@benchmark("Facilities.confirm")
def confirm(b: Bench) -> Case:
    """Confirm a hospital."""
    return b.root("Facilities", "confirm", who=address(facility(b, 0, FacilityState.Asked)))


@benchmark("Facilities.refuse")
def refuse(b: Bench) -> Case:
    """Refuse a hospital."""
    return b.root("Facilities", "refuse", who=address(facility(b, 0, FacilityState.Asked)))


@benchmark("Facilities.update")
def update(b: Bench) -> Case:
    """Change the description of a hospital whose operator changed."""
    who = facility(b, 0, FacilityState.Active, OTHER)
    return b.signed(who, "Facilities", "update", size=Size.Small, meta=META)


def counted(b: Bench) -> AccountId:
    """Return a hospital that counts, and is not the last one of the roster."""
    who = facility(b, 0, FacilityState.Active)
    b.at(BLOCK + int(b.runtime.facilities.count_after))
    b.runtime.facilities.on_initialize(BLOCK)
    facility(b, 1, FacilityState.Active, OTHER)
    return who


@benchmark("Facilities.leave")
def leave(b: Bench) -> Case:
    """Leave as a hospital that counts."""
    return b.signed(counted(b), "Facilities", "leave")


@benchmark("Facilities.suspend")
def suspend(b: Bench) -> Case:
    """Suspend a hospital that counts."""
    return b.root("Facilities", "suspend", who=address(counted(b)), suspended=True)


@benchmark("Facilities.set_bonds")
def set_bonds(b: Bench) -> Case:
    """Set the bonds."""
    return b.root("Facilities", "set_bonds", bonds=Bonds())


@benchmark("Facilities.open_block", removals=(0, MAX_REMOVALS), reviews=(0, MAX_REVIEWS))
def open_block(b: Bench, removals: int, reviews: int) -> Case:
    """Remove that many facilities, and count as many hospitals, one of them with a new operator."""
    pallet, later = b.runtime.facilities, BLOCK + int(b.runtime.facilities.count_after)
    for number in range(removals):
        who = facility(b, 10 + number, FacilityState.Left, AccountId(bytes((number + 1,)) * 32))
        pallet.timers.enter(LEAVING, BLOCK, H256(who))
    for number in range(reviews):
        facility(b, number, FacilityState.Active, AccountId(bytes((0x40 + number,)) * 32))
    b.at(later)
    return Case(run=lambda: pallet.on_initialize(BLOCK))


@benchmark("Facilities.top_up")
def top_up(b: Bench) -> Case:
    """Restore the bond of an active hospital."""
    who = facility(b, 0, FacilityState.Active)
    taken = b.runtime.facilities.penalties.take_bond(who, BTT)
    b.runtime.balances.release(b.runtime.facilities.reason, who, taken)
    return b.signed(who, "Facilities", "top_up")
