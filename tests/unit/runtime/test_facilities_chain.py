"""Hospitals on the whole chain: fake ones trigger no burn, real ones do once; bonds and votes.

Invariant I48, attack C12.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec, u16, u32, u128
from runtime.accounts import ECOSYSTEM
from runtime.frame import BadOrigin, signed
from runtime.frame.origin import decided
from runtime.frame.traits import Reasons
from runtime.pallets.chambers.formulas import Chamber
from runtime.pallets.chambers.types import OBJECTION_LOCK_ID, Share
from runtime.pallets.facilities import errors as facilities_errors
from runtime.pallets.facilities.types import (
    Bonds,
    Facility,
    FacilityState,
    HospitalTally,
    Kind,
    Size,
)
from runtime.pallets.identity.types import (
    Data,
    IdentityInfo,
    Judgement,
    KnownGood,
    OutOfDate,
    Reasonable,
)
from runtime.pallets.origins import Decision
from runtime.pallets.tokenomics import errors as tokenomics_errors
from runtime.pallets.tokenomics.types import BurnId
from support.economy.chain import PEOPLE, EconomyChain, Step, person
from support.economy.oracle import BTT
from support.tiers import amount

ANN, BEN, CHO, DEE, *_ = PEOPLE
META = H256(bytes(32))
INFO = IdentityInfo(display=Data.text("A hospital"))
JUDGED = H256(blake2_256(codec(IdentityInfo).encode(INFO)))
HOSPITALS = tuple(person(f"hospital{number}") for number in range(104))
BOND = 100 * BTT
TECHNICAL = decided(Decision.Technical)
BURN = {"id": BurnId.Hospitals100}


class Health(EconomyChain):
    """A chain of the main network's document, with low bonds; BEN is the registrar."""

    def __init__(self) -> None:
        super().__init__("seed-000")
        self.facilities = self.runtime.facilities
        self.runtime.tokenomics.connect(self.runtime.tokenomics.staked, self.facilities)
        self.run(
            self.root("Identity", "add_registrar", account=Id(BEN)),
            self.root("Facilities", "set_bonds", bonds=Bonds(*[u128(BOND)] * 3)),
        )

    def judge(self, who: AccountId, judgement: Judgement) -> Step:
        """Return the call by which the registrar judges an identity."""
        given = {"reg_index": u32(0), "target": Id(who), "identity": JUDGED}
        return self.by(BEN, "Identity", "provide_judgement", **given, judgement=judgement)

    def endowed(self, who: AccountId) -> Step:
        """Return a transfer that pays for a bond, deposits and fees."""
        value = u128(BOND + 20 * BTT)
        return self.by(ANN, "Balances", "transfer_keep_alive", dest=Id(who), value=value)

    def applied(self, who: AccountId, kind: Kind = Kind.Hospital) -> Step:
        """Return an application."""
        return self.by(
            who, "Facilities", "apply",
            kind=kind, size=Size.Small, region=u16(156), sensitive=False, meta=META,
        )  # fmt: skip

    def suspended(self, who: AccountId, *, suspended: bool = True) -> Step:
        """Return a suspension, or the end of one."""
        call = self.call("Facilities", "suspend", who=Id(who), suspended=suspended)
        return TECHNICAL, call

    def register(self, *people: AccountId) -> None:
        """Let accounts become active hospitals, each in steps that succeed."""
        for who in people:
            self.run(
                self.endowed(who),
                self.by(who, "Identity", "set_identity", info=INFO),
                self.judge(who, KnownGood()),
                self.applied(who),
                (TECHNICAL, self.call("Facilities", "confirm", who=Id(who))),
            )

    def rounds(self, blocks: int = 55) -> None:
        """Make blocks, in which each hospital is reviewed."""
        for _ in range(blocks):
            self.block()

    def fails(self, step: Step) -> object:
        """Return the class of the error of a step that fails."""
        (error,) = self.block(step)
        return type(error)


# ---- burns


def ninety_nine() -> Health:
    """Return a chain with 99 hospitals that count."""
    chain = Health()
    chain.register(*HOSPITALS[:99])
    chain.days(30)
    chain.rounds()
    assert chain.facilities.count() == 99
    return chain


