"""Benchmarks of Session, Authorities, Offences, Babe and Grandpa: all seats are taken."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.identity import INFO, LONG
from bench.weights.pallets.votes import equivocation
from bench.weights.state import BLOCK, Bench, address
from btt_chain.consensus.babe.claim import seal
from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.babe import SecondaryPlain, SecondaryPlainClaim, Slot, pre_runtime
from btt_chain.primitives.babe_digests import (
    V1,
    AllowedSlots,
    AuthorityId,
)
from btt_chain.primitives.babe_equivocation import EquivocationProof
from btt_chain.primitives.digest import H256, Digest, RuntimeEnvironmentUpdated
from btt_chain.primitives.header import Header
from btt_chain.primitives.limits import MAX_LOGS
from btt_chain.primitives.voters import AuthorityId as VoterId
from btt_chain.scale import u16, u32, u64, u128
from runtime.constants import BTT
from runtime.decay import KEPT
from runtime.frame import NONE, ROOT, Call, signed
from runtime.frame.bonding import UnlockChunk
from runtime.pallets.authorities.types import MAX_CHUNKS, Exposure, Ledger
from runtime.pallets.babe.types import ABSENT_AFTER, MAX_GAP
from runtime.pallets.evidence import BABE_EQUIVOCATION, MembershipProof
from runtime.pallets.identity.types import MAX_REGISTRARS, Judgement, Reasonable, Registration
from runtime.pallets.offences.pallet import Charge, OffenceDetails, Queued, opaque, report_id
from runtime.pallets.offences.pallet import Exposure as Charged
from runtime.pallets.providers.work_scores import EraScore
from runtime.pallets.session.pallet import Seat, SessionKeys

BOND = 100_000 * BTT
SEATS = (1, 100)
LOGS = (4, 2 * MAX_LOGS)
"""As many as on the main network; a chain with more adds weight in proportion."""
ELECTIONS = (1, 147)
CANDIDATES = (0, 256)
JUDGEMENTS: list[tuple[u32, Judgement]] = [
    (u32(index), Reasonable()) for index in range(MAX_REGISTRARS)
]
"""The judgements of an operator, one of each registrar."""
AT = 33
"""The current session."""
ELECTION = 1
"""The session whose election put the bonds at stake."""


def author(number: int) -> KeyPair:
    """Return the BABE key of a validator."""
    return KeyPair.from_seed(blake2_256(b"author %d" % number), Scheme.SR25519)


def voter(number: int) -> KeyPair:
    """Return the GRANDPA key of a validator."""
    return KeyPair.from_seed(blake2_256(b"voter %d" % number), Scheme.ED25519)


def stash(number: int) -> AccountId:
    """Return the account of a validator."""
    return AccountId(blake2_256(b"stash %d" % number))


def keys_of(number: int) -> SessionKeys:
    """Return the session keys of a validator."""
    return SessionKeys(AuthorityId(author(number).public), VoterId(voter(number).public))


def bonded(b: Bench, number: int, *, keys: bool = True) -> AccountId:
    """Give a validator a bond, which is at stake, and keys."""
    who, authorities, session = b.endow(stash(number)), b.runtime.authorities, b.runtime.session
    authorities.currency.hold(authorities.reason, who, BOND)
    authorities.bonds.ledger[who] = Ledger(BOND)
    authorities.elections.exposures[u32(ELECTION), who] = Exposure(BOND, u128(0))
    authorities.candidate_list.add(who, u128(BOND - number))
    if keys:
        session._register(who, keys_of(number), None, is_proven=True)
    return who


def seated(b: Bench, count: int) -> list[AccountId]:
    """Put that many validators into the session, all of them elected and at stake."""
    runtime = b.runtime
    session, authorities = runtime.session, runtime.authorities
    for who, _ in list(authorities.candidate_list.candidates.items()):
        authorities.candidate_list.remove(who)
    authorities.elections.elections.value = [u32(ELECTION)]
    found = [bonded(b, number) for number in range(count)]
    session.current_index.value = u32(AT)
    authorities.current_session.value = u32(AT)
    authorities.validator_count.value = u32(count)
    authorities.elections.last_election.value = u32(AT)
    session.validators.value = found
    listed = [(who, keys_of(number)) for number, who in enumerate(found)]
    session.queued_keys.value = listed
    session.seats[u32(AT)] = [Seat(who, keys, u64(10), u64(10)) for who, keys in listed]
    runtime.babe.epochs.genesis_epoch(
        [(keys.babe, 10) for _, keys in listed], [(keys.babe, 10) for _, keys in listed]
    )
    return found


# ---- Session


def ownership(b: Bench, who: AccountId, number: int) -> bytes:
    """Return the proof that an account owns the keys of a validator."""
    del b
    said = b"POP_" + bytes(who)
    return author(number).sign(said) + voter(number).sign(said)


@benchmark("Session.set_keys")
def set_keys(b: Bench) -> Case:
    """Change both keys, with a proof."""
    who = bonded(b, 0)
    return b.signed(who, "Session", "set_keys", keys=keys_of(1), proof=ownership(b, who, 1))


@benchmark("Session.purge_keys")
def purge_keys(b: Bench) -> Case:
    """Remove the keys."""
    who = bonded(b, 0)
    return b.signed(who, "Session", "purge_keys")


@benchmark("Session.rotate", seats=SEATS)
def rotate(b: Bench, seats: int) -> Case:
    """Rotate the session; the election is weighed by Authorities."""
    found = seated(b, seats)
    delegators = [AccountId(blake2_256(b"delegator %d" % place)) for place in range(8)]
    era, scores = 100, b.runtime.providers.work_scores
    b.runtime.mining.eras.era_index.value = u32(era)
    window = [EraScore(u32(era - age), BTT, BTT) for age in range(KEPT, 0, -1)]
    for who in found:
        scores.delegators[who] = delegators
        scores.windows[who] = window
    b.runtime.fees.era_fees.value = [(u32(era - age), BTT) for age in range(KEPT, 0, -1)]
    return Case(run=b.runtime.session.rotate)


# ---- Authorities


@benchmark("Authorities.plan", candidates=CANDIDATES, seats=SEATS)
def plan(b: Bench, candidates: int, seats: int) -> Case:
    """Elect the seats among the candidates, each of another operator; a third is absent."""
    seated(b, 1)
    for number in range(1, candidates):
        who, parent = bonded(b, number), AccountId(blake2_256(b"operator %d" % number))
        b.runtime.identity.identity_of[parent] = Registration(JUDGEMENTS, u128(BTT), INFO)
        b.runtime.identity.subs.super_of[who] = (parent, LONG)
        b.runtime.identity.subs.agreed[who] = ()
    authorities = b.runtime.authorities
    authorities.validator_count.value = u32(seats)
    authorities.elections.election_due.value = True
    b.runtime.babe.absences.absences.value = [
        (stash(number), u16(ABSENT_AFTER)) for number in range(min(candidates, seats))
    ]
    return Case(run=lambda: authorities.plan_session(AT + 1))


@benchmark("Authorities.bond")
def bond(b: Bench) -> Case:
    """Bond for the first time."""
    return b.signed(b.account(0), "Authorities", "bond", amount=u128(BOND))


@benchmark("Authorities.bond_extra")
def bond_extra(b: Bench) -> Case:
    """Add to a candidate's bond that has the maximum number of unbonding chunks."""
    who = unbonding(b, MAX_CHUNKS, 1)
    return b.signed(who, "Authorities", "bond_extra", amount=u128(BTT))


