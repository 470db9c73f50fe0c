"""The verdicts that wait for their blocks, and the frames in which they come."""

from __future__ import annotations

import os
from io import BytesIO

import pytest

from btt_chain.chain.prechecks import store as stores
from btt_chain.chain.prechecks.keys import proof_key, signature_key
from btt_chain.chain.prechecks.process import serve
from btt_chain.chain.prechecks.store import BadVerdicts, PrecheckedStore
from btt_chain.chain.prechecks.wire import (
    MAX_FRAME,
    Answer,
    BadFrame,
    Item,
    Request,
    Rules,
    Verdicts,
    decode_answer,
    decode_request,
    encode_answer,
    encode_request,
    read_frame,
    write_frame,
)
from btt_chain.crypto.signature import Scheme
from btt_chain.crypto.vrf import VrfInput
from btt_chain.scale import DecodeError, u32
from support.chain import BOB, DevChain

WHO, MESSAGE, SIGNATURE = b"w" * 32, b"message", b"s" * 64
INPUT = VrfInput(b"BABE", ((b"slot", b"1"),))
KEY = signature_key(Scheme.ED25519, WHO, MESSAGE, SIGNATURE)
PROOF = proof_key(WHO, INPUT, b"o" * 32, b"p" * 64)


def verdicts(number: int, signatures: bytes = b"", proofs: bytes = b"") -> Answer:
    return Answer([Verdicts(u32(number), signatures, proofs)])


def test_a_verdict_is_found_until_its_block_is_imported() -> None:
    store = PrecheckedStore()
    assert not store
    store.add(verdicts(7, KEY, PROOF + b"P" * 32))
    store.add(verdicts(8, os.urandom(32)))
    assert store
    assert store.has_signature(Scheme.ED25519, WHO, MESSAGE, SIGNATURE)
    assert store.point_of(WHO, INPUT, b"o" * 32, b"p" * 64) == b"P" * 32
    assert not store.has_signature(Scheme.SR25519, WHO, MESSAGE, SIGNATURE)
    assert store.point_of(WHO, INPUT, b"o" * 32, b"q" * 64) is None
    assert store.used == 2
    store.forget(7)
    assert not store.has_signature(Scheme.ED25519, WHO, MESSAGE, SIGNATURE)
    assert store.point_of(WHO, INPUT, b"o" * 32, b"p" * 64) is None
    assert store
    store.forget(8)
    assert not store


@pytest.mark.parametrize(("signatures", "proofs"), [(b"x", b""), (b"", bytes(32)), (KEY, b"y")])
def test_verdicts_of_the_wrong_length_are_refused_as_a_whole(
    signatures: bytes, proofs: bytes
) -> None:
    store, found = PrecheckedStore(), verdicts(1, KEY)
    found.blocks.append(verdicts(2, signatures, proofs).blocks[0])
    with pytest.raises(BadVerdicts):
        store.add(found)
    assert not store


def test_blocks_without_verdicts_are_not_kept() -> None:
    store = PrecheckedStore()
    for _ in range(3):  # heights that are never imported
        store.add(Answer([Verdicts(u32(number), b"", b"") for number in range(10, 20)]))
        store.forget(9)
    assert not store._arrived
    assert not store._blocks


def test_a_store_is_full_until_enough_blocks_are_imported() -> None:
    store = PrecheckedStore()
    half = stores.FULL // 2
    for number in (1, 2):
        assert not store.is_full
        store.add(verdicts(number, os.urandom(32 * half)))
    assert store.is_full
    store.forget(1)
    assert not store.is_full


def test_frames_are_bounded_and_whole() -> None:
    stream = BytesIO()
    write_frame(stream, b"one")
    write_frame(stream, b"")
    raw = stream.getvalue()
    source = BytesIO(raw)
    assert [read_frame(source) for _ in range(3)] == [b"one", b"", None]
    for bad in (raw[:2], raw[:5], (MAX_FRAME + 1).to_bytes(4, "little") + b"x"):
        with pytest.raises(BadFrame):
            read_frame(BytesIO(bad))
    with pytest.raises(BadFrame, match="are the most"):
        write_frame(stream, bytes(MAX_FRAME + 1))


def test_the_program_answers_each_request_until_its_input_ends() -> None:
    chain = DevChain()
    chain.send(BOB, chain.call("System", "remark", remark=b""))
    header, body = chain.block(chain.seal())
    rules = Rules(u32(100), u32(1), chain.client.genesis_hash)
    request = Request(rules, None, [Item(header.encode(), body)])
    assert decode_request(encode_request(request)) == request
    source, sink = BytesIO(), BytesIO()
    for _ in range(2):
        write_frame(source, encode_request(request))
    serve(BytesIO(source.getvalue()), sink)
    answers = BytesIO(sink.getvalue())
    for _ in range(2):
        (found,) = decode_answer(read_frame(answers) or b"").blocks
        assert (int(found.number), len(found.signatures)) == (1, 32)
    assert read_frame(answers) is None


def test_a_malformed_request_ends_the_program_and_a_malformed_answer_is_refused() -> None:
    source = BytesIO()
    write_frame(source, b"rubbish")
    with pytest.raises(DecodeError):
        serve(BytesIO(source.getvalue()), BytesIO())
    raw = encode_answer(verdicts(1, KEY))
    for bad in (raw[:-1], raw + b"\0", b"\xff" * 8):
        with pytest.raises(DecodeError):
            decode_answer(bad)
