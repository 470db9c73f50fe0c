"""The verifier against the first ninety-six blocks of Westend, whole and tampered with."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from btt_chain.consensus.babe.verify import Reason, Refused, Verified, slot_of, verify
from btt_chain.crypto.hashing import twox_128
from btt_chain.primitives.babe_digests import AllowedSlots, AuthorityId, EpochConfig
from btt_chain.primitives.epoch import Epoch
from btt_chain.primitives.header import Header
from btt_chain.primitives.lottery import SecondaryRule
from btt_chain.scale import DecodeError, decode, u64
from support.vectors import vectors_dir

LATEST = 1 << 32


@pytest.fixture(scope="module")
def headers() -> list[bytes]:
    blocks = json.loads((vectors_dir() / "blocks" / "westend_1_to_96.json").read_text())
    return [bytes.fromhex(block["header"][2:]) for block in blocks]


@pytest.fixture(scope="module")
def parents(headers: list[bytes]) -> list[int]:
    """The slot of each header's parent."""
    return [0, *(slot_of(Header.decode(raw)) for raw in headers[:-1])]


@pytest.fixture(scope="module")
def epoch(headers: list[bytes]) -> Epoch:
    """Westend's first epoch; its randomness was zero, its parameters those of its client."""
    top = json.loads((vectors_dir() / "genesis" / "westend.json").read_text())["top"]
    stored = top["0x" + (twox_128(b"Babe") + twox_128(b"Authorities")).hex()]
    authorities = decode(list[tuple[AuthorityId, u64]], bytes.fromhex(stored[2:]))
    return Epoch(
        index=0,
        start=slot_of(Header.decode(headers[0])),
        length=600,
        authorities=tuple((bytes(key), int(weight)) for key, weight in authorities),
        randomness=bytes(32),
        config=EpochConfig((u64(1), u64(4)), AllowedSlots.PrimaryAndSecondaryPlainSlots),
        secondary_rule=SecondaryRule.Uniform,
    )


def test_every_block_is_accepted(headers: list[bytes], parents: list[int], epoch: Epoch) -> None:
    verified = [
        verify(Header.decode(raw), epoch, parent, LATEST)
        for raw, parent in zip(headers, parents, strict=True)
    ]

    kinds = Counter(claim.primary for claim in verified)
    assert kinds[True] > 15
    assert kinds[False] > 50
    assert {claim.author_index for claim in verified} == {0, 1, 2, 3}
    assert all((claim.output is not None) == claim.primary for claim in verified)
    assert all(before.slot < after.slot for before, after in pairwise(verified))


def test_the_first_block_alone_announces_the_next_epoch(
    headers: list[bytes], parents: list[int], epoch: Epoch
) -> None:
    announcing = [
        verify(Header.decode(raw), epoch, parent, LATEST).next_epoch is not None
        for raw, parent in zip(headers, parents, strict=True)
    ]

    assert announcing == [True] + [False] * 95


def outcome(raw: bytes, epoch: Epoch, parent: int) -> Verified | Reason | None:
    """What becomes of a header's bytes: None if they are no header."""
    try:
        return verify(Header.decode(raw), epoch, parent, LATEST)
    except DecodeError:
        return None
    except Refused as refusal:
        return refusal.reason


def test_every_block_is_refused_with_any_byte_changed(
    headers: list[bytes], parents: list[int], epoch: Epoch
) -> None:
    refusals: Counter[Reason | None] = Counter()
    for raw, parent in zip(headers, parents, strict=True):
        for at in range(len(raw)):
            # Another change at each place: a seal, a length and a tag fail in different ways.
            tampered = raw[:at] + bytes([raw[at] ^ (1 + (at * 37 + raw[-1]) % 255)]) + raw[at + 1 :]

            result = outcome(tampered, epoch, parent)

            assert not isinstance(result, Verified), (at, tampered.hex())
            refusals[result] += 1
    # All that is not nonsense falls at the seal, which is signed over every other byte.
    assert refusals[Reason.BAD_SIGNATURE] > 15_000
    assert refusals[Reason.BAD_VRF] == 0


@pytest.mark.parametrize("block", [0, 1, 2])
def test_every_block_is_refused_with_any_bit_flipped(
    headers: list[bytes], parents: list[int], epoch: Epoch, block: int
) -> None:
    raw = headers[block]
    for bit in range(len(raw) * 8):
        tampered = bytearray(raw)
        tampered[bit // 8] ^= 1 << bit % 8

        assert not isinstance(outcome(bytes(tampered), epoch, parents[block]), Verified), bit


def test_every_block_is_refused_with_a_byte_more_or_less(
    headers: list[bytes], parents: list[int], epoch: Epoch
) -> None:
    for raw, parent in zip(headers, parents, strict=True):
        assert outcome(raw + b"\0", epoch, parent) is None
        assert outcome(raw[:-1], epoch, parent) is None


def test_under_other_parameters_no_primary_block_and_few_others_stand(
    headers: list[bytes], parents: list[int], epoch: Epoch
) -> None:
    other = replace(epoch, randomness=bytes([1]) + bytes(31))

    results = [outcome(raw, other, parent) for raw, parent in zip(headers, parents, strict=True)]

    assert not any(isinstance(result, Verified) and result.primary for result in results)
    refusals = Counter(result for result in results if isinstance(result, Reason))
    assert set(refusals) == {Reason.BAD_VRF, Reason.WRONG_AUTHOR}


def test_a_smaller_c_refuses_some_primary_blocks(
    headers: list[bytes], parents: list[int], epoch: Epoch
) -> None:
    config = EpochConfig((u64(1), u64(40)), epoch.config.allowed_slots)
    other = replace(epoch, config=config)

    results = [outcome(raw, other, parent) for raw, parent in zip(headers, parents, strict=True)]

    assert Reason.NOT_WON in results
    assert any(isinstance(result, Verified) for result in results)
