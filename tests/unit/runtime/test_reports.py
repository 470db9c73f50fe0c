"""Reports of double signing: taken when they are right, once, and from whom they may come."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme
from btt_chain.primitives import validity
from btt_chain.primitives.babe import Slot
from btt_chain.primitives.babe_digests import AuthorityId
from btt_chain.primitives.babe_equivocation import EquivocationProof as BabeProof
from btt_chain.primitives.digest import H256
from btt_chain.primitives.extrinsic import bare
from btt_chain.primitives.grandpa import (
    AuthoritySignature,
    Precommit,
    PrecommitMessage,
    signing_payload,
)
from btt_chain.primitives.grandpa_equivocation import (
    DoublePrecommit,
    EquivocationProof,
    PrecommitEquivocation,
)
from btt_chain.primitives.validity import Invalid, TransactionSource, ValidTransaction
from btt_chain.primitives.voters import AuthorityId as GrandpaId
from btt_chain.scale import u32, u64
from runtime.apis.reports import AnyProof, report_extrinsic
from runtime.frame import NONE, DispatchError, PostInfo, signed
from runtime.pallets.authorities import events as authorities_events
from runtime.pallets.babe.pallet import Babe
from runtime.pallets.evidence import MembershipProof
from runtime.pallets.grandpa.pallet import Grandpa
from runtime.pallets.offences.pallet import Offences
from runtime.pallets.session.pallet import SessionKeys
from runtime.params import RuntimeParams
from support.babe_chain import BOND, EPOCH, START, BabeChain, Validator, validators
from support.runtime import refused

ALICE, BOB, CHARLIE, DAVE, EVE = validators(5)
LOCAL, EXTERNAL = TransactionSource.Local, TransactionSource.External


@pytest.fixture
def chain() -> BabeChain:
    chain = BabeChain(validators(4), others=[EVE])
    chain.run_to(START + EPOCH + 2)
    return chain


def double_vote(cheat: Validator, *, set_id: int = 0, round_number: int = 9) -> EquivocationProof:
    return double_vote_of(cheat.voter, set_id, round_number, (b"\1" * 32, b"\2" * 32))


def double_vote_of(
    key: KeyPair, set_id: int, round_number: int, targets: tuple[bytes, bytes]
) -> EquivocationProof:
    votes = [Precommit(H256(target), u32(5)) for target in targets]
    first, second = (
        (
            vote,
            AuthoritySignature(
                key.sign(signing_payload(PrecommitMessage(vote), round_number, set_id))
            ),
        )
        for vote in votes
    )
    double = DoublePrecommit(u64(round_number), GrandpaId(key.public), first, second)
    return EquivocationProof(u64(set_id), PrecommitEquivocation(double))


def seat(chain: BabeChain, session: int | None = None) -> MembershipProof:
    now = chain.runtime.session.session_index() if session is None else session
    return MembershipProof(u32(now), [], u32(4))


def pallet_of(chain: BabeChain, proof: AnyProof) -> Babe | Grandpa:
    return chain.runtime.babe if isinstance(proof, BabeProof) else chain.runtime.grandpa


def report(chain: BabeChain, proof: AnyProof, owner: MembershipProof) -> PostInfo:
    """Report as Eve does, who has no part in it."""
    call = chain.call(
        pallet_of(chain, proof).name,
        "report_equivocation",
        equivocation_proof=proof,
        key_owner_proof=owner,
    )
    return chain.runtime.dispatch(signed(EVE.account), call)


def judge(chain: BabeChain, raw: bytes, source: TransactionSource = LOCAL) -> ValidTransaction:
    chain.executive.open_pool_view(chain.state, chain.parent)
    return chain.executive.validate_transaction(source, raw)


def both(chain: BabeChain, cheat: Validator) -> list[AnyProof]:
    return [chain.doubled(cheat, START + EPOCH + 1), double_vote(cheat)]


def made(chain: BabeChain, proof: AnyProof) -> bytes:
    raw = report_extrinsic(chain.runtime, chain.state, proof)
    assert raw is not None
    return raw


# ---- reports that are right


@pytest.mark.parametrize("which", [0, 1])
def test_a_report_that_is_right_slashes_and_costs_nothing(chain: BabeChain, which: int) -> None:
    proof = both(chain, BOB)[which]
    before = chain.runtime.authorities.bonded(BOB.account)
    post = report(chain, proof, seat(chain))
    assert post.pays is False
    events = [happened.event for happened in chain.runtime.host.happened()]
    assert [type(event) for event in events if isinstance(event, Offences.Offence)]
    assert [
        event.validator for event in events if isinstance(event, authorities_events.Slashed)
    ] == [BOB.account]
    assert before == BOND
    assert chain.runtime.authorities.bonded(BOB.account) < before


def test_a_report_of_one_who_has_nothing_left_is_paid_for(chain: BabeChain) -> None:
    # A voter that has lost everything can vote twice in rounds that never were, and report it.
    paid = [
        report(chain, double_vote(BOB, round_number=number), seat(chain)).pays
        for number in range(1, 4)
    ]
    assert chain.runtime.authorities.bonded(BOB.account) == 0
    assert paid == [False, False, None]


@pytest.mark.parametrize("which", [0, 1])
def test_a_report_without_a_signature_goes_through_pool_and_block(
    chain: BabeChain, which: int
) -> None:
    raw = made(chain, both(chain, BOB)[which])
    valid = judge(chain, raw)
    assert valid.priority == u64.MAX
    assert valid.longevity == 5 * EPOCH
    assert not valid.propagate
    assert valid.requires == []
    chain.block(reports=[raw])
    assert not chain.failures
    assert any(isinstance(event, authorities_events.Slashed) for event in chain.events())

    with pytest.raises(Invalid) as known:
        judge(chain, raw)
    assert isinstance(known.value.reason, validity.Stale)


def test_judging_a_report_leaves_nothing_behind(chain: BabeChain) -> None:
    raw = made(chain, double_vote(BOB))
    chain.executive.open_pool_view(chain.state, chain.parent)
    state, events = dict(chain.state.data), list(chain.runtime.host.events)
    chain.executive.validate_transaction(LOCAL, raw)
    assert chain.state.data == state
    assert chain.runtime.host.events == events


def test_one_offence_has_one_tag_whatever_the_proof(chain: BabeChain) -> None:
    one = double_vote(BOB)
    other = double_vote_of(BOB.voter, 0, 9, (b"\3" * 32, b"\4" * 32))
    later = double_vote(BOB, round_number=10)
    tags = [judge(chain, made(chain, proof)).provides for proof in (one, other, later)]
    assert tags[0] == tags[1] != tags[2]
    babe = judge(chain, made(chain, chain.doubled(BOB, START + EPOCH + 1))).provides
    assert babe not in tags


def test_the_same_offence_is_taken_once(chain: BabeChain) -> None:
    for proof in both(chain, BOB):
        report(chain, proof, seat(chain))
        with refused(chain.runtime, pallet_of(chain, proof).DuplicateOffenceReport):
            report(chain, proof, seat(chain))


def test_an_offence_is_not_reported_on_the_state_of_an_earlier_slot(chain: BabeChain) -> None:
    current = int(chain.runtime.babe.current_slot.value)
    assert report_extrinsic(chain.runtime, chain.state, chain.doubled(BOB, current)) is not None
    assert report_extrinsic(chain.runtime, chain.state, chain.doubled(BOB, current + 1)) is None


def test_an_offence_can_be_reported_as_long_as_the_window(chain: BabeChain) -> None:
    proof, owner = chain.doubled(BOB, START + EPOCH + 1), seat(chain)
    chain.run_to_epoch(6)
    assert report_extrinsic(chain.runtime, chain.state, proof) is not None
    judge(chain, made(chain, proof))
    chain.run_to_epoch(7)
    assert report_extrinsic(chain.runtime, chain.state, proof) is None
    with refused(chain.runtime, Babe.InvalidKeyOwnershipProof):
        report(chain, proof, owner)


def test_offences_before_skipped_epochs_find_their_session() -> None:
    chain = BabeChain(validators(4), others=[EVE])
    chain.run_to(START + EPOCH + 2)
    early = chain.doubled(BOB, START + EPOCH + 1)
    chain.block(slot=START + 50 * EPOCH)
    late = chain.doubled(CHARLIE, START + 50 * EPOCH)
    assert chain.runtime.session.session_index() == 2
    chain.block(reports=[made(chain, early), made(chain, late)])
    assert not chain.failures
    slashed = [event for event in chain.events() if isinstance(event, authorities_events.Slashed)]
    assert {event.validator for event in slashed} == {BOB.account, CHARLIE.account}


def test_votes_of_an_old_set_are_reported_with_a_session_of_that_set() -> None:
    params = RuntimeParams(u64(6_000), epoch_slots=u32(3))
    chain = BabeChain(validators(4), others=[EVE], params=params)
    voter = KeyPair.from_uri("//Dave//2", Scheme.ED25519)
    keys = SessionKeys(AuthorityId(DAVE.author.public), GrandpaId(voter.public))
    chain.block((signed(DAVE.account), chain.call("Session", "set_keys", keys=keys, proof=b"")))
    chain.run_to_epoch(3)  # set 0 voted in sessions 0 and 1, set 1 votes since session 2
    old, new = double_vote(BOB, set_id=0), double_vote(BOB, set_id=1)
    for proof, session in ((old, 2), (new, 1), (double_vote(BOB, set_id=2), 3)):
        with refused(chain.runtime, Grandpa.InvalidEquivocationProof):
            report(chain, proof, seat(chain, session))
    report(chain, old, seat(chain, 0))
    report(chain, new, seat(chain, 3))


def test_a_report_weighs_more_where_more_validators_may_pay(chain: BabeChain) -> None:
    proof = chain.doubled(BOB, START + EPOCH + 1)
    few, many = (
        chain.call(
            "Babe",
            "report_equivocation",
            equivocation_proof=proof,
            key_owner_proof=MembershipProof(u32(1), [], u32(count)),
        )
        for count in (4, 100)
    )
    assert chain.runtime.info(few).weight < chain.runtime.info(many).weight


# ---- reports that are wrong


def wrong_owners(chain: BabeChain) -> list[MembershipProof]:
    right = seat(chain)
    return [
        replace(right, validator_count=u32(5)),
        replace(right, trie_nodes=[b"\0"]),
        replace(right, session=u32(0)),
    ]


def test_a_wrong_proof_of_whose_key_it_was_is_refused(chain: BabeChain) -> None:
    proof = chain.doubled(BOB, START + EPOCH + 1)
    for owner in wrong_owners(chain):
        with refused(chain.runtime, Babe.InvalidKeyOwnershipProof):
            report(chain, proof, owner)
    vote = double_vote(BOB)
    for owner in wrong_owners(chain)[:2]:
        with refused(chain.runtime, Grandpa.InvalidKeyOwnershipProof):
            report(chain, vote, owner)


def test_the_key_of_an_account_that_was_no_validator_is_refused(chain: BabeChain) -> None:
    proof = replace(chain.doubled(BOB, START + EPOCH + 1), offender=AuthorityId(EVE.author.public))
    assert report_extrinsic(chain.runtime, chain.state, proof) is None
    with refused(chain.runtime, Babe.InvalidKeyOwnershipProof):
        report(chain, proof, seat(chain))
    with refused(chain.runtime, Grandpa.InvalidKeyOwnershipProof):
        report(chain, double_vote(EVE), seat(chain))
    assert report_extrinsic(chain.runtime, chain.state, double_vote(EVE)) is None


def test_what_proves_nothing_is_refused(chain: BabeChain) -> None:
    right = chain.doubled(BOB, START + EPOCH + 1)
    wrong: list[tuple[AnyProof, type[DispatchError]]] = [
        (replace(right, second_header=right.first_header), Babe.InvalidEquivocationProof),
        (replace(right, slot=Slot(START + EPOCH)), Babe.InvalidEquivocationProof),
        (replace(right, slot=Slot(START - 1)), Babe.InvalidEquivocationProof),
        (replace(right, slot=Slot(START + EPOCH + 9)), Babe.InvalidEquivocationProof),
        (double_vote_of(BOB.voter, 0, 9, (b"\1" * 32,) * 2), Grandpa.InvalidEquivocationProof),
    ]
    for proof, error in wrong:
        with refused(chain.runtime, error):
            report(chain, proof, seat(chain))


def test_the_pool_refuses_what_the_block_would(chain: BabeChain) -> None:
    right = chain.doubled(BOB, START + EPOCH + 1)
    raw = made(chain, replace(right, second_header=right.first_header))
    with pytest.raises(Invalid) as wrong:
        judge(chain, raw)
    assert isinstance(wrong.value.reason, validity.BadProof)
    with pytest.raises(Invalid):
        chain.block(reports=[raw])


@pytest.mark.parametrize("which", [0, 1])
def test_a_report_without_a_signature_is_not_taken_from_other_nodes(
    chain: BabeChain, which: int
) -> None:
    raw = made(chain, both(chain, BOB)[which])
    with pytest.raises(Invalid) as strange:
        judge(chain, raw, EXTERNAL)
    assert isinstance(strange.value.reason, validity.Call)


def test_a_call_without_a_signature_is_no_other_call(chain: BabeChain) -> None:
    signed_form = chain.call(
        "Babe",
        "report_equivocation",
        equivocation_proof=chain.doubled(BOB, START + EPOCH + 1),
        key_owner_proof=seat(chain),
    )
    with pytest.raises(validity.Unknown):
        judge(chain, bare(signed_form.raw))
    stalled = chain.call("Grandpa", "note_stalled", delay=1, best_finalized_block_number=1)
    with pytest.raises(validity.Unknown):
        judge(chain, bare(stalled.raw))


def test_an_offence_that_is_no_longer_judged_is_refused_by_the_pool(
    chain: BabeChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_old(*_: object) -> None:
        raise Offences.TooOld

    monkeypatch.setattr(chain.runtime.offences, "check", too_old)
    with pytest.raises(Invalid) as old:
        judge(chain, made(chain, double_vote(BOB)))
    assert isinstance(old.value.reason, validity.BadProof)


def test_without_offences_no_report_is_taken(chain: BabeChain) -> None:
    for proof in both(chain, BOB):
        pallet_of(chain, proof).connect(chain.runtime.session, None)
        call = chain.call(
            pallet_of(chain, proof).name,
            "report_equivocation_unsigned",
            equivocation_proof=proof,
            key_owner_proof=seat(chain),
        )
        with pytest.raises(DispatchError):
            chain.runtime.dispatch(NONE, call)
        with pytest.raises(Invalid):
            judge(chain, bare(call.raw))