def unbonding(b: Bench, chunks: int, elections: int) -> AccountId:
    """Let a candidate have that many unbonding chunks; that many elections put a bond at stake."""
    who, authorities = bonded(b, 0), b.runtime.authorities
    held = [UnlockChunk(u128(BTT), u32(1 + place)) for place in range(chunks)]
    authorities.currency.hold(authorities.reason, who, u128(chunks * BTT))
    authorities.bonds.ledger[who] = Ledger(BOND, held)
    authorities.current_session.value = u32(500)
    authorities.elections.elections.value = [u32(1 + place) for place in range(elections)]
    for place in range(elections):
        authorities.elections.exposures[u32(1 + place), who] = Exposure(u128(BTT), u128(0))
    return who


@benchmark("Authorities.unbond", elections=ELECTIONS)
def unbond(b: Bench, elections: int) -> Case:
    """Unbond once more than there is room for: chunks that are due are withdrawn first."""
    who = unbonding(b, MAX_CHUNKS, elections)
    return b.signed(who, "Authorities", "unbond", amount=u128(BTT))


@benchmark("Authorities.withdraw_unbonded", elections=ELECTIONS)
def withdraw_unbonded(b: Bench, elections: int) -> Case:
    """Withdraw the maximum number of chunks."""
    return b.signed(unbonding(b, MAX_CHUNKS, elections), "Authorities", "withdraw_unbonded")


