"""A small BABE world: four authors, one epoch, and headers made to measure."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.consensus.babe.claim import Claimed, claim_slot, seal
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.vrf import SchnorrkelVrf, Vrf
from btt_chain.primitives.babe import Claim, Primary, pre_runtime
from btt_chain.primitives.babe_digests import (
    AllowedSlots,
    AuthorityId,
    EpochConfig,
    NextEpochData,
    NextEpochDescriptor,
    consensus,
)
from btt_chain.primitives.digest import H256, Digest, DigestItem
from btt_chain.primitives.epoch import Epoch
from btt_chain.primitives.header import Header
from btt_chain.primitives.lottery import SecondaryRule
from btt_chain.scale import u32, u64
from support.simulated_vrf import SimulatedVrf

PAIRS = [KeyPair.from_uri(f"//{name}") for name in ("Alice", "Bob", "Charlie", "Dave")]
KEYS = {pair.public: pair for pair in PAIRS}
WEIGHTS = (1, 2, 3, 10)
START = 1_000
LENGTH = 20
LATEST = START + 10 * LENGTH
REAL = SchnorrkelVrf()
SIMULATED = SimulatedVrf(PAIRS)

VRF_SLOTS = AllowedSlots.PrimaryAndSecondaryVRFSlots
PLAIN_SLOTS = AllowedSlots.PrimaryAndSecondaryPlainSlots
PRIMARY_SLOTS = AllowedSlots.PrimarySlots

NEXT = NextEpochDescriptor(
    [(AuthorityId(pair.public), u64(5)) for pair in PAIRS[:2]], bytes(range(32))
)
ANNOUNCEMENT = consensus(NextEpochData(NEXT))


def make_epoch(
    allowed: AllowedSlots = VRF_SLOTS,
    rule: SecondaryRule = SecondaryRule.Weighted,
    weights: Sequence[int] = WEIGHTS,
    c: tuple[int, int] = (1, 4),
    index: int = 3,
) -> Epoch:
    return Epoch(
        index=index,
        start=START,
        length=LENGTH,
        authorities=tuple(
            (pair.public, weight) for pair, weight in zip(PAIRS, weights, strict=True)
        ),
        randomness=b"\x07" * 32,
        config=EpochConfig((u64(c[0]), u64(c[1])), allowed),
        secondary_rule=rule,
    )


def make_header(*logs: DigestItem) -> Header:
    return Header(
        H256(bytes([1]) * 32),
        u32(7),
        H256(bytes([2]) * 32),
        H256(bytes([3]) * 32),
        Digest(list(logs)),
    )


def sealed(claim: Claim, pair: KeyPair, *more: DigestItem) -> Header:
    return seal(make_header(pre_runtime(claim), *more), pair)


def claimed(
    epoch: Epoch, *, primary: bool, start: int = START + 1, vrf: Vrf = REAL
) -> tuple[int, Claimed]:
    """Return the first slot of the epoch with a claim of the wanted kind."""
    for slot in range(start, epoch.end):
        claim = claim_slot(slot, epoch, KEYS, vrf)
        if claim is not None and isinstance(claim.claim, Primary) is primary:
            return slot, claim
    raise AssertionError("the epoch has no such slot")
