"""The validator set on a whole chain: bonds, keys, elections, offences and what authors earn."""

from __future__ import annotations

import pytest

from btt_chain.primitives.account import Id, Sr25519Signature
from btt_chain.primitives.babe_digests import AuthorityId as BabeId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.era import Immortal
from btt_chain.primitives.extrinsic import bare, opaque, signed, signing_payload
from btt_chain.primitives.voters import AuthorityId as GrandpaId
from btt_chain.scale import u32, u64, u128
from runtime.accounts import TREASURY
from runtime.constants import BTT
from runtime.extensions import IMPLICIT, SIGNED_EXTRA, Implicit, MetadataHashMode, SignedExtra
from runtime.frame import NONE, Call
from runtime.frame import signed as signed_by
from runtime.pallets.authorities import events as authorities_events
from runtime.pallets.babe.pallet import Babe
from runtime.pallets.evidence import BABE_EQUIVOCATION, MembershipProof
from runtime.pallets.offences.pallet import Offences
from runtime.pallets.offences.pallet import opaque as opaque_time_slot
from runtime.pallets.session.pallet import Session, SessionKeys
from runtime.pallets.transaction_payment.pallet import TransactionPayment
from runtime.params import RuntimeParams
from support.babe_chain import BOND, EPOCH, START, BabeChain, Validator, validators

EVE = Validator("Eve")
GENESIS = H256(b"\7" * 32)


def small(members: int, *, most: int = 16, term: int = 1, least: int = 1) -> BabeChain:
    params = RuntimeParams(
        u64(6_000),
        epoch_slots=u32(EPOCH),
        reelection_epochs=u32(term),
        min_validators=u32(least),
        max_validators=u32(most),
    )
    return BabeChain(members=validators(members), others=[EVE], params=params)


def block(chain: BabeChain, slot: int) -> None:
    """Make a block in `slot`, unless its author is disabled."""
    runtime, author = chain.runtime, chain.claim(slot).claim.claim.authority_index
    turns = slot >= START + EPOCH * (int(runtime.babe.epochs.epoch_index.value) + 1)
    if turns or not runtime.session.is_disabled(int(author)):
        chain.block(slot=slot)


def run_to_epoch(chain: BabeChain, epoch: int) -> None:
    """Make blocks through the first of `epoch`."""
    for slot in range(chain.slot + 1, START + epoch * EPOCH + 1):
        block(chain, slot)


def act(chain: BabeChain, who: Validator, pallet: str, name: str, **args: object) -> None:
    """Make a call in a block of its own."""
    origin = signed_by(who.account)
    chain.block((origin, chain.call(pallet, name, **args)))
    assert chain.failures == []


def keys_of(who: Validator) -> SessionKeys:
    return SessionKeys(BabeId(who.author.public), GrandpaId(who.voter.public))


def transaction(chain: BabeChain, who: Validator, call: Call, tip: int) -> bytes:
    """Return a signed extrinsic without its length."""
    extra = SIGNED_EXTRA.encode(
        SignedExtra(Immortal(), u32(0), u128(tip), MetadataHashMode.Disabled)
    )
    version = chain.runtime.version
    implicit = IMPLICIT.encode(
        Implicit(version.spec_version, version.transaction_version, GENESIS, GENESIS, None)
    )
    signature = who.author.sign(signing_payload(call.raw, extra, implicit))
    return signed(Id(who.account), Sr25519Signature(signature), extra, call.raw)


