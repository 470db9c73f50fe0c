"""Questions and answers come back as they were sent, within their bounds, or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.digest import H256
from btt_chain.scale import DecodeError, codec, compact_encode
from p2p.limits import LARGE_BYTES
from p2p.network import BLOCKS, EXCHANGES, GOSSIP_BYTES, JUSTIFICATIONS, STATE, WARP
from p2p.protocols import messages
from p2p.protocols.messages import (
    ALL,
    ANNOUNCED_EXTRINSICS,
    BODY,
    HEADER,
    LARGE_TX_BYTES,
    MAX_BLOCKS,
    TX_BYTES,
    Announce,
    BlockAnswer,
    BlockData,
    BlockRequest,
    Direction,
    JustificationAnswer,
    JustificationRequest,
    StateAnswer,
    StateRequest,
    TxBatch,
    WarpProof,
    WarpRequest,
)
from p2p.protocols.serve import answer
from support.sync_world import BODIES, GENESIS, FakeChain, branch, child

HASHES = st.binary(min_size=32, max_size=32)
BYTES = st.binary(max_size=50)


@given(
    st.builds(
        BlockRequest,
        HASHES | st.integers(0, 2**32 - 1),
        st.sampled_from(Direction),
        st.integers(1, MAX_BLOCKS),
        st.integers(1, ALL),
    )
)
def test_a_request_for_blocks_comes_back(request_: BlockRequest) -> None:
    assert BlockRequest.decode(request_.encode()) == request_


@given(
    st.lists(
        st.builds(
            BlockData,
            HASHES.map(H256),
            st.none() | BYTES,
            st.none() | st.lists(BYTES, max_size=3),
            st.none() | BYTES,
        ),
        max_size=4,
    )
)
def test_blocks_come_back(blocks: list[BlockData]) -> None:
    assert BlockAnswer.decode(BlockAnswer(blocks).encode()).blocks == blocks


@given(HASHES, st.none() | BYTES, st.lists(BYTES, max_size=4))
def test_the_other_messages_come_back(hash: bytes, some: bytes | None, many: list[bytes]) -> None:
    assert JustificationRequest.decode(JustificationRequest(hash).encode()).hash == hash
    assert JustificationAnswer.decode(JustificationAnswer(some).encode()).justification == some
    assert StateRequest.decode(StateRequest(hash, some).encode()) == StateRequest(hash, some)
    assert StateAnswer.decode(StateAnswer(many, some).encode()) == StateAnswer(many, some)
    assert WarpRequest.decode(WarpRequest(hash).encode()).begin == hash
    assert TxBatch.decode(TxBatch(many).encode()).transactions == many
    assert WarpProof.decode(WarpProof([], True).encode()) == WarpProof([], True)
    header, _ = child(GENESIS, hash)
    assert Announce.decode(Announce(header, is_best=True).encode()) == Announce(header, True)


@given(st.lists(BYTES, min_size=1, max_size=ANNOUNCED_EXTRINSICS), st.booleans())
def test_an_announce_with_a_body_comes_back(body: list[bytes], is_best: bool) -> None:
    header, _ = child(GENESIS)
    announce = Announce(header, is_best, body)
    assert Announce.decode(announce.encode()) == announce
    assert announce.encode().startswith(Announce(header, is_best).encode())


@pytest.mark.parametrize(
    ("body", "comes"),
    [
        ([], False),
        ([b""], True),
        ([b"i" * 10, *[b"t" * 140] * 7], True),
        ([b"x" * 1_021], True),  # with the lengths of it and of the list
        ([b"x" * 1_022], False),
        ([b"x"] * ANNOUNCED_EXTRINSICS, True),
        ([b"x"] * (ANNOUNCED_EXTRINSICS + 1), False),
    ],
)
def test_a_small_body_comes_with_the_announce(body: list[bytes], comes: bool) -> None:
    header, _ = child(GENESIS)
    announce = Announce.of(header, body, is_best=True)
    assert announce == Announce(header, True, body if comes else None)
    assert Announce.decode(announce.encode()) == announce


@pytest.mark.parametrize(
    "body", [[], [b"x" * 1_022], [b""] * (ANNOUNCED_EXTRINSICS + 1), [b"x" * 100] * 11]
)
def test_an_announce_with_another_body_is_malformed(body: list[bytes]) -> None:
    header, _ = child(GENESIS)
    with pytest.raises(DecodeError):
        Announce.decode(Announce(header, True).encode() + codec(list[bytes]).encode(body))
    with pytest.raises(DecodeError):
        Announce.decode(Announce(header, True, [b"x"]).encode() + b"\0")


KINDS: list[Callable[[bytes], object]] = [
    kind.decode
    for kind in (
        BlockRequest,
        BlockAnswer,
        JustificationRequest,
        JustificationAnswer,
        StateRequest,
        StateAnswer,
        WarpRequest,
        WarpProof,
        Announce,
        TxBatch,
    )
]


@pytest.mark.parametrize("decode", KINDS)
@given(raw=st.binary(max_size=200))
def test_garbage_is_refused_with_a_decode_error_only(
    decode: Callable[[bytes], object], raw: bytes
) -> None:
    with contextlib.suppress(DecodeError):
        decode(raw)


@pytest.mark.parametrize("decode", KINDS)
def test_a_claimed_length_is_refused_before_anything_is_read(
    decode: Callable[[bytes], object],
) -> None:
    with pytest.raises(DecodeError):
        decode(compact_encode(2**29) + b"\x00" * 40)


@pytest.mark.parametrize("decode", KINDS)
def test_a_message_with_bytes_left_over_or_over_its_bound_is_refused(
    decode: Callable[[bytes], object],
) -> None:
    with pytest.raises(DecodeError):
        decode(bytes(17 << 20))


@pytest.mark.parametrize("limit", [0, 129, 255])
def test_more_blocks_than_allowed_cannot_be_asked_for(limit: int) -> None:
    raw = bytearray(BlockRequest(1, Direction.ASCENDING, 1, ALL).encode())
    raw[-2] = limit
    with pytest.raises(DecodeError):
        BlockRequest.decode(bytes(raw))


def test_bounds_here_agree_with_those_of_the_network() -> None:
    assert EXCHANGES[BLOCKS].answer == messages.ANSWER_BYTES
    assert EXCHANGES[JUSTIFICATIONS].answer == messages.JUSTIFICATION_BYTES
    assert EXCHANGES[STATE].answer == messages.STATE_ANSWER_BYTES
    assert EXCHANGES[WARP].answer == messages.WARP_BYTES
    assert GOSSIP_BYTES["announce"] == messages.ANNOUNCE_BYTES
    assert GOSSIP_BYTES["tx"] == messages.LARGE_TX_BYTES
    assert LARGE_BYTES == messages.TX_BYTES


@given(st.lists(st.integers(0, 70_000) | st.integers(1_000_000, 1_100_000), max_size=12))
def test_transactions_are_split_into_batches_that_fit(sizes: list[int]) -> None:
    wires = [bytes(size) for size in sizes]
    batches = TxBatch.split(wires)
    for batch in batches:
        assert TxBatch.decode(batch.encode()) == batch
        assert len(batch.encode()) <= TX_BYTES or len(batch.transactions) == 1
    fit = [size for size in sizes if TxBatch.fits(bytes(size))]
    assert set(sizes) - set(fit) == {size for size in sizes if size > LARGE_TX_BYTES - 8}
    assert [len(wire) for batch in batches for wire in batch.transactions] == fit
    for one, two in pairwise(batches):
        assert len(one.encode()) + len(two.transactions[0]) > TX_BYTES - 16


def test_several_transactions_in_a_large_batch_are_refused() -> None:
    with pytest.raises(DecodeError, match="allowed for several"):
        TxBatch.decode(TxBatch([bytes(40_000), bytes(40_000)]).encode())


# --- serving ----------------------------------------------------------------


def ask(chain: FakeChain, request: BlockRequest) -> list[int]:
    raw = answer(chain, BLOCKS, request.encode())
    assert raw is not None
    return [chain.number(bytes(block.hash)) or 0 for block in BlockAnswer.decode(raw).blocks]


def test_blocks_go_up_the_best_chain_and_down_any() -> None:
    chain = FakeChain(branch(20))
    side = branch(2, b"side", branch(20)[9])
    for header in side:
        chain.headers[header.hash()] = header
    tip = bytes(side[-1].hash())
    assert ask(chain, BlockRequest(18, Direction.ASCENDING, 10, HEADER)) == [18, 19, 20]
    assert ask(chain, BlockRequest(21, Direction.ASCENDING, 10, HEADER)) == []
    assert ask(chain, BlockRequest(2, Direction.DESCENDING, 10, ALL)) == [2, 1, 0]
    assert ask(chain, BlockRequest(tip, Direction.DESCENDING, 4, ALL)) == [12, 11, 10, 9]
    assert ask(chain, BlockRequest(tip, Direction.ASCENDING, 4, ALL)) == [12]
    assert ask(chain, BlockRequest(b"\x09" * 32, Direction.DESCENDING, 4, ALL)) == []


def test_an_answer_ends_before_it_is_too_large_but_holds_one_block() -> None:
    chain = FakeChain(branch(5, b"large"))
    for header in branch(5, b"large"):
        BODIES[header.hash()] = [bytes(5 << 20)]
    assert ask(chain, BlockRequest(1, Direction.ASCENDING, 5, BODY)) == [1]
    assert ask(chain, BlockRequest(1, Direction.ASCENDING, 5, HEADER)) == [1, 2, 3, 4, 5]


def test_what_is_not_here_is_said_so() -> None:
    chain = FakeChain(branch(5))
    hash = bytes(branch(5)[2].hash())
    assert answer(chain, JUSTIFICATIONS, hash) == JustificationAnswer(None).encode()
    assert answer(chain, STATE, StateRequest(hash, None).encode()) == StateAnswer([], None).encode()
    assert answer(chain, WARP, hash) == WarpProof([], True).encode()
    assert answer(chain, WARP, bytes(32)) is None
    with pytest.raises(DecodeError):
        answer(chain, BLOCKS, b"what?")
    with pytest.raises(ValueError, match="not answered"):
        answer(chain, "status", b"")
