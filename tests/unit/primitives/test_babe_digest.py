"""BABE's claims: real headers of Westend, and digests that are none."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from btt_chain.primitives.babe import (
    PRE_DIGEST,
    NoPreDigest,
    Primary,
    PrimaryClaim,
    SecondaryPlain,
    SecondaryPlainClaim,
    SecondaryVrf,
    SecondaryVrfClaim,
    Slot,
    VrfSignature,
    pre_digest,
    pre_runtime,
)
from btt_chain.primitives.digest import Digest, DigestItem, PreRuntime, Seal
from btt_chain.primitives.header import Header
from btt_chain.scale import decode, u32
from support.vectors import vectors_dir

PLAIN = SecondaryPlain(SecondaryPlainClaim(u32(0), Slot(264_379_767)))
SIGNATURE = VrfSignature(bytes(range(32)), bytes(range(64)))


def westend_headers() -> list[Header]:
    blocks = json.loads((vectors_dir() / "blocks" / "westend_1_to_96.json").read_text())
    return [decode(Header, bytes.fromhex(block["header"][2:])) for block in blocks]


def test_every_real_header_claims_a_later_slot_than_its_parent() -> None:
    claims = [pre_digest(header.digest.logs) for header in westend_headers()]

    slots = [claim.claim.slot for claim in claims]
    assert slots[0] == 0x0FC21D77
    assert all(before < after for before, after in pairwise(slots))
    assert all(claim.claim.authority_index < 4 for claim in claims)


def test_real_claims_encode_to_the_bytes_they_came_from() -> None:
    for header in westend_headers():
        original = next(item for item in header.digest.logs if isinstance(item, PreRuntime))
        assert pre_runtime(pre_digest(header.digest.logs)) == original


def test_westend_has_primary_and_plain_secondary_claims() -> None:
    kinds = {type(pre_digest(header.digest.logs)) for header in westend_headers()}
    assert kinds == {Primary, SecondaryPlain}


@pytest.mark.parametrize(
    ("claim", "size", "index"),
    [
        (Primary(PrimaryClaim(u32(7), Slot(9), SIGNATURE)), 109, 1),
        (PLAIN, 13, 2),
        (SecondaryVrf(SecondaryVrfClaim(u32(7), Slot(9), SIGNATURE)), 109, 3),
    ],
)
def test_a_claim_has_the_size_and_the_first_byte_of_its_kind(
    claim: Primary | SecondaryPlain | SecondaryVrf, size: int, index: int
) -> None:
    raw = PRE_DIGEST.encode(claim)

    assert (len(raw), raw[0]) == (size, index)
    assert PRE_DIGEST.decode_all(raw) == claim


def test_the_plain_claim_is_index_then_slot() -> None:
    assert pre_runtime(PLAIN).payload.hex() == "02" + "00000000" + "771dc20f00000000"


@pytest.mark.parametrize(
    "logs",
    [
        [],
        [Seal(b"BABE", bytes(64))],
        [PreRuntime(b"aura", bytes(8))],
        [pre_runtime(PLAIN), pre_runtime(PLAIN)],
        [PreRuntime(b"BABE", b"")],
        [PreRuntime(b"BABE", b"\x00" + bytes(12))],
        [PreRuntime(b"BABE", pre_runtime(PLAIN).payload + b"\x00")],
    ],
)
def test_anything_but_one_well_formed_claim_is_refused(logs: list[DigestItem]) -> None:
    with pytest.raises(NoPreDigest):
        pre_digest(Digest(logs).logs)


def test_claims_of_other_engines_do_not_disturb() -> None:
    assert pre_digest([PreRuntime(b"aura", b"x"), pre_runtime(PLAIN)]) == PLAIN
