"""HealthRecords: roots of health records, consents and accesses, and their custodians.

Health data is never on the chain. A custodian, which is a facility with a bond, anchors the root of
a tree of salted hashes each hour: of its records, of its patients' consents, and of the accesses to
records. A patient revokes a consent by publishing a secret whose hash is in it. A custodian that
answers a request promises that the access will be in its log; a broken promise costs a part of the
bond. No call takes a text, a patient, a grantee, a purpose or the id of a record.

The modules `evidence_tree`, `record_leaves`, `access_promise` and `mountain_range` of
`btt_chain.primitives` describe the bytes. The life cycles are in `custodians`, `anchors`
and `promises`.

Invariants: the amounts on hold are the bonds and the deposits of demands; the roots of a log have
ascending epochs, each once; a log's mountain range has as many peaks as its number has ones.
(docs/health-records.md)
"""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.access_promise import SignedPromise
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.evidence_tree import Opening
from btt_chain.primitives.record_leaves import consent_handle
from btt_chain.scale import u32, u64, u128
from runtime.frame import (
    Component,
    Const,
    Constant,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    Part,
    Value,
    call,
    ensure_root,
)
from runtime.frame.aliases import AccountIdLookupOf, CompactBalanceOf, HashOf
from runtime.frame.timers import TimerQueues
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.balances.types import lookup
from runtime.pallets.facilities.pallet import Facilities
from runtime.pallets.health_records import errors, events, types, weights
from runtime.pallets.health_records.anchors import Anchors
from runtime.pallets.health_records.custodians import Custodians
from runtime.pallets.health_records.promises import ANSWER_EPOCHS, Promises
from runtime.pallets.health_records.types import (
    Absences,
    BatchKind,
    Epoch,
    PromiseKey,
    Secret,
    SomeTerms,
    Terms,
    TimedClock,
)
from runtime.pallets.system.pallet import System
from runtime.pallets.tokenomics.pallet import Tokenomics
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import PAYFI, split_platform

EXPIRING: Final = 0
"""The timer queue of handles."""
MAX_EXPIRED: Final = 16
"""Maximum number of handles that a block removes."""


class Revocations(Component):
    """The revoked handles: of consents whose secret was published.

    Every consent ends within five years, so a handle is kept that long, and then removed by the
    hook of a block, a few at a time.
    """

    _fees: Tokenomics
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


