"""The verifier: each way in which a header can be wrong has its answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.consensus.babe.claim import Claimed, seal
from btt_chain.consensus.babe.verify import Reason, Refused, slot_of, verify
from btt_chain.primitives.babe import (
    Primary,
    PrimaryClaim,
    SecondaryPlain,
    SecondaryPlainClaim,
    SecondaryVrf,
    SecondaryVrfClaim,
    Slot,
    VrfSignature,
    pre_runtime,
)
from btt_chain.primitives.babe_digests import (
    V1,
    AllowedSlots,
    EpochConfig,
    NextConfigData,
    OnDisabled,
    consensus,
)
from btt_chain.primitives.digest import (
    BABE,
    GRANDPA,
    Consensus,
    Digest,
    DigestItem,
    PreRuntime,
    Seal,
)
from btt_chain.primitives.epoch import Epoch
from btt_chain.primitives.header import Header
from btt_chain.primitives.lottery import wins
from btt_chain.scale import DecodeError, u32, u64
from unit.consensus.babe.babe_world import (
    ANNOUNCEMENT,
    LATEST,
    NEXT,
    PAIRS,
    PLAIN_SLOTS,
    PRIMARY_SLOTS,
    REAL,
    SIMULATED,
    START,
    VRF_SLOTS,
    claimed,
    make_epoch,
    make_header,
    sealed,
)

EPOCH = make_epoch()
SLOT, SECONDARY = claimed(EPOCH, primary=False)
PRIMARY_SLOT, PRIMARY = claimed(EPOCH, primary=True)


def refusal(header: Header, epoch: Epoch = EPOCH, parent: int = START) -> Reason:
    with pytest.raises(Refused) as caught:
        verify(header, epoch, parent, LATEST)
    return caught.value.reason


def signed(index: int, slot: int, epoch: Epoch = EPOCH) -> VrfSignature:
    output, proof = REAL.sign(PAIRS[index], epoch.input(slot))
    return VrfSignature(output.pre_output, proof)


def test_a_secondary_claim_gives_its_output_but_is_not_primary() -> None:
    verified = verify(sealed(SECONDARY.claim, SECONDARY.pair), EPOCH, START, LATEST)

    assert not verified.primary
    assert verified.output == SECONDARY.output
    assert verified.author_index == EPOCH.secondary_author(SLOT)


# ---- claim and seal


@pytest.mark.parametrize(
    "logs",
    [
        [],
        [pre_runtime(SECONDARY.claim)] * 2,
        [pre_runtime(SECONDARY.claim), PreRuntime(GRANDPA, b"")],
        [PreRuntime(GRANDPA, b"")],
        [PreRuntime(BABE, b"\x09")],
    ],
    ids=["none", "two", "a foreign one's beside it", "a foreign one's", "malformed"],
)
def test_a_header_has_exactly_one_pre_runtime_digest(logs: list[DigestItem]) -> None:
    assert refusal(seal(make_header(*logs), SECONDARY.pair)) is Reason.BAD_CLAIM


def test_a_header_without_a_seal_is_refused() -> None:
    assert refusal(make_header(pre_runtime(SECONDARY.claim))) is Reason.BAD_SEAL


def test_the_seal_is_the_last_item() -> None:
    header = sealed(SECONDARY.claim, SECONDARY.pair)
    first, last = header.digest.logs

    assert refusal(replace(header, digest=Digest([last, first]))) is Reason.BAD_SEAL
    assert refusal(header.with_log(Consensus(GRANDPA, b""))) is Reason.BAD_SEAL


def test_there_is_one_seal_only() -> None:
    header = sealed(SECONDARY.claim, SECONDARY.pair)

    twice = header.with_log(Seal(BABE, SECONDARY.pair.sign(header.hash())))

    assert refusal(twice) is Reason.BAD_SEAL


@pytest.mark.parametrize(("engine", "cut"), [(GRANDPA, 64), (BABE, 63), (BABE, 0)])
def test_a_seal_is_64_bytes_of_babe(engine: bytes, cut: int) -> None:
    header = make_header(pre_runtime(SECONDARY.claim))
    signature = SECONDARY.pair.sign(header.hash())[:cut]

    assert refusal(header.with_log(Seal(engine, signature))) is Reason.BAD_SEAL


def test_no_author_seals_for_another() -> None:
    other = PAIRS[(EPOCH.secondary_author(SLOT) + 1) % 4]

    assert refusal(sealed(SECONDARY.claim, other)) is Reason.BAD_SIGNATURE


# ---- slots


@pytest.mark.parametrize("parent", [SLOT, SLOT + 1])
def test_a_slot_comes_after_the_parents(parent: int) -> None:
    header = sealed(SECONDARY.claim, SECONDARY.pair)

    assert refusal(header, parent=parent) is Reason.SLOT_NOT_AFTER_PARENT


def test_a_slot_that_is_too_early_is_refused_until_its_time_comes() -> None:
    header = sealed(SECONDARY.claim, SECONDARY.pair)

    with pytest.raises(Refused) as caught:
        verify(header, EPOCH, START, SLOT - 1)

    assert caught.value.reason is Reason.SLOT_IN_FUTURE
    assert verify(header, EPOCH, START, SLOT).slot == SLOT


def test_a_header_is_judged_by_the_epoch_of_its_slot() -> None:
    header = sealed(SECONDARY.claim, SECONDARY.pair)

    assert refusal(header, EPOCH.at(EPOCH.end)) is Reason.WRONG_EPOCH
    earlier = replace(EPOCH, start=START - 20)
    assert refusal(header, earlier) is Reason.WRONG_EPOCH


def test_the_slot_of_a_header_is_known_before_it_is_verified() -> None:
    assert slot_of(sealed(SECONDARY.claim, SECONDARY.pair)) == SLOT
    assert slot_of(replace(make_header(), number=u32(0))) == 0
    with pytest.raises(Refused, match="0 pre-runtime digests"):
        slot_of(make_header())


# ---- authors


@pytest.mark.parametrize("index", [4, 2**32 - 1])
def test_an_index_behind_the_last_authority_is_refused(index: int) -> None:
    claim = SecondaryPlain(SecondaryPlainClaim(u32(index), Slot(SLOT)))

    assert refusal(sealed(claim, PAIRS[0])) is Reason.UNKNOWN_AUTHORITY


@pytest.mark.parametrize(
    ("allowed", "kind", "fits"),
    [
        (PRIMARY_SLOTS, SecondaryPlain, False),
        (PRIMARY_SLOTS, SecondaryVrf, False),
        (PLAIN_SLOTS, SecondaryPlain, True),
        (PLAIN_SLOTS, SecondaryVrf, False),
        (VRF_SLOTS, SecondaryPlain, False),
        (VRF_SLOTS, SecondaryVrf, True),
    ],
)
def test_the_epoch_says_which_secondary_claims_stand(
    allowed: AllowedSlots, kind: type[SecondaryPlain | SecondaryVrf], fits: bool
) -> None:
    epoch = make_epoch(allowed)
    due = epoch.secondary_author(SLOT)
    claim = (
        SecondaryPlain(SecondaryPlainClaim(u32(due), Slot(SLOT)))
        if kind is SecondaryPlain
        else SecondaryVrf(SecondaryVrfClaim(u32(due), Slot(SLOT), signed(due, SLOT)))
    )
    header = sealed(claim, PAIRS[due])

    if fits:
        assert verify(header, epoch, START, LATEST).author_index == due
    else:
        assert refusal(header, epoch) is Reason.CLAIM_NOT_ALLOWED


@pytest.mark.parametrize("allowed", [PLAIN_SLOTS, VRF_SLOTS])
def test_a_secondary_slot_is_its_authors_only(allowed: AllowedSlots) -> None:
    epoch = make_epoch(allowed)
    due = epoch.secondary_author(SLOT)
    for index in set(range(4)) - {due}:
        claim = (
            SecondaryPlain(SecondaryPlainClaim(u32(index), Slot(SLOT)))
            if allowed is PLAIN_SLOTS
            else SecondaryVrf(SecondaryVrfClaim(u32(index), Slot(SLOT), signed(index, SLOT)))
        )

        assert refusal(sealed(claim, PAIRS[index]), epoch) is Reason.WRONG_AUTHOR


# ---- outputs


def test_an_output_that_does_not_win_is_no_primary_claim() -> None:
    index = next(
        index
        for index, pair in enumerate(PAIRS)
        if not wins(REAL.evaluate(pair, EPOCH.input(SLOT)), EPOCH.threshold(index))
    )
    claim = Primary(PrimaryClaim(u32(index), Slot(SLOT), signed(index, SLOT)))

    assert refusal(sealed(claim, PAIRS[index])) is Reason.NOT_WON


@pytest.mark.parametrize("of", [PRIMARY, SECONDARY], ids=["primary", "secondary"])
@given(bit=st.integers(0, 96 * 8 - 1))
@settings(max_examples=25, deadline=None)
def test_a_changed_output_is_refused_though_its_author_sealed_it(of: Claimed, bit: int) -> None:
    assert not isinstance(of.claim, SecondaryPlain)
    old = of.claim.claim.vrf_signature
    changed = bytearray(old.pre_output + old.proof)
    changed[bit // 8] ^= 1 << bit % 8
    new = VrfSignature(bytes(changed[:32]), bytes(changed[32:]))
    inner = replace(of.claim.claim, vrf_signature=new)
    claim = Primary(inner) if isinstance(inner, PrimaryClaim) else SecondaryVrf(inner)

    assert refusal(sealed(claim, of.pair)) is Reason.BAD_VRF


def test_an_output_for_another_slot_or_epoch_or_by_another_key_is_refused() -> None:
    index = EPOCH.secondary_author(SLOT)
    wrong = [
        signed(index, SLOT + 1),
        signed(index, SLOT, replace(EPOCH, index=4)),
        signed(index, SLOT, replace(EPOCH, randomness=bytes(32))),
        signed((index + 1) % 4, SLOT),
    ]
    for signature in wrong:
        claim = SecondaryVrf(SecondaryVrfClaim(u32(index), Slot(SLOT), signature))

        assert refusal(sealed(claim, PAIRS[index])) is Reason.BAD_VRF


def test_after_skipped_epochs_a_claim_is_made_under_the_new_number() -> None:
    later = EPOCH.at(EPOCH.end + 100)
    slot, claim = claimed(later, primary=False, start=later.start)

    header = sealed(claim.claim, claim.pair, ANNOUNCEMENT)

    assert verify(header, later, START, LATEST).slot == slot
    assert refusal(header, replace(later, index=later.index - 1)) is Reason.BAD_VRF


def test_simulated_outputs_are_valid_for_the_simulators_verifier_only() -> None:
    _, claim = claimed(EPOCH, primary=True, vrf=SIMULATED)
    header = sealed(claim.claim, claim.pair)

    assert verify(header, EPOCH, START, LATEST, SIMULATED).primary
    assert refusal(header) is Reason.BAD_VRF


# ---- announcements


def test_the_first_block_of_an_epoch_announces_the_next() -> None:
    config = NextConfigData(V1((u64(1), u64(2)), VRF_SLOTS))
    header = sealed(SECONDARY.claim, SECONDARY.pair, ANNOUNCEMENT, consensus(config))

    verified = verify(header, EPOCH, START - 1, LATEST)

    assert verified.next_epoch == NEXT
    assert verified.next_config == EpochConfig((u64(1), u64(2)), VRF_SLOTS)


@pytest.mark.parametrize(
    ("parent", "logs"),
    [
        (START - 1, []),
        (0, []),
        (START, [ANNOUNCEMENT]),
        (START - 1, [ANNOUNCEMENT, ANNOUNCEMENT]),
        (START, [consensus(NextConfigData(V1((u64(1), u64(2)), VRF_SLOTS)))]),
        (START, [Consensus(BABE, b"\x07")]),
    ],
    ids=["missing", "missing in block 1", "too many", "twice", "without epoch", "malformed"],
)
def test_an_announcement_stands_where_it_is_due(parent: int, logs: list[DigestItem]) -> None:
    header = sealed(SECONDARY.claim, SECONDARY.pair, *logs)

    assert refusal(header, parent=parent) is Reason.BAD_ANNOUNCEMENT


def test_what_else_a_header_says_does_not_disturb() -> None:
    logs = [consensus(OnDisabled(u32(2))), Consensus(GRANDPA, b"set change")]

    verified = verify(sealed(SECONDARY.claim, SECONDARY.pair, *logs), EPOCH, START, LATEST)

    assert verified.next_epoch is None


# ---- every byte


def test_any_byte_changed_is_refused() -> None:
    raw = sealed(PRIMARY.claim, PRIMARY.pair, ANNOUNCEMENT).encode()
    assert verify(Header.decode(raw), EPOCH, START - 1, LATEST).primary
    for at in range(len(raw)):
        tampered = raw[:at] + bytes([raw[at] ^ 0x55]) + raw[at + 1 :]
        with pytest.raises((DecodeError, Refused)):
            verify(Header.decode(tampered), EPOCH, START - 1, LATEST)
