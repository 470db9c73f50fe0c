"""Authoring: which transactions a block takes, and what is learned of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.chain.client import UnknownBlock
from btt_chain.consensus.author import (
    MAX_MISFITS,
    Pace,
    Proposal,
    make_block,
    manual_claim,
    manual_slot,
)
from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import KeyPair
from btt_chain.scale import u128
from runtime.frame import Call, InvalidBlock
from support.chain import BOB, CHARLIE, DevChain, address


@dataclass(frozen=True)
class Offered:
    """A transaction as the pool offers it."""

    raw: bytes

    @property
    def hash(self) -> bytes:
        return blake2_256(self.raw)


@pytest.fixture
def chain() -> DevChain:
    return DevChain()


def propose(
    chain: DevChain,
    *raw: bytes,
    skip: Callable[[bytes], None] = lambda _: None,
    pace: Callable[[], Pace] = lambda: Pace.EARLY,
    slot: int | None = None,
    timestamp: int | None = None,
) -> Proposal:
    now = int(chain.now * 1000)
    return make_block(
        chain.client,
        chain.client.best().hash,
        claim=manual_claim(now // chain.slot_ms if slot is None else slot),
        timestamp_ms=now if timestamp is None else timestamp,
        ready=[Offered(wire) for wire in raw],
        skip=skip,
        pace=pace,
    )


def pay(chain: DevChain, amount: int = 1) -> Call:
    return chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=u128(amount))


@given(
    parent=st.integers(0, 2**40),
    now=st.integers(0, 2**45),
    slot_ms=st.sampled_from([1, 500, 6_000]),
    earliest=st.integers(0, 2**45),
)
def test_slots_and_time_never_go_back(parent: int, now: int, slot_ms: int, earliest: int) -> None:
    slot, timestamp = manual_slot(parent, now, slot_ms, earliest)
    assert slot > parent
    assert timestamp >= max(now, earliest, slot * slot_ms)
    if parent < now // slot_ms:
        assert slot == now // slot_ms


def test_a_block_holds_the_inherents_and_what_was_offered(chain: DevChain) -> None:
    wires = [chain.sign(BOB, pay(chain), nonce=nonce) for nonce in range(3)]
    proposal = propose(chain, *wires)
    assert (proposal.included, len(proposal.made.body), proposal.refused) == (3, 4, {})
    assert chain.client.best().number == 0  # nothing is stored by making it
    chain.client.import_block(proposal.made.header, proposal.made.body)
    assert chain.client.best().hash == proposal.made.header.hash()


def test_what_can_never_be_in_a_block_is_reported_with_its_reason(chain: DevChain) -> None:
    poor = KeyPair.from_uri("//Poor")
    bad = chain.sign(poor, pay(chain))
    good = chain.sign(BOB, pay(chain))
    skipped: list[bytes] = []
    proposal = propose(chain, bad, good, skip=skipped.append)
    assert skipped == [blake2_256(bad)]
    assert list(proposal.refused) == [blake2_256(bad)]
    assert "Inability to pay" in proposal.refused[blake2_256(bad)]
    assert proposal.included == 1


def test_what_comes_too_early_is_left_for_later(chain: DevChain) -> None:
    early = chain.sign(BOB, pay(chain), nonce=4)
    skipped: list[bytes] = []
    proposal = propose(chain, early, skip=skipped.append)
    assert (skipped, proposal.refused, proposal.included) == ([blake2_256(early)], {}, 0)


def test_a_small_transaction_fits_behind_one_that_does_not(chain: DevChain) -> None:
    big = chain.call("System", "remark", remark=bytes(3_800_000))
    first, second = chain.sign(BOB, big), chain.sign(CHARLIE, big)
    small = chain.sign(BOB, pay(chain), nonce=1)
    proposal = propose(chain, first, second, small)
    assert proposal.included == 2
    assert not proposal.refused


def test_a_block_is_full_after_so_many_misfits(chain: DevChain) -> None:
    big = chain.call("System", "remark", remark=bytes(3_800_000))
    fills = chain.sign(CHARLIE, big)
    misfit = chain.sign(BOB, big)
    small = chain.sign(BOB, pay(chain))
    many = [misfit] * (MAX_MISFITS + 1)
    assert propose(chain, fills, *many, small).included == 2
    assert propose(chain, fills, *many, small, pace=lambda: Pace.LATE).included == 1
    assert propose(chain, fills, *many[1:], small, pace=lambda: Pace.LATE).included == 2


def test_when_time_is_over_the_block_is_closed_with_what_it_has(chain: DevChain) -> None:
    wires = [chain.sign(BOB, pay(chain), nonce=nonce) for nonce in range(3)]
    answers = iter([Pace.LATE, Pace.OVER])
    proposal = propose(chain, *wires, pace=lambda: next(answers))
    assert proposal.included == 1
    chain.client.import_block(proposal.made.header, proposal.made.body)


def test_a_block_without_transactions_is_a_block(chain: DevChain) -> None:
    proposal = propose(chain)
    assert (proposal.included, len(proposal.made.body)) == (0, 1)


def test_a_slot_that_was_used_makes_no_block(chain: DevChain) -> None:
    chain.seal()
    slot = int(chain.at().babe.current_slot.value)
    with pytest.raises(InvalidBlock, match="not after its parent's"):
        propose(chain, slot=slot)


def test_a_time_before_its_slot_makes_no_block(chain: DevChain) -> None:
    with pytest.raises(InvalidBlock, match="lies before slot"):
        propose(chain, timestamp=1)


def test_a_parent_must_be_known(chain: DevChain) -> None:
    with pytest.raises(UnknownBlock):
        make_block(
            chain.client,
            bytes(32),
            claim=manual_claim(1),
            timestamp_ms=1,
            ready=[],
            skip=lambda _: None,
            pace=lambda: Pace.EARLY,
        )
