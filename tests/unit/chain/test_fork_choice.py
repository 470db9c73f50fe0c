"""Fork choice between two heads."""

from __future__ import annotations

from btt_chain.chain.client import Head, Made, is_better
from btt_chain.consensus.author import Pace
from btt_chain.consensus.babe.worker import Authored
from btt_chain.consensus.importer import Importer
from btt_chain.primitives.babe import (
    Claim,
    Primary,
    PrimaryClaim,
    SecondaryVrf,
    SecondaryVrfClaim,
    Slot,
    VrfSignature,
    pre_digest,
    pre_runtime,
)
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.header import Header
from btt_chain.scale import u32
from support.babe_author import PAIRS, SLOT, SLOT_MS, Author, Nothing, Pen, new_client

ZERO = H256(bytes(32))
LOW, HIGH = bytes(31) + b"\x01", b"\x01" + bytes(31)


def primary(output: bytes, slot: int = 7) -> Claim:
    return Primary(PrimaryClaim(u32(0), Slot(slot), VrfSignature(output, bytes(64))))


def secondary(output: bytes) -> Claim:
    return SecondaryVrf(SecondaryVrfClaim(u32(0), Slot(7), VrfSignature(output, bytes(64))))


def wins(claim: Claim, rival: Claim, *, weight: int = 3, number: int = 5) -> bool:
    """Return True if a later head with a claim is better than one with weight 3 and height 5."""
    headers = {
        name: Header(ZERO, u32(number), ZERO, ZERO, Digest([pre_runtime(one)]))
        for name, one in ((b"new", claim), (b"old", rival))
    }
    return is_better(Head(weight, number, b"new"), Head(3, 5, b"old"), headers.__getitem__)


def test_more_primary_slots_then_the_longer_chain() -> None:
    assert wins(primary(HIGH), primary(LOW), weight=4)
    assert not wins(primary(LOW), primary(HIGH), weight=2)
    assert wins(primary(HIGH), primary(LOW), number=6)
    assert not wins(primary(LOW), primary(HIGH), number=4)


def test_of_two_winners_of_a_slot_the_smaller_output() -> None:
    assert wins(primary(LOW), primary(HIGH))
    assert not wins(primary(HIGH), primary(LOW))


def test_other_equals_stay_in_their_order() -> None:
    assert not wins(primary(LOW), primary(LOW))  # one author, two blocks
    assert not wins(primary(LOW, slot=8), primary(HIGH))
    assert not wins(secondary(LOW), secondary(HIGH))
    assert not wins(secondary(LOW), primary(HIGH))
    assert not wins(primary(LOW), secondary(HIGH))


def test_the_genesis_block_has_no_claim() -> None:
    genesis = Head(0, 0, b"genesis")
    headers: dict[bytes, Header] = {}
    assert not is_better(genesis, genesis, headers.__getitem__)


def winners(slot: int) -> dict[bytes, Made]:
    """Return the blocks of the authors that won a slot after genesis, by VRF output."""
    found: dict[bytes, Made] = {}
    for public, pair in PAIRS.items():
        author = Author(pen=Pen({public: pair}))
        made = author.worker.work(slot, Nothing, lambda: Pace.EARLY)
        if isinstance(made, Authored):
            claim = pre_digest(made.made.header.digest.logs)
            if isinstance(claim, Primary):
                found[claim.claim.vrf_signature.pre_output] = made.made
    return found


def test_two_winners_lead_to_one_best_block_in_either_order_of_import() -> None:
    # The first slot that both win is at 160.
    slot = next(slot for slot in range(SLOT + 155, SLOT + 500) if len(winners(slot)) == 2)
    (_, smaller), (_, larger) = sorted(winners(slot).items())
    for order in ((smaller, larger), (larger, smaller)):
        client = new_client()
        importer = Importer(client)
        for made in order:
            importer.import_block(made.header, made.body, now_ms=slot * SLOT_MS)
        assert client.best().hash == smaller.header.hash()
        through = client.best_through(bytes(larger.header.hash()))
        assert through is not None
        assert through.hash == larger.header.hash()