def test_the_author_of_a_block_earns_the_tips_and_half_of_the_fees_but_what_bytes_cost() -> None:
    chain = small(3)
    chain.parent = GENESIS
    chain.block()
    balances = chain.runtime.balances
    chain.open(chain.slot + 1)
    moment = chain.call("Timestamp", "set", now=u64(chain.slot * 6_000))
    assert chain.executive.apply_extrinsic(bare(moment.raw)) is None
    author = chain.runtime.babe.author()
    assert author in [member.account for member in chain.members]
    before, rest = balances.free(author), balances.free(TREASURY)
    remark = transaction(chain, EVE, chain.call("System", "remark", remark=b"good morning"), 12_345)
    assert chain.executive.apply_extrinsic(remark) is None
    chain.close()
    paid = next(
        event
        for event in chain.events()
        if isinstance(event, TransactionPayment.TransactionFeePaid)
    )
    fee, length = int(paid.actual_fee) - 12_345, len(opaque(remark)) * 10**12
    assert paid.who == EVE.account
    assert paid.tip == 12_345
    assert balances.free(author) - before == (fee - length) // 2 + 12_345
    # This chain has not opened the development fund: what is too little to do so is dust.
    assert balances.free(TREASURY) - rest == fee - (fee - length) // 2


def test_genesis_bonds_make_the_first_sets_and_their_weights() -> None:
    chain = small(4)
    accounts = sorted(member.account for member in chain.members)
    assert chain.runtime.session.validators_now() == accounts
    assert [weight for _, weight in chain.runtime.babe.epochs.authorities.value] == [
        250_000_000
    ] * 4
    assert [weight for _, weight in chain.runtime.grandpa.authorities.value] == [10**10] * 4


def test_a_newcomer_with_more_at_stake_takes_the_place_of_the_least() -> None:
    chain = small(3, most=3)
    act(chain, EVE, "Authorities", "bond", amount=u128(2 * BOND))
    act(chain, EVE, "Session", "set_keys", keys=keys_of(EVE), proof=b"")
    act(chain, EVE, "Authorities", "validate")
    leaver = max(member.account for member in chain.members)
    run_to_epoch(chain, 1)
    assert EVE.account not in chain.runtime.session.validators_now()
    run_to_epoch(chain, 2)
    runtime = chain.runtime
    assert runtime.session.validators_now()[0] == EVE.account
    assert leaver not in runtime.session.validators_now()
    shares, weights = runtime.session.shares_now(), runtime.babe.epochs.weights_now()
    assert list(shares) == pytest.approx([5 * 10**8, 25 * 10**7, 25 * 10**7], abs=50)
    # A sixth of all blocks is each one's without any weight, and the weights are for the rest.
    assert list(weights) == pytest.approx([2 * 10**9 / 3, 10**9 / 6, 10**9 / 6], abs=50)
    # The voters' list changes with the block that announces it; the authors' did with its epoch.
    assert [weight for _, weight in runtime.grandpa.authorities.value] == [
        2 * 10**10,
        10**10,
        10**10,
    ]
    assert runtime.authorities.at_stake(EVE.account, 2) == 2 * BOND
    assert runtime.authorities.at_stake(EVE.account, 1) is None


def test_an_author_of_two_blocks_in_a_slot_is_slashed_disabled_and_replaced() -> None:
    chain = small(4, least=3, term=3)
    act(chain, EVE, "Authorities", "bond", amount=u128(BOND))
    act(chain, EVE, "Session", "set_keys", keys=keys_of(EVE), proof=b"")
    act(chain, EVE, "Authorities", "validate")
    cheat = next(
        member
        for member in chain.members
        if member.account == chain.runtime.session.validators_now()[2]
    )
    runtime = chain.runtime
    issued = runtime.balances.total_issuance.value
    proof, treasury = chain.doubled(cheat, chain.slot), runtime.balances.free(TREASURY)
    report = chain.call(
        "Babe",
        "report_equivocation_unsigned",
        equivocation_proof=proof,
        key_owner_proof=MembershipProof(u32(0), [], u32(4)),
    )
    slot = next(
        slot
        for slot in range(chain.slot + 1, START + EPOCH)
        if chain.claim(slot).claim.claim.authority_index != 2
    )
    chain.block((NONE, report), (NONE, report), slot=slot)

    assert [type(error) for error in chain.failures] == [Babe.DuplicateOffenceReport]
    lost = BOND * 9 // 16
    events = chain.events()
    assert authorities_events.Slashed(cheat.account, u128(lost)) in events
    assert Session.ValidatorDisabled(cheat.account) in events
    assert Offences.Offence(BABE_EQUIVOCATION, opaque_time_slot(int(proof.slot))) in events
    assert runtime.authorities.bonded(cheat.account) == BOND - lost
    assert runtime.balances.free(TREASURY) - treasury == lost
    assert runtime.balances.total_issuance.value == issued

    run_to_epoch(chain, 2)
    assert cheat.account not in runtime.session.validators_now()
    assert EVE.account in runtime.session.validators_now()
    assert len(runtime.session.validators_now()) == 4


