"""Announcements in headers for BABE: wire bytes, and digests that are not clear."""

from __future__ import annotations

import pytest

from btt_chain.primitives.babe_digests import (
    CONSENSUS_LOG,
    V1,
    AllowedSlots,
    Announced,
    BadAnnouncement,
    EpochConfig,
    NextConfigData,
    NextEpochData,
    OnDisabled,
    announced,
    consensus,
)
from btt_chain.primitives.digest import BABE, GRANDPA, Consensus
from btt_chain.scale import u32, u64
from unit.consensus.babe.babe_world import ANNOUNCEMENT, NEXT, PAIRS

CONFIG = NextConfigData(V1((u64(1), u64(4)), AllowedSlots.PrimaryAndSecondaryVRFSlots))


def test_the_next_epoch_has_its_wire_form() -> None:
    weight = bytes([5, 0, 0, 0, 0, 0, 0, 0])

    expected = b"\x01\x08" + b"".join(pair.public + weight for pair in PAIRS[:2])

    assert CONSENSUS_LOG.encode(NextEpochData(NEXT)) == expected + NEXT.randomness


def test_parameters_and_disabling_have_their_wire_form() -> None:
    assert (
        CONSENSUS_LOG.encode(CONFIG)
        == b"\x03\x01" + b"\x01" + bytes(7) + b"\x04" + bytes(7) + b"\x02"
    )
    assert CONSENSUS_LOG.encode(OnDisabled(u32(3))) == b"\x02\x03\x00\x00\x00"


def test_a_digest_is_read_past_what_is_not_of_babe() -> None:
    logs = [Consensus(GRANDPA, b"anything"), consensus(OnDisabled(u32(1))), ANNOUNCEMENT]

    assert announced(logs) == Announced(NEXT, None)
    assert announced([]) == Announced(None, None)


def test_parameters_come_with_their_epoch() -> None:
    config = EpochConfig((u64(1), u64(4)), AllowedSlots.PrimaryAndSecondaryVRFSlots)

    assert announced([ANNOUNCEMENT, consensus(CONFIG)]) == Announced(NEXT, config)


@pytest.mark.parametrize(
    ("logs", "why"),
    [
        ([ANNOUNCEMENT, ANNOUNCEMENT], "next epoch is announced twice"),
        ([ANNOUNCEMENT, consensus(CONFIG), consensus(CONFIG)], "parameters are announced twice"),
        ([consensus(CONFIG)], "without the epoch"),
        ([Consensus(BABE, b"")], "malformed"),
        ([Consensus(BABE, b"\x00")], "malformed"),
        ([Consensus(BABE, ANNOUNCEMENT.payload + b"\x00")], "malformed"),
        ([Consensus(BABE, CONSENSUS_LOG.encode(CONFIG)[:-1] + b"\x03")], "malformed"),
    ],
)
def test_an_unclear_announcement_is_none(logs: list[Consensus], why: str) -> None:
    with pytest.raises(BadAnnouncement, match=why):
        announced(logs)
