"""Verification of headers, before their blocks are executed.

A pure function, the same for all headers. Cheap checks come first: a header that was tampered with
fails before the VRF, which is nine tenths of the work. The state transition and disabled
authorities are not checked here: that is the runtime's part.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol, assert_never

from btt_chain.crypto import sr25519
from btt_chain.crypto.vrf import SchnorrkelVrf, VrfInput, VrfOutput
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.babe import (
    Claim,
    NoPreDigest,
    Primary,
    SecondaryPlain,
    SecondaryVrf,
    VrfSignature,
    pre_digest,
)
from btt_chain.primitives.babe_digests import (
    AllowedSlots,
    BadAnnouncement,
    EpochConfig,
    NextEpochDescriptor,
    announced,
)
from btt_chain.primitives.digest import BABE, PreRuntime, Seal
from btt_chain.primitives.epoch import Epoch
from btt_chain.primitives.header import Header
from btt_chain.primitives.lottery import wins

SEAL_LENGTH: Final = 64

_VRF: Final = SchnorrkelVrf()

SealCheck = Callable[[bytes, bytes, bytes], bool]
"""(public key, message, signature) -> validity, for sr25519."""


class ProofCheck(Protocol):
    """The part of a VRF that verifies."""

    def verify(
        self, public: bytes, message: VrfInput, pre_output: bytes, proof: bytes
    ) -> VrfOutput | None:
        """Return the output if the proof is valid, else None; malformed input is None."""


class Reason(StrEnum):
    """The reason for refusing a header."""

    BAD_CLAIM = "bad claim"
    BAD_SEAL = "bad seal"
    SLOT_NOT_AFTER_PARENT = "slot not after parent"
    SLOT_IN_FUTURE = "slot in the future"
    WRONG_EPOCH = "wrong epoch"
    UNKNOWN_AUTHORITY = "unknown authority"
    CLAIM_NOT_ALLOWED = "claim not allowed"
    WRONG_AUTHOR = "wrong author"
    BAD_ANNOUNCEMENT = "bad announcement"
    BAD_SIGNATURE = "bad signature"
    BAD_VRF = "bad VRF"
    NOT_WON = "slot not won"


class Refused(ValueError):
    """The header is invalid; `reason` is for programs, the message for people.

    Only `SLOT_IN_FUTURE` may pass later; all others are permanent, given the same epoch.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Verified:
    """A verified claim."""

    author_index: int
    author: bytes
    """The author's public key."""
    slot: int
    primary: bool
    output: VrfOutput | None
    """The verified VRF output; None under a plain secondary claim."""
    next_epoch: NextEpochDescriptor | None
    """The announcement in the header of the first block of an epoch."""
    next_config: EpochConfig | None
    """The next epoch's parameters if they differ."""


def slot_of(header: Header) -> int:
    """Return the slot a header claims, unchecked, to find its epoch. Refused if there is none.

    The slot of genesis, which has no claim, is 0.
    """
    return 0 if header.number == 0 else int(_claim(header).claim.slot)


