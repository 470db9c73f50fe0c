"""Merlin: published transcripts, and two ways to hash them with the same results."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from struct import Struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.crypto import merlin
from btt_chain.crypto.merlin import PythonSponge, Sponge, Transcript, keccak_f

WORDS = Struct("<25Q")

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


def challenges(steps: list[tuple[bool, bytes, bytes]]) -> list[bytes]:
    transcript = Transcript(b"any")
    squeezed = []
    for squeezes, label, message in steps:
        if squeezes:
            squeezed.append(transcript.challenge(label, len(message)))
        else:
            transcript.append(label, message)
    return [*squeezed, transcript.challenge(b"end", 200)]


@given(steps)
@settings(max_examples=30, deadline=None)
def test_hashing_in_python_and_in_openssl_have_the_same_results(
    steps: list[tuple[bool, bytes, bytes]],
) -> None:
    as_found = challenges(steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merlin, "_OPENED", merlin._opened(PythonSponge()))

        assert challenges(steps) == as_found


class Strobe:
    """STROBE-128 byte by byte, as its paper describes it."""

    def __init__(self) -> None:
        state = bytearray(200)
        state[:18] = bytes([1, 168, 1, 0, 1, 96]) + b"STROBEv1.0.2"
        self.state = self.permuted(state)
        self.at = self.begin = 0
        self.operate(0x12, b"Merlin v1.0")

    @staticmethod
    def permuted(state: bytearray) -> bytearray:
        return bytearray(WORDS.pack(*keccak_f(WORDS.unpack(state))))

    def close(self) -> None:
        self.state[self.at] ^= self.begin
        self.state[self.at + 1] ^= 0x04
        self.state[167] ^= 0x80
        self.state = self.permuted(self.state)
        self.at = self.begin = 0

    def absorb(self, data: bytes) -> None:
        for byte in data:
            self.state[self.at] ^= byte
            self.at += 1
            if self.at == 166:
                self.close()

    def operate(self, flags: int, data: bytes) -> None:
        before, self.begin = self.begin, self.at + 1
        self.absorb(bytes([before, flags]))
        if flags & 0x04 and self.at:
            self.close()
        self.absorb(data)

    def append(self, label: bytes, message: bytes) -> None:
        self.operate(0x12, label + len(message).to_bytes(4, "little"))
        self.operate(0x02, message)

    def challenge(self, label: bytes, length: int) -> bytes:
        self.operate(0x12, label + length.to_bytes(4, "little"))
        self.operate(0x07, b"")
        squeezed = bytearray()
        for _ in range(length):
            byte = self.state[self.at]
            squeezed.append(byte)
            self.absorb(bytes([byte]))  # which leaves a zero in its place
        return bytes(squeezed)


@pytest.mark.parametrize("squeezed", [1, 166, 167, 340])
def test_messages_that_end_anywhere_in_a_block_are_distinguished_as_in_strobe(
    squeezed: int,
) -> None:
    for size in range(170):
        transcript, plain = Transcript(b"any"), Strobe()
        plain.append(b"dom-sep", b"any")
        for one in (transcript, plain):
            one.append(b"", bytes(size))

        assert transcript.challenge(b"c", squeezed) == plain.challenge(b"c", squeezed), size
        assert transcript.challenge(b"d", 8) == plain.challenge(b"d", 8), size


def test_the_same_end_after_another_past_has_another_hash() -> None:
    sponge, fresh = PythonSponge(), PythonSponge()
    sponge.update(bytes(1))
    before = sponge.digest(32)

    sponge.update(bytes(168))
    fresh.update(bytes(169))

    assert before != sponge.digest(32) == fresh.digest(32)


@pytest.mark.parametrize("size", [*range(155, 172), 0, 1, 331, 332, 333, 336])
def test_blocks_of_every_length_close_alike(size: int) -> None:
    message = bytes(size)
    plain, found = PythonSponge(), merlin._fastest()
    for one in (plain, found):
        one.update(message)

    assert plain.digest(168) == found.digest(168)


def test_keccak_is_the_permutation_under_sha3() -> None:
    state = bytearray(200)
    state[:4] = b"abc\x06"
    state[135] = 0x80

    after = WORDS.pack(*keccak_f(WORDS.unpack(state)))

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