def test_fake_hospitals_trigger_no_burn_and_real_ones_one() -> None:
    chain = ninety_nine()
    burn = chain.by(CHO, "Tokenomics", "execute_milestone_burn", **BURN)
    merely, refused, part, late, suspended = HOSPITALS[99:104]
    # One whose identity is merely reasonable, and one that the Technical track refuses.
    for who in (merely, refused):
        chain.run(chain.endowed(who), chain.by(who, "Identity", "set_identity", info=INFO))
    chain.run(chain.judge(merely, Reasonable()), chain.judge(refused, KnownGood()))
    assert chain.fails(chain.applied(merely)) is facilities_errors.NotKnownGood
    chain.run(chain.applied(refused))
    own = signed(refused), chain.call("Facilities", "confirm", who=Id(refused))
    assert chain.fails(own) is BadOrigin
    chain.days(40)
    chain.rounds()
    assert chain.facilities.count() == 99
    chain.run((TECHNICAL, chain.call("Facilities", "refuse", who=Id(refused))))
    # A second hospital of an operator that has one.
    name = Data.text("ward")
    chain.run(
        chain.endowed(part),
        chain.by(HOSPITALS[0], "Identity", "add_sub", sub=Id(part), data=name),
        chain.by(part, "Identity", "agree_sub", main=Id(HOSPITALS[0])),
    )
    assert chain.fails(chain.applied(part)) is facilities_errors.OperatorTaken
    # One that is suspended, and one that is too young.
    chain.register(suspended)
    chain.run(chain.suspended(suspended))
    chain.days(31)
    chain.register(late)
    chain.days(29)
    chain.rounds()
    assert chain.facilities.count() == 99
    assert chain.fails(burn) is tokenomics_errors.TriggerNotMet
    assert chain.audit() == []

    before = chain.free(ECOSYSTEM)
    chain.days(1)
    chain.rounds()
    assert chain.facilities.count() == 100
    chain.run(burn)
    assert before - chain.free(ECOSYSTEM) == 70_000 * BTT
    assert chain.fails(burn) is tokenomics_errors.AlreadyBurned

    # It was for ever: a hospital may leave, come back, and nothing burns again.
    chain.run(chain.by(late, "Facilities", "leave"))
    assert chain.facilities.count() == 99
    chain.days(28)
    chain.rounds(2)
    assert chain.facilities.get(late) is None
    chain.run(chain.applied(late), (TECHNICAL, chain.call("Facilities", "confirm", who=Id(late))))
    chain.days(30)
    chain.rounds()
    assert chain.facilities.count() == 100
    assert chain.fails(burn) is tokenomics_errors.AlreadyBurned
    assert before - chain.free(ECOSYSTEM) == 70_000 * BTT
    thousand = chain.by(CHO, "Tokenomics", "execute_milestone_burn", id=BurnId.Hospitals1000)
    assert chain.fails(thousand) is tokenomics_errors.TriggerNotMet
    assert chain.audit() == []


# ---- the audit


def test_the_audit_finds_each_wrong_number_of_the_register() -> None:
    chain = Health()
    chain.register(*HOSPITALS[:2])
    chain.days(30)
    chain.rounds(2)
    assert chain.audit() == []
    facilities, roster, first = chain.facilities, chain.facilities.roster, HOSPITALS[0]
    known, tally, entry = facilities.get(first), roster.tally.value, roster.hospitals[first]
    assert known is not None

    def wrong_tally(**changes: int) -> None:
        wrong = roster.tally.value
        for name, by in changes.items():
            setattr(wrong, name, getattr(wrong, name) + by)
        roster.tally.value = wrong

    def wrong_facility(**changes: object) -> None:
        wrong = facilities.facilities[first]
        for name, value in changes.items():
            setattr(wrong, name, value)
        facilities.facilities[first] = wrong

    def uncount() -> None:
        wrong = roster.hospitals[first]
        wrong.counted = False
        roster.hospitals[first] = wrong

    changes: tuple[Callable[[], None], ...] = (
        lambda: wrong_tally(counted=1),
        lambda: wrong_tally(active=1),
        lambda: wrong_tally(bonds=1),
        lambda: wrong_facility(operator=CHO),
        lambda: wrong_facility(state=FacilityState.Suspended),
        lambda: wrong_facility(since=chain.runtime.babe.now() - 5),
        lambda: wrong_facility(bond=u128(BOND + 1)),
        uncount,
    )
    for change in changes:
        change()
        assert {found.invariant for found in chain.audit()} & {"I48", "I4"}
        facilities.facilities[first] = known
        roster.tally.value, roster.hospitals[first] = tally, entry
        assert chain.audit() == []


