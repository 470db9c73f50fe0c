"""Hostile extrinsics: whatever the bytes, there is a verdict, and only declared exceptions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.node.transactions.pool import included
from btt_chain.primitives.digest import H256
from btt_chain.primitives.extrinsic import decode_extrinsic, opaque, unwrap
from btt_chain.primitives.validity import Invalid, TransactionSource, Unknown
from btt_chain.scale import DecodeError, u64
from btt_chain.txpool import PoolError
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.executive import Executive
from runtime.extensions import SIGNED_EXTRA
from runtime.frame import Call, InvalidBlock
from runtime.frame.api import ApiError
from runtime.frame.runtime import MAX_NESTING
from support.chain import BOB, CHARLIE, DevChain, address

pytestmark = pytest.mark.fuzz

CHAIN = DevChain()
CHAIN.seal()
BEST = CHAIN.client.best().hash


def samples() -> list[bytes]:
    """Well-formed calls of many shapes, to be spoilt."""
    remark = CHAIN.call("System", "remark", remark=b"some bytes")
    pay = CHAIN.call("Balances", "transfer_all", dest=address(CHARLIE), keep_alive=True)
    batch = CHAIN.call("Utility", "batch", calls=[remark, pay, remark])
    nested: Call = batch
    for _ in range(MAX_NESTING - 2):
        nested = CHAIN.call("Utility", "force_batch", calls=[nested, remark])
    sudo = CHAIN.call("Sudo", "sudo", call=CHAIN.call("Timestamp", "set", now=u64(5)))
    proxy = CHAIN.call("Proxy", "proxy", real=address(BOB), force_proxy_type=None, call=batch)
    return [call.raw for call in (remark, pay, batch, nested, sudo, proxy)]


CALLS = samples()
WIRES = [
    unwrap(CHAIN.sign(BOB, CHAIN.runtime.call_codec.decode_all(raw), tip=int(BTT))) for raw in CALLS
]


@st.composite
def spoilt(draw: st.DrawFn, good: list[bytes]) -> bytes:
    """A good input with some of it flipped, cut out, doubled or put in."""
    raw = bytearray(draw(st.sampled_from(good)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(raw)))
        match draw(st.sampled_from(("flip", "cut", "put", "double", "grow"))):
            case "flip" if at < len(raw):
                raw[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del raw[at : at + draw(st.integers(1, 40))]
            case "put":
                raw[at:at] = draw(st.binary(max_size=20))
            case "double":
                raw[at:at] = raw[at : at + draw(st.integers(1, 40))]
            case _:
                raw[at : at + 1] = b"\xff\xff\xff\xff"
    return bytes(raw)


hostile = st.binary(max_size=300) | spoilt(WIRES)


def pool_view() -> Executive:
    executive = CHAIN.client.runtime_at(BEST).pool
    executive.open_pool_view(CHAIN.client.overlay(BEST), H256(BEST))
    return executive


POOL = pool_view()


@given(raw=hostile)
def test_an_envelope_is_opened_or_refused(raw: bytes) -> None:
    with suppress(DecodeError):
        envelope = decode_extrinsic(raw, SIGNED_EXTRA)
        assert envelope.encode() == raw or envelope.address is not None


@given(raw=st.binary(max_size=300) | spoilt(CALLS))
def test_a_call_is_read_to_its_last_byte_or_refused(raw: bytes) -> None:
    codec = CHAIN.runtime.call_codec
    with suppress(DecodeError):
        call = codec.decode_all(raw)
        assert call.raw == raw
        entry = CHAIN.runtime.dispatchable(call)
        parts = zip(entry.args, call.args, strict=True)
        assert raw[:2] + b"".join(part.encode(value) for (_, part), value in parts) == raw
        assert CHAIN.runtime.info(call).weight >= 0


@given(raw=hostile, source=st.sampled_from(TransactionSource))
def test_a_transaction_is_judged_and_nothing_stays(raw: bytes, source: TransactionSource) -> None:
    state, host = POOL._state, POOL.runtime.host
    before = (list(host.weights), host.length, len(host.events))
    with suppress(Invalid, Unknown):
        POOL.validate_transaction(source, raw)
    assert (list(host.weights), host.length, len(host.events)) == before
    assert state.get(b"nothing") is None


@given(wire=st.binary(max_size=300) | spoilt([opaque(raw) for raw in WIRES]))
def test_the_pool_takes_or_refuses_whatever_is_submitted(wire: bytes) -> None:
    with suppress(PoolError, DecodeError):
        CHAIN.pool.submit(wire)


@given(body=st.lists(hostile, max_size=3))
def test_transactions_of_any_body_are_named(body: list[bytes]) -> None:
    for entry in included(body, CHAIN.pool.pool):
        assert unwrap(entry.raw) == body[entry.position]


def any_signature(_: object, __: bytes, ___: bytes) -> bool:
    """Let the call itself be reached: the signature is not what is tried here."""
    return True


@given(raw=spoilt(WIRES))
def test_an_extrinsic_is_applied_whole_or_not_at_all(raw: bytes) -> None:
    runtime = CHAIN.client.runtime_at(BEST)
    executive = Executive(
        runtime.blocks.runtime,
        check_signature=any_signature,
        ordered_root=runtime.blocks.ordered_root,
    )
    header, body = HEADER_AND_BODY
    overlay = CHAIN.client.overlay(header.parent_hash)
    executive.initialize_block(overlay, header)
    executive.apply_extrinsic(body[0])
    before = overlay.changes()
    try:
        executive.apply_extrinsic(raw)
    except (Invalid, Unknown):
        assert overlay.changes() == before
    executive.finalize_block()


HEADER_AND_BODY = CHAIN.block(BEST)


@given(body=st.lists(hostile, min_size=1, max_size=3), at=st.integers(0, 2))
def test_a_block_of_anything_is_carried_out_or_invalid(body: list[bytes], at: int) -> None:
    header, good = HEADER_AND_BODY
    mixed = [*body[:at], *good, *body[at:]]
    runtime = CHAIN.client.runtime_at(BEST)
    changed = replace(header, extrinsics_root=H256(runtime.blocks.ordered_root(mixed)))
    with pytest.raises(InvalidBlock):
        CHAIN.client.execute(changed, mixed)


METHODS = [f"{api.__name__}_{name}" for api in BttRuntime.apis() for name in api.METHODS]


@given(
    name=st.sampled_from(METHODS),
    data=st.binary(max_size=200)
    | spoilt([opaque(raw) + b"\x90\0\0\0" for raw in WIRES])
    | spoilt([b"\x02" + opaque(raw) + BEST for raw in WIRES])
    | spoilt([raw + b"\x90\0\0\0" for raw in CALLS])
    | spoilt([HEADER_AND_BODY[0].encode()]),
)
def test_whatever_the_runtime_is_asked_the_answer_is_bytes_or_a_refusal(
    name: str, data: bytes
) -> None:
    before = CHAIN.client.best()
    with suppress(ApiError):
        assert isinstance(CHAIN.client.call(BEST, name, data), bytes)
    assert CHAIN.client.best() == before


def deep(levels: int) -> bytes:
    inner = CALLS[0]
    for _ in range(levels):
        inner = b"\x09\x00\x04" + inner  # Utility.batch of one
    return inner


@given(levels=st.integers(0, 2 * MAX_NESTING) | st.integers(0, 3_000))
@settings(max_examples=25)
def test_depth_costs_neither_stack_nor_time(levels: int) -> None:
    raw = deep(levels)
    CHAIN.runtime.bind()
    try:
        call = CHAIN.runtime.call_codec.decode_all(raw)
    except DecodeError:
        assert levels >= MAX_NESTING
    else:
        assert levels < MAX_NESTING
        assert CHAIN.runtime.info(call).weight > 0


@pytest.mark.parametrize("claimed", [b"\xfe\xff\xff\xff", b"\x13" + b"\xff" * 8])
def test_a_claimed_length_is_not_believed(claimed: bytes) -> None:
    shapes: list[Callable[[bytes], bytes]] = [
        lambda length: b"\x00\x00" + length,  # System.remark
        lambda length: b"\x09\x00" + length,  # Utility.batch
        lambda length: b"\x0a\x01\x02\x00" + length,  # Multisig.as_multi
    ]
    for shape in shapes:
        with pytest.raises(DecodeError):
            CHAIN.runtime.call_codec.decode_all(shape(claimed) + b"\x00" * 50)