class HealthRecords(Pallet, events=events, errors=errors):
    """Roots of health records, consents and accesses. Amounts in planck, epochs are hours."""

    # ---- constants

    hour_ms: Const[u64]
    """Length of an epoch in milliseconds; epochs are counted since 1970."""
    revocation_slots: Const[u64]
    """Number of slots for which a revoked handle is stored; no consent is valid for longer."""
    max_delay = Constant(u32(types.MAX_DELAY))
    """Number of epochs after the first in which the leaf of a promise may be anchored."""
    max_late = Constant(u32(types.MAX_LATE))
    """Number of epochs after an epoch in which its root may be anchored."""
    kept_epochs = Constant(u32(types.KEPT_EPOCHS))
    """Number of epochs for which roots are stored; older ones are proven."""
    answer_epochs = Constant(u32(ANSWER_EPOCHS))
    """Number of epochs in which a custodian has to answer a demand."""
    max_expired = Constant(u32(MAX_EXPIRED))
    """Maximum number of revoked handles that a block removes."""

    # ---- dependencies

    slot_ms: u64
    currency: Balances
    fees: Tokenomics
    facilities: Facilities
    moments: TimedClock
    system: System
    technical: OriginCheck = ensure_root
    """Origin that registers schemas."""
    params_origin: OriginCheck = ensure_root
    """Origin that sets the terms."""

    # ---- storage

    schemas = Map(u32, H256, hasher=Hasher.Twox64Concat)
    """Hashes of the published schemas of records, by number."""
    terms = Value(Terms, default=Terms())
    """Bonds and fees."""

    # ---- components

    timers = Part(TimerQueues)
    anchors = Part(Anchors)
    custodians = Part(Custodians)
    promises = Part(Promises)
    revocations = Part(Revocations)

    # ---- hold reasons

    HoldReason = types.HoldReason

    # ---- hooks

    def on_initialize(self, number: int) -> int:
        """Remove revoked handles whose consents are over."""
        del number
        return weights.expire(self.revocations.expire())

    # ---- calls

    @call(0, weight=weights.ANCHOR)
    def anchor(
        self, origin: Origin, kind: BatchKind, epoch: Epoch, root: HashOf, leaves: u32
    ) -> None:
        """Anchor the root of an epoch that is over, as a custodian; in order, each once.

        `leaves` is the number of leaves of its tree, padding included.
        """
        who = origin.signed()
        self.custodians.ensure_may_anchor(who)
        self.anchors.anchor(who, kind, epoch, root, leaves)

    @call(1, weight=weights.REVOKE)
    def revoke(self, origin: Origin, secret: Secret) -> None:
        """Revoke the consent whose handle is the hash of `secret`. Any account may call it.

        Nothing shows whose consent it was, or that there was one.
        """
        self.revocations.revoke(origin.signed(), secret)

    @call(2, weight=weights.REGISTER_SCHEMA)
    def register_schema(self, origin: Origin, id: u32, schema: HashOf) -> None:
        """Register the hash of a published schema of records. Origin: the Technical track."""
        self.technical(origin)
        self.schemas[id] = schema
        self.deposit(events.SchemaRegistered(id, schema))

    @call(3, weight=weights.REPORT_OMISSION)
    def report_omission(self, origin: Origin, promise: SignedPromise, absences: Absences) -> None:
        """Report a promised access that is not in the custodian's log.

        `absences` has an entry for each epoch in which it could be: the two neighbours of the
        missing leaf, or nothing for an epoch without a root.
        """
        self.promises.report_omission(origin.signed(), promise, absences)

    @call(4, weight=weights.REPORT_DOUBLE)
    def report_double(self, origin: Origin, first: SignedPromise, second: SignedPromise) -> None:
        """Report two promises of different leaves for one request."""
        self.promises.report_double(origin.signed(), first, second)

    @call(5, weight=weights.REGISTER_CUSTODIAN)
    def register_custodian(self, origin: Origin, key: PromiseKey, bond: CompactBalanceOf) -> None:
        """Become a custodian, as an active facility; the bond is put on hold.

        `key` is the Ed25519 key of its promises. It cannot be changed.
        """
        self.custodians.register(origin.signed(), key, u128(bond))

    @call(6, weight=weights.BOND_EXTRA)
    def bond_extra(self, origin: Origin, amount: CompactBalanceOf) -> None:
        """Add to the caller's bond as a custodian."""
        self.custodians.add(origin.signed(), u128(amount))

    @call(7, weight=weights.LEAVE)
    def leave(self, origin: Origin) -> None:
        """Leave as a custodian. In 30 days, when all promises are over, the bond is free."""
        self.custodians.leave(origin.signed())

    @call(8, weight=weights.WITHDRAW)
    def withdraw(self, origin: Origin) -> None:
        """Withdraw the bond of a custodian that left, and has no open demand."""
        who = origin.signed()
        self.promises.ensure_no_demand(who)
        self.custodians.withdraw(who)

    @call(9, weight=weights.DEMAND)
    def demand(self, origin: Origin, promise: SignedPromise) -> None:
        """Demand the proof that a promise was kept; a deposit is put on hold.

        The custodian has 72 hours to answer, or it is slashed.
        """
        self.promises.demand(origin.signed(), promise)

    @call(10, weight=weights.ANSWER)
    def answer(self, origin: Origin, id: HashOf, epoch: Epoch, opening: Opening) -> None:
        """Answer a demand, as its custodian, with the promised leaf below a root.

        The custodian gets half of the deposit for its work.
        """
        self.promises.answer(origin.signed(), id, epoch, opening)

    @call(11, weight=weights.SETTLE_DEMAND)
    def settle_demand(self, origin: Origin, custodian: AccountIdLookupOf, id: HashOf) -> None:
        """Slash a custodian that did not answer a demand in time. Any account may call it."""
        origin.signed()
        self.promises.settle(lookup(custodian), id)

    @call(12, weight=weights.SET_TERMS)
    def set_terms(self, origin: Origin, terms: SomeTerms) -> None:
        """Set bonds and fees; custodians with a lower bond add to it. Origin: parameters."""
        self.params_origin(origin)
        if not terms.in_bounds:
            raise errors.TermsOutOfBounds
        self.terms.value = terms
        self.deposit(events.TermsSet(terms))

    # ---- public interface

    def is_revoked(self, handle: H256) -> bool:
        """Return True if the consent of this handle is revoked."""
        return handle in self.revocations.revoked

    def custodian(self, who: AccountId) -> types.Custodian | None:
        """Return a custodian; None if the account is none."""
        return self.custodians.custodians.get(who)