def test_the_audit_finds_objections_that_do_not_add_up() -> None:
    chain = EconomyChain("seed-000")
    first, balances = u32(0), chain.runtime.balances
    foundation = chain.tokenomics.foundation.value
    item = {"programme": first, "index": first}
    chain.run(
        chain.by(foundation, "Tokenomics", "attest_milestone", **item, evidence_hash=META),
        chain.by(ANN, "Chambers", "object_to_milestone", **item, value=u128(100 * BTT)),
        chain.by(CHO, "Chambers", "object_to_milestone", **item, value=u128(50 * BTT)),
    )
    objections = chain.runtime.chambers.objections
    assert chain.audit() == []
    current, own = objections.objection_rounds[first, first], objections.own_objections[ANN]

    def wrong_sum() -> None:
        wrong = objections.objection_rounds[first, first]
        wrong.poll.chambers[Chamber.Holders].votes = Share(nays=u128(1))
        objections.objection_rounds[first, first] = wrong

    def lost_objection() -> None:
        del objections.own_objections[ANN]

    def lost_lock() -> None:
        balances.set_lock(OBJECTION_LOCK_ID, ANN, u128(5), Reasons.All)

    for change in (wrong_sum, lost_objection, lost_lock):
        change()
        assert {found.invariant for found in chain.audit()} == {"I20"}
        objections.objection_rounds[first, first] = current
        objections.own_objections[ANN] = own
        balances.set_lock(OBJECTION_LOCK_ID, ANN, u128(100 * BTT), Reasons.All)
        assert chain.audit() == []
    # Once it is decided, the objections are removed one by one.
    chain.run(chain.root("Tokenomics", "confirm_milestone", **item))
    chain.run(chain.by(BEN, "Chambers", "unlock_objections", target=Id(ANN)))
    assert chain.audit() == []
    assert not balances.locks[ANN]


# ---- votes


def test_the_bond_of_a_hospital_votes_among_institutions_and_the_rest_among_holders() -> None:
    chain = Health()
    powers = chain.runtime.chambers.powers
    before = powers.totals(0)
    chain.register(HOSPITALS[0])
    after = powers.totals(0)
    money = int(chain.runtime.balances.total(HOSPITALS[0]))
    mine = powers.of(HOSPITALS[0], money)
    assert mine[Chamber.Institutions] == BOND
    assert mine[Chamber.Holders] == 2 * (money - BOND)
    assert after[Chamber.Institutions] - before[Chamber.Institutions] == BOND
    assert before[Chamber.Holders] - after[Chamber.Holders] == 2 * BOND
    assert not powers.may_delegate(HOSPITALS[0])
    chain.run(chain.suspended(HOSPITALS[0]))
    assert powers.of(HOSPITALS[0], money)[: Chamber.Holders] == [0, 0]
    assert powers.of(HOSPITALS[0], money)[Chamber.Holders] == 2 * money


def test_a_hospital_with_a_seat_of_its_own_votes_with_that_alone() -> None:
    chain = Health()
    chain.register(HOSPITALS[0])
    allocation = {"who": Id(HOSPITALS[0]), "allocation": u128(50 * BTT)}
    before = chain.runtime.chambers.powers.totals(0)
    chain.run(chain.root("Chambers", "add_institution", **allocation))
    powers = chain.runtime.chambers.powers
    assert powers.of(HOSPITALS[0], 10**30) == [50 * BTT, 0, 0, 0]
    change = powers.totals(0)[Chamber.Institutions] - before[Chamber.Institutions]
    assert change == 50 * BTT - BOND