def test_a_cheat_with_most_of_the_weight_and_less_than_half_of_the_blocks_is_disabled() -> None:
    chain = small(4, least=3)
    cheat, runtime = chain.members[0], chain.runtime
    act(chain, cheat, "Authorities", "bond_extra", amount=u128(BOND * 3 // 2))
    run_to_epoch(chain, 2)
    place = runtime.session.validators_now().index(cheat.account)
    shares, weights = runtime.session.shares_now(), runtime.babe.epochs.weights_now()
    assert 2 * shares[place] < sum(shares)
    assert 2 * weights[place] >= sum(weights) - 8
    report = chain.call(
        "Babe",
        "report_equivocation_unsigned",
        equivocation_proof=chain.doubled(cheat, chain.slot),
        key_owner_proof=MembershipProof(u32(2), [], u32(4)),
    )
    slot = next(
        slot
        for slot in range(chain.slot + 1, chain.slot + EPOCH)
        if chain.claim(slot).claim.claim.authority_index != place
    )
    chain.block((NONE, report), slot=slot)
    assert Session.ValidatorDisabled(cheat.account) in chain.events()


def test_sets_weights_and_stakes_agree_over_many_epochs() -> None:
    chain = small(4, most=4, term=3)
    act(chain, EVE, "Authorities", "bond", amount=u128(BOND))
    act(chain, EVE, "Session", "set_keys", keys=keys_of(EVE), proof=b"")
    act(chain, EVE, "Authorities", "validate")
    runtime, changes = chain.runtime, 0
    all_members = [*chain.members, EVE]
    before = list(runtime.grandpa.authorities.value)
    for epoch in range(1, 13):
        slot = START + epoch * EPOCH
        who = all_members[epoch % 5]
        more = chain.call("Authorities", "bond_extra", amount=u128(epoch * int(BTT)))
        chain.block((signed_by(who.account), more), slot=slot)
        session, now = runtime.session.session_index(), runtime.session.validators_now()
        assert session == epoch
        assert len(now) == 4
        votes = [weight for _, weight in runtime.grandpa.authorities.value]
        stakes = [runtime.authorities.at_stake(account, session) for account in now]
        assert votes == [0 if stake is None else int(stake) // 10**12 for stake in stakes]
        if runtime.grandpa.authorities.value != before:
            changes += 1
            assert epoch % 3 == 0, "between two elections nothing changes for voters"
        before = list(runtime.grandpa.authorities.value)
    assert changes == 4
    assert chain.failures == []


def test_who_sets_keys_again_is_back_with_the_next_election() -> None:
    chain = small(3, term=6)
    leaver = chain.members[0]
    act(chain, leaver, "Session", "purge_keys")
    run_to_epoch(chain, 2)
    assert leaver.account not in chain.runtime.session.validators_now()
    act(chain, leaver, "Session", "set_keys", keys=keys_of(leaver), proof=b"")
    run_to_epoch(chain, 7)
    session = chain.runtime.session
    # The election chose the same three with the same bonds as the first did.
    assert sorted(session.validators_now()) == sorted(member.account for member in chain.members)
    assert len(chain.runtime.authorities.elections.elections.value) == 1
