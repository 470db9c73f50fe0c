"""The author's side: claiming a slot, and sealing the header that was made for it.

Nothing here remembers what was signed before: callers check the signing record before `seal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme
from btt_chain.crypto.vrf import SchnorrkelVrf, Vrf, VrfOutput
from btt_chain.lazyclass import dataclass
from btt_chain.primitives import babe
from btt_chain.primitives.babe import (
    Primary,
    PrimaryClaim,
    SecondaryPlain,
    SecondaryPlainClaim,
    SecondaryVrf,
    SecondaryVrfClaim,
    Slot,
    VrfSignature,
)
from btt_chain.primitives.babe_digests import AllowedSlots
from btt_chain.primitives.digest import BABE, Seal
from btt_chain.primitives.epoch import Epoch
from btt_chain.primitives.header import Header
from btt_chain.primitives.lottery import wins
from btt_chain.scale import u32

_VRF: Final = SchnorrkelVrf()


@dataclass(frozen=True, slots=True)
class Claimed:
    """A slot claimed by one of our keys."""

    claim: babe.Claim
    """The claim in the header (`primitives.babe.pre_runtime` makes a digest of it)."""
    pair: KeyPair
    """The key that seals the block."""
    output: VrfOutput | None
    """The VRF output; None under a plain secondary claim."""

    @property
    def primary(self) -> bool:
        """True if it is a primary claim."""
        return isinstance(self.claim, Primary)


def claim_slot(
    slot: int, epoch: Epoch, pairs: Mapping[bytes, KeyPair], vrf: Vrf = _VRF
) -> Claimed | None:
    """Return the claim of the first of our keys that has one, primary claims first; else None.

    `pairs` holds our keys by public key. ValueError if the slot is not in the epoch.
    """
    if slot not in epoch:
        raise ValueError(f"slot {slot} is not in epoch {epoch.index}")
    ours = [
        (index, pairs[public])
        for index, (public, _) in enumerate(epoch.authorities)
        if public in pairs
    ]
    for index, pair in ours:
        # Most outputs do not win, and a proof costs as much again.
        if wins(vrf.evaluate(pair, epoch.input(slot)), epoch.threshold(index)):
            output, signature = _signed(pair, slot, epoch, vrf)
            return Claimed(Primary(PrimaryClaim(u32(index), Slot(slot), signature)), pair, output)
    if epoch.config.allowed_slots is AllowedSlots.PrimarySlots:
        return None
    due = epoch.secondary_author(slot)
    pair_due = dict(ours).get(due)
    if pair_due is None:
        return None
    if epoch.config.allowed_slots is AllowedSlots.PrimaryAndSecondaryPlainSlots:
        return Claimed(SecondaryPlain(SecondaryPlainClaim(u32(due), Slot(slot))), pair_due, None)
    output, signature = _signed(pair_due, slot, epoch, vrf)
    claim = SecondaryVrfClaim(u32(due), Slot(slot), signature)
    return Claimed(SecondaryVrf(claim), pair_due, output)


def seal(header: Header, pair: KeyPair) -> Header:
    """Return the header with a seal by `pair` at the end; ValueError if it has one."""
    if pair.scheme is not Scheme.SR25519:
        raise ValueError(f"a seal needs an sr25519 key, not {pair.scheme}")
    if any(isinstance(item, Seal) for item in header.digest.logs):
        raise ValueError("the header is sealed already")
    return header.with_log(Seal(BABE, pair.sign(header.hash())))


def _signed(pair: KeyPair, slot: int, epoch: Epoch, vrf: Vrf) -> tuple[VrfOutput, VrfSignature]:
    output, proof = vrf.sign(pair, epoch.input(slot))
    return output, VrfSignature(output.pre_output, proof)