def test_a_small_part_of_the_bond_is_not_counted_in_two_chambers() -> None:
    chain = Health()
    chain.register(HOSPITALS[0])
    powers = chain.runtime.chambers.powers
    for locked in (0, 1, BOND - 1, BOND, BOND + 5):
        found = powers.of(HOSPITALS[0], locked)
        assert found[Chamber.Institutions] + found[Chamber.Holders] // 2 == locked


# ---- random runs


class RandomHealth:
    """Random calls around facilities, and what a scan of all of them says."""

    def __init__(self, seed: int) -> None:
        self.rng, self.chain = Random(seed), Health()
        self.people = HOSPITALS[:7]
        self.chain.run(*(self.chain.endowed(who) for who in self.people))
        for who in self.people:
            self.chain.run(
                self.chain.by(who, "Identity", "set_identity", info=INFO),
                self.chain.judge(who, KnownGood()),
            )

    def step(self) -> Step:
        """Return a call of some account."""
        chain, rng = self.chain, self.rng
        who, other = rng.choice(self.people), rng.choice(self.people)
        one = {"who": Id(who)}
        steps = [
            chain.applied(who, rng.choice((Kind.Hospital, Kind.Hospital, Kind.Clinic))),
            chain.applied(who),
            (TECHNICAL, chain.call("Facilities", "confirm", **one)),
            (TECHNICAL, chain.call("Facilities", "confirm", **one)),
            (TECHNICAL, chain.call("Facilities", "refuse", **one)),
            chain.by(who, "Facilities", "leave"),
            chain.by(who, "Facilities", "update", size=Size.Large, meta=META),
            chain.suspended(who, suspended=rng.random() < 0.5),
            chain.judge(who, rng.choice((KnownGood(), KnownGood(), OutOfDate()))),
            chain.by(who, "Identity", "set_identity", info=INFO),
            chain.by(who, "Identity", "add_sub", sub=Id(other), data=Data.text("part")),
            chain.by(who, "Identity", "agree_sub", main=Id(other)),
            chain.by(who, "Identity", "quit_sub"),
            chain.by(who, "Balances", "transfer_all", dest=Id(other), keep_alive=True),
        ]
        return rng.choice(steps)

    def counted_by_scan(self) -> int:
        """Return the number of hospitals that count, from all records."""
        facilities, identity = self.chain.facilities, self.chain.runtime.identity
        now = self.chain.runtime.babe.now()

        def counts(who: AccountId, facility: Facility) -> bool:
            operator = identity.operator_of(who)
            return (
                facility.kind is Kind.Hospital
                and facility.state is FacilityState.Active
                and now - int(facility.since) >= facilities.count_after
                and identity.known_good(who)
                and facilities.by_operator.get((Kind.Hospital, operator)) == who
            )

        return sum(counts(who, found) for who, found in facilities.facilities.items())


@settings(max_examples=amount(4, 60))
@given(seed=st.integers(0, 2**32))
def test_random_calls_leave_a_register_that_adds_up(seed: int) -> None:
    world = RandomHealth(seed)
    chain = world.chain
    issued = int(chain.runtime.balances.total_issuance.value)
    for _ in range(25):
        steps = [world.step() for _ in range(world.rng.randrange(1, 5))]
        chain.block(*steps, slot=chain.slot + world.rng.choice((1, 1, 14_400, 14_400 * 31)))
        assert chain.audit() == []
        for who in filter(chain.facilities.is_requester, world.people):
            assert chain.runtime.identity.verified(who), "each has a budget of mining"
    chain.rounds(2 * len(world.people))
    assert chain.facilities.count() == world.counted_by_scan()
    assert chain.audit() == []
    # All bonds come back.
    for who in world.people:
        chain.block(chain.suspended(who, suspended=False))
        chain.block(chain.by(who, "Facilities", "leave"))
    chain.days(28)
    chain.rounds(2)
    assert not list(chain.facilities.facilities.items())
    assert chain.facilities.roster.tally.value == HospitalTally(cursor=u32(0))
    assert all(chain.runtime.balances.held(chain.facilities.reason, who) == 0 for who in HOSPITALS)
    burned = int(chain.runtime.balances.total_burned.value)
    assert int(chain.runtime.balances.total_issuance.value) == issued
    assert burned + issued == int(chain.runtime.tokenomics.genesis_supply.value)