@benchmark("Authorities.validate", candidates=CANDIDATES)
def validate(b: Bench, candidates: int) -> Case:
    """Become a candidate; a full list makes room."""
    seated(b, 0)
    authorities = b.runtime.authorities
    for number in range(1, 1 + candidates):
        bonded(b, number)
    who = bonded(b, 0)
    authorities.candidate_list.remove(who)
    authorities.currency.hold(authorities.reason, who, BOND)
    authorities.bonds.ledger[who] = Ledger(u128(2 * BOND))
    return b.signed(who, "Authorities", "validate")


@benchmark("Authorities.chill")
def chill(b: Bench) -> Case:
    """Stop being a candidate."""
    return b.signed(bonded(b, 0), "Authorities", "chill")


@benchmark("Authorities.chill_other")
def chill_other(b: Bench) -> Case:
    """Remove a candidate without keys from the list."""
    who = bonded(b, 0, keys=False)
    return b.signed(b.account(0), "Authorities", "chill_other", stash=address(who))


@benchmark("Authorities.set_minimum_bond")
def set_minimum_bond(b: Bench) -> Case:
    """Set the minimum bond."""
    return b.root("Authorities", "set_minimum_bond", amount=u128(2_000 * BTT))


@benchmark("Authorities.set_validator_count")
def set_validator_count(b: Bench) -> Case:
    """Set the number of validators."""
    return b.root("Authorities", "set_validator_count", count=u32(10))


@benchmark("Authorities.set_work_factor")
def set_work_factor(b: Bench) -> Case:
    """Set the factor of work."""
    return b.root("Authorities", "set_work_factor", factor=u32(300))


# ---- Offences


