"""Revocations: handles of consents whose secret was published.

Every consent ends within five years, so a handle is kept that long, and then removed by the hook of
a block, a few at a time.
"""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.record_leaves import consent_handle
from btt_chain.scale import u64
from runtime.frame import Component, Hasher, Map, Value
from runtime.frame.timers import TimerQueues
from runtime.pallets.health_records import errors, events
from runtime.pallets.health_records.types import Fees, Terms, TimedClock
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import PAYFI, split_platform

EXPIRING: Final = 0
"""The timer queue of handles."""
MAX_EXPIRED: Final = 16
"""Maximum number of handles that a block removes."""


class Revocations(Component):
    """The revoked handles."""

    _fees: Fees
    _moments: TimedClock
    _terms: Value[Terms]
    _revocation_slots: int
    timers: TimerQueues

    revoked = Map(H256, u64, hasher=Hasher.Identity)
    """Handles of revoked consents, with the slots from which they are removed."""

    def revoke(self, who: AccountId, secret: bytes) -> None:
        """Revoke the consent of a secret. Raises AlreadyRevoked and TokenError."""
        handle = consent_handle(secret)
        if handle in self.revoked:
            raise errors.AlreadyRevoked
        fee = int(self._terms.peek().revocation)
        split = split_platform(fee, PAYFI, fee, int(self._fees.threshold()))
        self._fees.take(who, split, BurnReason.Records)
        expires = u64(self._moments.now() + self._revocation_slots)
        self.revoked[handle] = expires
        self.timers.enter(EXPIRING, int(expires), handle)
        self.deposit(events.Revoked(handle, expires))

    def expire(self) -> int:
        """Remove handles whose consents are over; return their number."""
        due = self.timers.take(EXPIRING, MAX_EXPIRED)
        for handle in due:
            del self.revoked[handle]
        return len(due)
