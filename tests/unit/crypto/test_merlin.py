"""Merlin: published transcripts, and two ways to hash them that cannot be told apart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from struct import Struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.crypto import merlin
from btt_chain.crypto.merlin import PythonSponge, Sponge, Transcript, keccak_f

LANES = Struct("<25Q")

steps = st.lists(
    st.tuples(st.booleans(), st.binary(max_size=40), st.binary(max_size=400)), max_size=6
)


@pytest.fixture(params=["as found", "in Python"])
def sponge(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "in Python":
        monkeypatch.setattr(merlin, "_OPENED", merlin._opened(PythonSponge()))


def test_the_published_short_transcript_has_its_challenge(sponge: None) -> None:
    transcript = Transcript(b"test protocol")
    transcript.append(b"some label", b"some data")

    challenge = transcript.challenge(b"challenge", 32)

    assert challenge.hex() == "d5a21972d0d5fe320c0d263fac7fffb8145aa640af6e9bca177c03c7efcf0615"


def test_the_published_long_transcript_has_its_challenge(sponge: None) -> None:
    transcript = Transcript(b"test protocol")
    transcript.append(b"step1", b"some data")
    challenge = b""

    for _ in range(32):
        challenge = transcript.challenge(b"challenge", 32)
        transcript.append(b"bigdata", bytes([99]) * 1024)
        transcript.append(b"challengedata", challenge)

    assert challenge.hex() == "a8c933f54fae76e3f9bea93648c1308e7dfa2152dd51674ff3ca438351cf003c"


def heard(steps: list[tuple[bool, bytes, bytes]]) -> list[bytes]:
    transcript = Transcript(b"any")
    drawn = []
    for draws, label, message in steps:
        if draws:
            drawn.append(transcript.challenge(label, len(message)))
        else:
            transcript.append(label, message)
    return [*drawn, transcript.challenge(b"end", 200)]


@given(steps)
@settings(max_examples=30, deadline=None)
def test_hashing_in_python_and_in_openssl_cannot_be_told_apart(
    steps: list[tuple[bool, bytes, bytes]],
) -> None:
    as_found = heard(steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merlin, "_OPENED", merlin._opened(PythonSponge()))

        assert heard(steps) == as_found


@pytest.mark.parametrize("size", [*range(155, 172), 0, 1, 331, 332, 333, 336])
def test_blocks_of_every_length_close_alike(size: int) -> None:
    message = bytes(size)
    plain, found = PythonSponge(), merlin._fastest()
    for one in (plain, found):
        one.update(message)

    assert plain.digest(168) == found.digest(168)


def test_a_number_is_heard_as_eight_bytes() -> None:
    by_number, by_bytes = Transcript(b"x"), Transcript(b"x")
    by_number.append_u64(b"slot", 0x0102)
    by_bytes.append(b"slot", bytes([2, 1, 0, 0, 0, 0, 0, 0]))

    assert by_number.challenge(b"c", 8) == by_bytes.challenge(b"c", 8)


def test_keccak_is_the_permutation_under_sha3() -> None:
    state = bytearray(200)
    state[:4] = b"abc\x06"
    state[135] = 0x80

    after = LANES.pack(*keccak_f(LANES.unpack(state)))

    assert after[:32] == hashlib.sha3_256(b"abc").digest()


def test_python_hashes_where_openssl_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> Sponge:
        raise ValueError(name)

    monkeypatch.setattr("hashlib.new", unknown)

    assert isinstance(merlin._fastest(), PythonSponge)


@pytest.mark.parametrize("other", [hashlib.shake_128, hashlib.sha3_256])
def test_python_hashes_where_openssl_has_something_else(
    monkeypatch: pytest.MonkeyPatch, other: Callable[[], object]
) -> None:
    monkeypatch.setattr("hashlib.new", lambda name: other())

    assert isinstance(merlin._fastest(), PythonSponge)


def test_more_than_one_block_is_not_squeezed_in_python() -> None:
    with pytest.raises(ValueError, match="more than one block"):
        PythonSponge().digest(169)
