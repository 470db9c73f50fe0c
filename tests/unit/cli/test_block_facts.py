"""Items of a header's digest in words."""

from __future__ import annotations

import pytest

from btt_chain.primitives import babe_digests, grandpa
from btt_chain.primitives.babe import (
    SecondaryPlain,
    SecondaryPlainClaim,
    Slot,
    pre_runtime,
)
from btt_chain.primitives.digest import (
    BABE,
    GRANDPA,
    Consensus,
    DigestItem,
    Other,
    PreRuntime,
    RuntimeEnvironmentUpdated,
    Seal,
)
from btt_chain.primitives.voters import AuthorityId as VoterId
from btt_chain.scale import u32, u64
from cli.common.block_facts import in_words

EPOCH = babe_digests.NextEpochData(
    babe_digests.NextEpochDescriptor(
        [(babe_digests.AuthorityId(bytes([n]) * 32), u64(1)) for n in range(3)], bytes(32)
    )
)
CHANGE = grandpa.ScheduledChange([(VoterId(bytes(32)), u64(1))], u32(0))


def to_grandpa(log: grandpa.AnyConsensusLog) -> Consensus:
    return Consensus(GRANDPA, grandpa.CONSENSUS_LOG.encode(log))


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (
            pre_runtime(SecondaryPlain(SecondaryPlainClaim(u32(3), Slot(77)))),
            "slot 77, secondary claim of authority 3",
        ),
        (babe_digests.consensus(EPOCH), "BABE: the next epoch has 3 authorities"),
        (
            babe_digests.consensus(babe_digests.OnDisabled(u32(1))),
            "BABE: an authority is disabled",
        ),
        (to_grandpa(grandpa.ChangeScheduled(CHANGE)), "GRANDPA: the next set has 1 voter"),
        (to_grandpa(grandpa.ChangeForced(u32(5), CHANGE)), "GRANDPA: forced change to 1 voter"),
        (to_grandpa(grandpa.Pause(u32(5))), "GRANDPA: Pause"),
        (Seal(BABE, bytes(64)), "seal of BABE, a signature of 64 bytes"),
        (RuntimeEnvironmentUpdated(), "the runtime's version changed"),
        (Other(b"hi"), "other: 0x6869"),
        (PreRuntime(BABE, b"\xff"), "claim of BABE: 0xff"),
        (PreRuntime(b"aura", b"\1"), "claim of 0x61757261: 0x01"),
        (Consensus(BABE, b"\xff"), "message to BABE: 0xff"),
        (Consensus(GRANDPA, b""), "message to GRANDPA: 0x"),
        (Consensus(b"BEEF", b"\1"), "message to 0x42454546: 0x01"),
    ],
)
def test_an_item_is_said_in_words_and_shown_as_it_is_if_it_is_not_understood(
    item: DigestItem, said: str
) -> None:
    assert in_words(item) == said
