"""Equivocation: what proves it, what does not, and that it is noticed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.consensus.babe.claim import seal
from btt_chain.consensus.importer import EquivocationTracker
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.babe import SecondaryPlain, SecondaryPlainClaim, Slot, pre_runtime
from btt_chain.primitives.babe_digests import AuthorityId
from btt_chain.primitives.babe_equivocation import (
    EquivocationProof,
    NoEquivocation,
    check,
)
from btt_chain.primitives.digest import GRANDPA, H256, Seal
from btt_chain.primitives.header import Header
from btt_chain.scale import codec, u32
from unit.consensus.babe.babe_world import PAIRS, make_header

ALICE, BOB = PAIRS[:2]
SLOT = 1_005


def block(mark: int, slot: int = SLOT, index: int = 0, pair: KeyPair = ALICE) -> Header:
    claim = SecondaryPlain(SecondaryPlainClaim(u32(index), Slot(slot)))
    header = replace(make_header(pre_runtime(claim)), state_root=H256(bytes([mark]) * 32))
    return seal(header, pair)


def proof(first: Header, second: Header, slot: int = SLOT) -> EquivocationProof:
    return EquivocationProof(AuthorityId(ALICE.public), Slot(slot), first, second)


def test_two_blocks_of_one_author_for_one_slot_are_an_equivocation() -> None:
    check(proof(block(1), block(2)))


def test_claims_of_different_kinds_are_an_equivocation_too() -> None:
    first, second = block(1), seal(make_header(*block(2).digest.logs[:1]), ALICE)

    check(proof(first, second))


def test_two_seals_over_one_block_are_an_equivocation() -> None:
    first, second = block(1), block(1)
    assert first.unsealed()[0] == second.unsealed()[0]

    check(proof(first, second))


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (block(1), block(1, slot=SLOT + 1), "not both of slot"),
        (block(1, slot=SLOT + 1), block(2, slot=SLOT + 1), "not both of slot"),
        (block(1), block(2, index=1), "two authorities"),
        (block(1), block(2, pair=BOB), "not sealed by the offender"),
        (block(1, pair=BOB), block(2), "not sealed by the offender"),
        (block(1), block(2).unsealed()[0], "no seal"),
        (block(1), block(2).unsealed()[0].with_log(Seal(GRANDPA, bytes(64))), "no seal"),
        (block(1), seal(make_header(), ALICE), "0 BABE pre-runtime digests"),
    ],
)
def test_what_is_no_equivocation_says_why(first: Header, second: Header, why: str) -> None:
    with pytest.raises(NoEquivocation, match=why):
        check(proof(first, second))


def test_one_block_twice_is_no_equivocation() -> None:
    header = block(1)

    with pytest.raises(NoEquivocation, match="the same"):
        check(proof(header, header))


def test_a_tampered_header_proves_nothing() -> None:
    honest = block(1)
    forged = replace(honest, state_root=H256(bytes(32)))

    with pytest.raises(NoEquivocation, match="not sealed"):
        check(proof(honest, forged))


def test_a_proof_has_its_wire_form() -> None:
    made = proof(block(1), block(2))

    raw = codec(EquivocationProof).encode(made)

    headers = made.first_header.encode() + made.second_header.encode()
    assert raw == ALICE.public + SLOT.to_bytes(8, "little") + headers
    assert codec(EquivocationProof).decode_all(raw) == made


# ---- noticing


def test_a_second_block_for_a_slot_is_noticed_and_proven() -> None:
    tracker, first, second = EquivocationTracker(100), block(1), block(2)
    assert tracker.see(first, ALICE.public, SLOT) is None

    found = tracker.see(second, ALICE.public, SLOT)

    assert found == proof(first, second)
    check(found)


def test_seeing_the_same_block_again_is_nothing() -> None:
    tracker, header = EquivocationTracker(100), block(1)
    tracker.see(header, ALICE.public, SLOT)

    assert tracker.see(header, ALICE.public, SLOT) is None


def test_other_authors_and_other_slots_are_no_equivocation() -> None:
    tracker = EquivocationTracker(100)
    tracker.see(block(1), ALICE.public, SLOT)

    assert tracker.see(block(2, index=1, pair=BOB), BOB.public, SLOT) is None
    assert tracker.see(block(2, slot=SLOT + 1), ALICE.public, SLOT + 1) is None


def test_old_slots_are_forgotten() -> None:
    tracker = EquivocationTracker(10)
    tracker.see(block(1), ALICE.public, SLOT)
    tracker.see(block(1, slot=SLOT + 9), ALICE.public, SLOT + 9)
    assert tracker.see(block(2), ALICE.public, SLOT) is not None

    tracker.see(block(1, slot=SLOT + 10), ALICE.public, SLOT + 10)

    assert tracker.see(block(2), ALICE.public, SLOT) is None
    assert len(tracker._seen) == 2


def test_a_proof_is_returned_once_for_an_author_and_slot() -> None:
    tracker = EquivocationTracker(4)
    first, second = block(1), block(2)
    assert tracker.see(first, ALICE.public, SLOT) is None
    assert tracker.see(first, ALICE.public, SLOT) is None
    assert tracker.see(second, ALICE.public, SLOT) == proof(first, second)
    assert tracker.see(second, ALICE.public, SLOT) is None
    assert tracker.see(block(3), ALICE.public, SLOT) is None
    assert tracker.see(block(1, index=1, pair=BOB), BOB.public, SLOT) is None
    assert tracker.see(block(2, index=1, pair=BOB), BOB.public, SLOT) is not None


def test_what_is_remembered_of_proofs_goes_with_their_slots() -> None:
    tracker = EquivocationTracker(4)
    for slot in range(SLOT, SLOT + 20):
        tracker.see(block(1, slot=slot), ALICE.public, slot)
        assert tracker.see(block(2, slot=slot), ALICE.public, slot) is not None
    assert len(tracker._seen) == len(tracker._proven) == 4


def test_a_header_may_prove_an_equivocation_by_what_it_claims() -> None:
    tracker = EquivocationTracker(4)
    first = block(1)
    tracker.see(first, ALICE.public, SLOT)

    assert tracker.may_prove(block(2))
    assert tracker.may_prove(block(2, pair=BOB))  # not verified
    assert not tracker.may_prove(first)
    assert not tracker.may_prove(block(2, index=1))
    assert not tracker.may_prove(block(2, slot=SLOT + 1))
    assert not tracker.may_prove(seal(make_header(), ALICE))
