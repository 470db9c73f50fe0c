"""Attestations: verifiers' commitments to verdicts, and their reveals.

Verifiers sign with session keys, so their extrinsics are bare and free. Each check returns the case
and the slot that ends the period; the pool and the call use the same ones.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from btt_chain.crypto import sr25519
from btt_chain.crypto.vrf import Vrf
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec
from btt_chain.work import ids
from runtime.frame import Component
from runtime.pallets.babe.types import BeaconClock
from runtime.pallets.receipts import errors, events
from runtime.pallets.receipts.records import Records, seat_of
from runtime.pallets.receipts.types import Phase, Verdict
from runtime.pallets.system.pallet import System

VERDICT: Final = codec(Verdict)


class Reveal(NamedTuple):
    """A verdict, the rest of its commitment's preimage, and the VRF proof of the sample."""

    verdict: Verdict
    digest: H256
    salt: H256
    pre_output: bytes
    proof: bytes


class Attestations(Component):
    """Checks and storage of votes."""

    _records: Records
    _vrf: Vrf
    _clock: BeaconClock
    _system: System

    def commit(self, id: H256, verifier: AccountId, commitment: H256, signature: bytes) -> None:
        """Store a commitment; see `Receipts.attest_commit`."""
        self.check_commit(id, verifier, commitment, signature)
        found = self._records.receipt(id)
        seat_of(found, verifier).commitment = commitment
        self._records.put(id, found)
        self.deposit(events.Committed(id, verifier))

    def reveal(self, id: H256, verifier: AccountId, reveal: Reveal) -> None:
        """Store a verdict; see `Receipts.attest_reveal`."""
        self.check_reveal(id, verifier, reveal)
        rho = self.randomness(id, verifier, reveal)
        found = self._records.receipt(id)
        seat = seat_of(found, verifier)
        seat.commitment, seat.verdict = None, reveal.verdict
        seat.digest, seat.rho = reveal.digest, rho
        self._records.put(id, found)
        self.deposit(events.Revealed(id, verifier, reveal.verdict))

    def check_commit(
        self, id: H256, verifier: AccountId, commitment: H256, signature: bytes
    ) -> int:
        """Check a commitment; return the number of slots in which it is accepted."""
        found, now = self._records.receipt(id), self._clock.now()
        if found.phase is not Phase.Checking:
            raise errors.WrongPhase
        seat = seat_of(found, verifier)
        if now >= found.commit_until:
            raise errors.TooLate
        if seat.commitment is not None or seat.verdict is not None:
            raise errors.AlreadyCommitted
        message = ids.commit_message(
            self._system.genesis_hash(), id, verifier, found.beacons[seat.round], commitment
        )
        if not sr25519.verify(seat.key, message, signature):
            raise errors.BadSignature
        return int(found.commit_until) - now

    def check_reveal(self, id: H256, verifier: AccountId, reveal: Reveal) -> int:
        """Check all of a reveal but its proof; return the number of slots for it."""
        found, now = self._records.receipt(id), self._clock.now()
        if found.phase is not Phase.Checking:
            raise errors.WrongPhase
        seat = seat_of(found, verifier)
        if now < found.commit_until:
            raise errors.TooEarly
        if now >= found.reveal_until:
            raise errors.TooLate
        if seat.verdict is not None:
            raise errors.AlreadyCommitted
        verdict = VERDICT.encode(reveal.verdict)
        opened = ids.attestation(
            self._system.genesis_hash(), id, verifier, verdict, reveal.digest, reveal.salt
        )
        if seat.commitment != opened:
            raise errors.WrongOpening
        return int(found.reveal_until) - now

    def randomness(self, id: H256, verifier: AccountId, reveal: Reveal) -> H256:
        """Return a verifier's randomness. Raises BadVrfProof. It takes 3 ms: call it last."""
        found = self._records.receipt(id)
        seat = seat_of(found, verifier)
        vrf_input = ids.check_input(found.beacons[seat.round], id)
        output = self._vrf.verify(seat.key, vrf_input, reveal.pre_output, reveal.proof)
        if output is None:
            raise errors.BadVrfProof
        return ids.rho(output)
