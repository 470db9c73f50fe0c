"""Checks of blocks before their import: signatures of extrinsics, seals and VRF proofs of headers.

What a check needs besides its block is inferred: hashes of earlier blocks and epochs from headers
that were seen before, versions from the request. Where an inference is wrong the verdict is for a
check that is never looked up (`keys.py`). Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from btt_chain.chain.prechecks.keys import proof_key, scheme_of, signature_key
from btt_chain.chain.prechecks.wire import (
    Answer,
    EpochInfo,
    Item,
    Request,
    Rules,
    Start,
    Verdicts,
)
from btt_chain.crypto.signature import Scheme, verify
from btt_chain.crypto.vrf import SchnorrkelVrf
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import Id
from btt_chain.primitives.babe import Claim, NoPreDigest, SecondaryPlain, pre_digest
from btt_chain.primitives.babe_digests import BadAnnouncement, announced
from btt_chain.primitives.era import Era
from btt_chain.primitives.extrinsic import decode_extrinsic, signing_payload
from btt_chain.primitives.header import Header
from btt_chain.primitives.limits import EXTRINSIC
from btt_chain.primitives.lottery import slot_input
from btt_chain.scale import Compact, DecodeError, codec, u8, u32, u64, u128

KEPT_HASHES: Final = 4_096
"""Hashes of blocks kept; the runtime keeps 2,400 for the eras of transactions."""
_NO_METADATA_HASH: Final = b"\0"


@dataclass(slots=True)
class _Extra:
    """The transmitted data of a signed transaction, as in `runtime.extensions.SignedExtra`."""

    era: Era
    nonce: Compact[u32]
    tip: Compact[u128]
    mode: u8


_EXTRA: Final = codec(_Extra)


class Checker:
    """Checks the blocks of consecutive requests."""

    def __init__(self) -> None:
        self._vrf = SchnorrkelVrf()
        self._hashes: dict[int, bytes] = {}
        """Hashes of recent blocks, by height, with genesis."""
        self._epochs = EpochTracker()

    def check(self, request: Request) -> Answer:
        """Check the blocks of a request. Raises DecodeError for a header that is none."""
        if request.start is not None:
            self._epochs = EpochTracker(request.start)
        found = [self._item(item, request.rules) for item in request.items]
        return Answer([verdicts for verdicts in found if verdicts is not None])

    def _item(self, item: Item, rules: Rules) -> Verdicts | None:
        header = Header.decode(item.header)
        number = int(header.number)
        self._remember(header, rules)
        epoch, claim = self._epochs.follow(header)
        if item.body is None:
            return None
        signatures, proofs = self._header(header, epoch, claim)
        for raw in item.body:
            key = self._extrinsic(raw, number, rules)
            if key is not None:
                signatures.append(key)
        return Verdicts(u32(number), b"".join(signatures), b"".join(proofs))

    def _remember(self, header: Header, rules: Rules) -> None:
        number, hashes = int(header.number), self._hashes
        if len(hashes) >= 2 * KEPT_HASHES:
            oldest = number - KEPT_HASHES
            self._hashes = hashes = {at: hash for at, hash in hashes.items() if at >= oldest}
        hashes[number] = bytes(header.hash())
        hashes[number - 1] = bytes(header.parent_hash)
        hashes[0] = rules.genesis

    # ---- headers

    def _header(
        self, header: Header, epoch: EpochInfo | None, claim: Claim | None
    ) -> tuple[list[bytes], list[bytes]]:
        """Return the keys of the header's seal and of its VRF proof, where they are valid."""
        signatures: list[bytes] = []
        proofs: list[bytes] = []
        unsealed, seal = header.unsealed()
        if epoch is None or claim is None or seal is None:
            return signatures, proofs
        slot, index = int(claim.claim.slot), int(claim.claim.authority_index)
        if index >= len(epoch.authorities):
            return signatures, proofs
        author, message = epoch.authorities[index], bytes(unsealed.hash())
        if verify(Scheme.SR25519, author, message, seal.payload):
            signatures.append(signature_key(Scheme.SR25519, author, message, seal.payload))
        if not isinstance(claim, SecondaryPlain):
            given = claim.claim.vrf_signature
            what = slot_input(epoch.randomness, slot, int(epoch.index))
            output = self._vrf.verify(author, what, given.pre_output, given.proof)
            if output is not None:
                key = proof_key(author, what, given.pre_output, given.proof)
                proofs.append(key + output.point)
        return signatures, proofs

    # ---- extrinsics

    def _extrinsic(self, raw: bytes, number: int, rules: Rules) -> bytes | None:
        """Return the key of an extrinsic's signature if it is valid and can be checked here."""
        if len(raw) > EXTRINSIC.max_bytes:
            return None
        try:
            envelope = decode_extrinsic(raw, _EXTRA)
        except DecodeError:
            return None  # the import says what is wrong with it
        extra, address, signature = envelope.extra, envelope.address, envelope.signature
        if signature is None or not isinstance(extra, _Extra) or not isinstance(address, Id):
            return None
        birth = self._hashes.get(extra.era.birth(number))
        if birth is None or extra.mode:
            return None
        implicit = (
            rules.spec_version.to_bytes(4, "little")
            + rules.transaction_version.to_bytes(4, "little")
            + rules.genesis
            + birth
            + _NO_METADATA_HASH
        )
        payload = signing_payload(envelope.call_raw, envelope.extra_raw, implicit)
        scheme, who = scheme_of(signature), address.account
        if not verify(scheme, who, payload, signature.signature):
            return None
        return signature_key(scheme, who, payload, signature.signature)


class EpochTracker:
    """The epochs of consecutive headers, by their announcements; none until it has a start."""

    def __init__(self, start: Start | None = None) -> None:
        self._current = None if start is None else start.current
        self._next = None if start is None else start.next

    def follow(self, header: Header) -> tuple[EpochInfo | None, Claim | None]:
        """Return the epoch of the next header, and its claim; None where it is not known."""
        try:
            claim = pre_digest(header.digest.logs)
            announcement = announced(header.digest.logs).epoch
        except (NoPreDigest, BadAnnouncement):
            self._current = self._next = None  # no valid block: those above are none either
            return None, None
        slot, current = int(claim.claim.slot), self._current
        if current is None:
            return None, claim
        if slot >= end_of(current):
            current, self._next = self._next, None
            self._current = current = None if current is None else moved_to(current, slot)
        # A header may claim any slot: no epoch follows on one that ends above all slots.
        if current is not None and announcement is not None and end_of(current) <= u64.MAX:
            self._next = EpochInfo(
                u64(current.index + 1),
                u64(end_of(current)),
                current.length,
                [bytes(key) for key, _ in announcement.authorities],
                announcement.randomness,
            )
        return current, claim


def end_of(epoch: EpochInfo) -> int:
    """Return the first slot after an epoch, which may be above all slots."""
    return int(epoch.start) + int(epoch.length)


def moved_to(epoch: EpochInfo, slot: int) -> EpochInfo:
    """Return an epoch moved by whole epochs, so that it contains a slot after its start."""
    skipped = max(slot - epoch.start, 0) // max(epoch.length, 1)
    if not skipped:
        return epoch
    return replace(
        epoch,
        index=u64(epoch.index + skipped),
        start=u64(epoch.start + skipped * epoch.length),
    )