def verify(
    header: Header,
    epoch: Epoch,
    parent_slot: int,
    latest_slot: int,
    vrf: ProofCheck = _VRF,
    is_signed: SealCheck = sr25519.verify,
) -> Verified:
    """Return the verified claim of a header; Refused if any check fails.

    `epoch` is the epoch of the header's slot on its fork, `parent_slot` the slot of its parent, 0
    for genesis, and `latest_slot` the last one that is not too early. The caller ensures that
    parent, number and epoch match the header.
    """
    claim = _claim(header)
    unsealed, seal = _seal(header)
    slot, index = int(claim.claim.slot), int(claim.claim.authority_index)
    if slot <= parent_slot:
        raise Refused(Reason.SLOT_NOT_AFTER_PARENT, f"{slot} is not after {parent_slot}")
    if slot > latest_slot:
        raise Refused(Reason.SLOT_IN_FUTURE, f"{slot} comes after {latest_slot}")
    if slot not in epoch:
        raise Refused(
            Reason.WRONG_EPOCH,
            f"slot {slot} is not in epoch {epoch.index}, {epoch.start} to {epoch.end - 1}",
        )
    if index >= len(epoch.authorities):
        raise Refused(
            Reason.UNKNOWN_AUTHORITY, f"index {index} of {len(epoch.authorities)} authorities"
        )
    _check_turn(claim, epoch)
    try:
        next_epoch, next_config = announced(header.digest.logs)
    except BadAnnouncement as error:
        raise Refused(Reason.BAD_ANNOUNCEMENT, str(error)) from error
    if (next_epoch is not None) != epoch.begins(parent_slot):
        raise Refused(
            Reason.BAD_ANNOUNCEMENT,
            f"the first block of epoch {epoch.index} does not announce the next"
            if next_epoch is None
            else f"an epoch is announced in the midst of epoch {epoch.index}",
        )
    author, _ = epoch.authorities[index]
    if not is_signed(author, unsealed.hash(), seal):
        raise Refused(Reason.BAD_SIGNATURE, f"the seal is not by authority {index}")
    output = _check_output(claim, epoch, author, vrf)
    return Verified(
        author_index=index,
        author=author,
        slot=slot,
        primary=isinstance(claim, Primary),
        output=output,
        next_epoch=next_epoch,
        next_config=next_config,
    )


# ---- internals


def _claim(header: Header) -> Claim:
    """Return the claim; there must be exactly one pre-runtime digest, of BABE."""
    found = 0
    for item in header.digest.logs:
        found += type(item) is PreRuntime
    if found != 1:
        raise Refused(Reason.BAD_CLAIM, f"{found} pre-runtime digests, where there must be one")
    try:
        return pre_digest(header.digest.logs)
    except NoPreDigest as error:
        raise Refused(Reason.BAD_CLAIM, str(error)) from error


def _seal(header: Header) -> tuple[Header, bytes]:
    """Return the unsealed header and the seal; there must be exactly one, at the end."""
    unsealed, seal = header.unsealed()
    if seal is None:
        raise Refused(Reason.BAD_SEAL, "the last digest is not a seal")
    for item in unsealed.digest.logs:
        if type(item) is Seal:
            raise Refused(Reason.BAD_SEAL, "there is more than one seal")
    if seal.engine != BABE or len(seal.payload) != SEAL_LENGTH:
        raise Refused(Reason.BAD_SEAL, f"{len(seal.payload)} bytes of engine {seal.engine!r}")
    return unsealed, seal.payload


def _check_turn(claim: Claim, epoch: Epoch) -> None:
    """Check that the epoch admits claims of this kind and, if secondary, that the author is due."""
    allowed = epoch.config.allowed_slots
    match claim:
        case Primary():
            return
        case SecondaryPlain():
            fits = allowed is AllowedSlots.PrimaryAndSecondaryPlainSlots
        case SecondaryVrf():
            fits = allowed is AllowedSlots.PrimaryAndSecondaryVRFSlots
        case _:
            assert_never(claim)
    if not fits:
        raise Refused(
            Reason.CLAIM_NOT_ALLOWED, f"{type(claim).__name__} where {allowed.name} are allowed"
        )
    slot, index = int(claim.claim.slot), int(claim.claim.authority_index)
    due = epoch.secondary_author(slot)
    if index != due:
        raise Refused(Reason.WRONG_AUTHOR, f"slot {slot} is authority {due}'s, not {index}'s")


def _check_output(claim: Claim, epoch: Epoch, author: bytes, vrf: ProofCheck) -> VrfOutput | None:
    """Return the VRF output of a claim that carries one, if proven and, if primary, winning."""
    if isinstance(claim, SecondaryPlain):
        return None
    slot, index = int(claim.claim.slot), int(claim.claim.authority_index)
    signature: VrfSignature = claim.claim.vrf_signature
    output = vrf.verify(author, epoch.input(slot), signature.pre_output, signature.proof)
    if output is None:
        raise Refused(Reason.BAD_VRF, f"the VRF output for slot {slot} is not authority {index}'s")
    if isinstance(claim, Primary) and not wins(output, epoch.threshold(index)):
        why = f"the VRF output of authority {index} does not win slot {slot}"
        raise Refused(Reason.NOT_WON, why)
    return output
