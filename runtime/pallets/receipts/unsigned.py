"""Validation of the calls that need no signature: attestations of verifiers, and fraud proofs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, cast

from btt_chain.primitives import validity
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.validity import Invalid, TransactionSource, Unknown, ValidTransaction
from btt_chain.scale import u64
from btt_chain.work.fraud import EdgeProof, FraudProof
from btt_chain.work.graph import PROOF_BYTES
from runtime.frame import Call, Component, DispatchError
from runtime.pallets.babe.types import BeaconClock
from runtime.pallets.receipts import errors
from runtime.pallets.receipts.attestations import Attestations, Reveal
from runtime.pallets.receipts.disputes import Disputes, Proof
from runtime.pallets.receipts.types import Verdict

TAG: Final = b"BttWork"

ATTEST_COMMIT: Final = 1
ATTEST_REVEAL: Final = 2
PROVE_FRAUD: Final = 3
PROVE_EDGE: Final = 4
"""Indices of the calls that need no signature."""
COMMIT_BYTES: Final = 160
"""Size of the arguments of `attest_commit`: receipt, verifier, commitment, signature."""
REVEAL_BYTES: Final = 225
"""Size of its arguments: receipt, verifier, verdict, digest, salt, VRF output and proof."""
EVIDENCE_BYTES: Final = 32 + PROOF_BYTES + 1
"""Maximum size of the arguments of a fraud proof: receipt, proof, side of the edge."""
UNSIGNED_BYTES: Final[Mapping[int, int]] = MappingProxyType(
    {
        ATTEST_COMMIT: COMMIT_BYTES,
        ATTEST_REVEAL: REVEAL_BYTES,
        PROVE_FRAUD: EVIDENCE_BYTES,
        PROVE_EDGE: EVIDENCE_BYTES,
    }
)
"""Maximum size of the arguments, by call."""


class UnsignedCalls(Component):
    """Validity of unsigned calls in the pool and in blocks."""

    _attestations: Attestations
    _disputes: Disputes
    _clock: BeaconClock

    def validate(self, call: Call, source: TransactionSource) -> ValidTransaction | None:
        """Return the validity of a call; None for calls that need a signature.

        Raises Invalid; Unknown if the receipt is not known, in another phase or without this seat,
        because the next block may select the committee. A pool bans an invalid transaction for half
        an hour, but not an unknown one.
        """
        if call.index not in UNSIGNED_BYTES:
            return None
        try:
            sender, slots = self._check(call, source)
        except errors.TooEarly:
            raise Invalid(validity.Future()) from None
        except (errors.AlreadyCommitted, errors.AlreadyProven, errors.TooLate):
            raise Invalid(validity.Stale()) from None
        except (errors.UnknownReceipt, errors.WrongPhase, errors.NotSeated):
            raise Unknown(validity.CannotLookup()) from None
        except DispatchError:
            raise Invalid(validity.BadProof()) from None
        tag = TAG + bytes((call.index,)) + cast("H256", call.args[0]) + sender
        return ValidTransaction(u64(u64.MAX // 2), [], [tag], u64(max(1, slots)))

    # ---- internals

    def _check(self, call: Call, source: TransactionSource) -> tuple[bytes, int]:
        """Return the end of the tag, and the number of slots in which the call is valid."""
        if call.index == ATTEST_COMMIT:
            commit = cast("tuple[H256, AccountId, H256, bytes]", call.args)
            return bytes(commit[1]), self._attestations.check_commit(*commit)
        if call.index == ATTEST_REVEAL:
            id, verifier = cast("tuple[H256, AccountId]", call.args[:2])
            reveal = Reveal(*cast("tuple[Verdict, H256, H256, bytes, bytes]", call.args[2:]))
            slots = self._attestations.check_reveal(id, verifier, reveal)
            if source is not TransactionSource.InBlock:
                # The commitment does not cover the proof: the pool must not take a changed one for
                # the right one. In a block the call itself checks it.
                self._attestations.randomness(id, verifier, reveal)
            return bytes(verifier), slots
        if call.index == PROVE_FRAUD:
            return self._proof(*cast("tuple[H256, FraudProof]", call.args))
        receipt, proof, output = cast("tuple[H256, EdgeProof, bool]", call.args)
        return self._proof(receipt, (proof, output))

    def _proof(self, receipt: H256, proof: Proof) -> tuple[bytes, int]:
        found = self._disputes.check(receipt, proof).receipt
        return b"", int(found.due) - self._clock.now()