@benchmark("Offences.disable_again", validators=SEATS)
def disable_again(b: Bench, validators: int) -> Case:
    """Disable the offenders that a new session enabled again: a third of the validators."""
    found = seated(b, validators)
    for who in found[: validators // 3]:
        b.runtime.authorities.candidate_list.barred[who] = u32(AT + 5)
    offences = b.runtime.offences
    offences.looked_through.value = u32(AT - 1)
    return Case(run=offences._disable_again)


@benchmark("Offences.prune", reports=(1, 8))
def prune(b: Bench, reports: int) -> Case:
    """Remove expired reports of one slot."""
    offences = b.runtime.offences
    b.runtime.session.current_index.value = u32(1_000)
    for number in range(reports):
        reported(b, stash(number), 100, 7, 1)
    return Case(run=offences._prune)


def reported(
    b: Bench,
    who: AccountId,
    validators: int,
    when: int,
    session: int,
    kind: bytes = BABE_EQUIVOCATION,
) -> None:
    """Record a report against an account, which paid a hundredth so far."""
    offences, timeslot = b.runtime.offences, opaque(when)
    report = report_id(kind, timeslot, who)
    offences.reports[report] = OffenceDetails((who, Charged(BOND, BOND)), [])
    offences.charges[report] = Charge(u32(session), u32(validators), u128(0))
    known = offences.concurrent_reports_index.get((kind, timeslot)) or []
    offences.concurrent_reports_index[kind, timeslot] = [*known, report]
    offences._remember(Queued(u32(session), report, kind, timeslot))


# ---- Babe


def doubled(b: Bench, validators: int, logs: int) -> EquivocationProof:
    """Return the proof of two blocks of the first validator; all others equivocated in that slot.

    The headers have `logs` digest items in all, claims and seals among them.
    """
    found = seated(b, validators)
    slot = b.runtime.babe.current_slot.value
    b.runtime.babe.epochs.skipped_epochs.value = []
    for who in found[1:]:
        reported(b, who, validators, int(slot), AT)
    claim = SecondaryPlain(SecondaryPlainClaim(u32(0), Slot(int(slot))))
    zero = H256(bytes(32))
    more = [RuntimeEnvironmentUpdated()] * (logs // 2 - 2)
    first, second = (
        seal(
            Header(
                zero, u32(7), H256(bytes([mark]) * 32), zero, Digest([pre_runtime(claim), *more])
            ),
            author(0),
        )
        for mark in (1, 2)
    )
    return EquivocationProof(AuthorityId(author(0).public), Slot(int(slot)), first, second)


@benchmark("Babe.report_equivocation", validators=SEATS, logs=LOGS)
def babe_report(b: Bench, validators: int, logs: int) -> Case:
    """Report the last of all validators; the slashes of the others are raised."""
    proof = doubled(b, validators, logs)
    membership = MembershipProof(u32(AT), [], u32(validators))
    return b.signed(
        b.account(0), "Babe", "report_equivocation",
        equivocation_proof=proof, key_owner_proof=membership,
    )  # fmt: skip


@benchmark("Babe.report_equivocation_unsigned", validators=SEATS, logs=LOGS)
def babe_report_unsigned(b: Bench, validators: int, logs: int) -> Case:
    """As the signed call, with one more validation before."""
    proof = doubled(b, validators, logs)
    membership = MembershipProof(u32(AT), [], u32(validators))
    call = b.call(
        "Babe", "report_equivocation_unsigned",
        equivocation_proof=proof, key_owner_proof=membership,
    )  # fmt: skip
    return Case(call, NONE)


@benchmark("Babe.plan_config_change")
def plan_config_change(b: Bench) -> Case:
    """Plan a change of the two BABE parameters."""
    config = V1((u64(1), u64(4)), AllowedSlots.PrimaryAndSecondaryVRFSlots)
    return b.root("Babe", "plan_config_change", config=config)


@benchmark("Babe.count_gap", slots=(0, MAX_GAP))
def count_gap(b: Bench, slots: int) -> Case:
    """Count the empty slots before a block; all validators have empty slots already."""
    found, babe = seated(b, SEATS[-1]), b.runtime.babe
    babe.absences.absences.value = [(who, u16(ABSENT_AFTER)) for who in found]
    gap = range(int(babe.epochs.first_slot()), int(babe.epochs.first_slot()) + slots)
    return Case(run=lambda: babe.absences.count(found[0], babe._secondary_authors(gap)))


# ---- Grandpa


@benchmark("Grandpa.report_equivocation", validators=SEATS)
def grandpa_report(b: Bench, validators: int) -> Case:
    """Report the last of all validators; the slashes of the others are raised."""
    call = grandpa_call(b, "report_equivocation", validators)
    return Case(call, signed(b.account(0)))


@benchmark("Grandpa.report_equivocation_unsigned", validators=SEATS)
def grandpa_report_unsigned(b: Bench, validators: int) -> Case:
    """As the signed call, with one more validation before."""
    return Case(grandpa_call(b, "report_equivocation_unsigned", validators), NONE)


def grandpa_call(b: Bench, name: str, validators: int) -> Call:
    """Return the report of a voter's two votes; all others voted twice in that round."""
    found = seated(b, validators)
    grandpa, round_ = b.runtime.grandpa, 9
    grandpa.set_id_session[u64(1)] = u32(AT)
    grandpa.set_id_session[u64(0)] = u32(AT - 1)
    for who in found[1:]:
        reported(b, who, validators, 1 | round_ << 64, AT, b"grandpa:equivoca")
    return b.call(
        "Grandpa", name, equivocation_proof=equivocation(voter(0), 1, round_),
        key_owner_proof=MembershipProof(u32(AT), [], u32(validators)),
    )  # fmt: skip


@benchmark("Grandpa.note_stalled")
def note_stalled(b: Bench) -> Case:
    """Fail: nothing is stored here."""
    numbers = {"delay": u32(600), "best_finalized_block_number": u32(BLOCK - 100)}
    return Case(b.call("Grandpa", "note_stalled", **numbers), ROOT, fails=True)
