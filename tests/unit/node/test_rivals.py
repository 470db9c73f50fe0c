"""Claims of a transaction, read without checking its signature."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.node.transactions.rivals import ERA, claimed_tag, unchecked_priority
from btt_chain.primitives.extrinsic import bare, opaque
from btt_chain.primitives.validity import TransactionSource
from btt_chain.scale import compact_encode
from btt_chain.txpool import nonce_tag
from support.sim.accounts import account, runtime, sign, transfer
from support.sim.world import World

GENESIS = bytes(32)
MORTAL = b"\x15\x00"


@pytest.mark.parametrize("nonce", [0, 63, 64, 1 << 14, (1 << 30) - 1, 1 << 30, (1 << 32) - 1])
@pytest.mark.parametrize("size", [0, 40, 20_000])
def test_the_tag_of_a_signed_extrinsic_is_that_of_its_account_and_nonce(
    nonce: int, size: int
) -> None:
    wire = sign(2, nonce, runtime().call("System", "remark", remark=bytes(size)), GENESIS)
    assert claimed_tag(wire) == nonce_tag(account(2), nonce)


def test_the_nonce_of_a_mortal_extrinsic_is_behind_an_era_of_two_bytes() -> None:
    inner = b"\x84\x00" + account(1) + b"\x01" + bytes(64) + MORTAL + compact_encode(700) + b"\x00"
    assert claimed_tag(opaque(inner + bytes(20))) == nonce_tag(account(1), 700)


def test_other_forms_have_no_tag_here() -> None:
    good = transfer(0, 0, 1, 10**15, GENESIS)
    ecdsa, named = bytearray(good), bytearray(good)
    ecdsa[2 + 34], named[2 + 1] = 2, 1
    huge = good[: 2 + ERA + 1] + compact_encode(1 << 32) + good[2 + ERA + 2 :]
    for wire in (b"", b"\x03", good[:90], opaque(bare(bytes(200))), bytes(ecdsa), bytes(named)):
        assert claimed_tag(wire) is None
    assert claimed_tag(huge) is None


@given(st.binary(max_size=160))
def test_any_bytes_have_a_tag_or_none(wire: bytes) -> None:
    tag = claimed_tag(wire)
    assert tag is None or len(tag) == 36


@pytest.mark.parametrize("tip", [0, 10**12, 10**16])
def test_the_priority_is_that_of_a_valid_transaction_whatever_the_signature(tip: int) -> None:
    world = World(seed=2, validators=1)
    pool = world.nodes[0].running.parts.pool
    executive = pool._view_of(world.nodes[0].client.best().hash).executive
    wire = transfer(0, 0, 1, 10**15, world.genesis.hash, tip=tip)
    valid, _ = executive.admit(TransactionSource.External, wire[2:])
    forged = wire[:60] + bytes(8) + wire[68:]
    assert unchecked_priority(executive, wire) == valid.priority
    assert unchecked_priority(executive, forged) == valid.priority
    assert unchecked_priority(executive, wire[:-1]) is None
