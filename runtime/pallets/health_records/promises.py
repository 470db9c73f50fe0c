"""Promises of accesses: reports of broken ones, and demands for the proof that one was kept.

A report needs the neighbours of the missing leaf, which the custodian alone has, unless it gave its
log to others. So any account with a promise can demand the proof of it on the chain.

| state | call | next state |
|---|---|---|
| none | `demand`: a deposit is put on hold | open |
| open | `answer` with the opened leaf: half of the deposit goes to the custodian | none |
| open for `AnswerEpochs` | `settle_demand`: the custodian is slashed | none |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.access_promise import PROMISE, AccessPromise, SignedPromise, is_signed
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.evidence_tree import Opening
from btt_chain.scale import u32, u128
from runtime.frame import Component, DoubleMap, ReasonOf, Value
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.health_records import errors, events
from runtime.pallets.health_records.anchors import Anchors
from runtime.pallets.health_records.custodians import Custodians
from runtime.pallets.health_records.types import (
    KEPT_EPOCHS,
    MAX_DELAY,
    MAX_LATE,
    PROMISED_EPOCHS,
    BatchKind,
    Demand,
    HoldReason,
    Terms,
)
from runtime.pallets.system.pallet import System
from runtime.pallets.tokenomics.pallet import Tokenomics

ANSWER_EPOCHS: Final = 72
"""Number of epochs in which a custodian has to answer a demand."""
REPORT_EPOCHS: Final = KEPT_EPOCHS - ANSWER_EPOCHS - MAX_DELAY - MAX_LATE
"""Number of epochs in which a promise can be reported; its roots are stored until it is settled."""


class Promises(Component):
    """Checks of promises."""

    _anchors: Anchors
    _custodians: Custodians
    _currency: Balances
    _fees: Tokenomics
    _terms: Value[Terms]
    _system: System
    reason = ReasonOf(HoldReason.DemandDeposit)

    penalized = DoubleMap(AccountId, H256, u32)
    """Promises, and requests answered twice, for which a custodian was slashed; with the epoch."""
    demands = DoubleMap(AccountId, H256, Demand)
    """Open demands for proofs, by custodian and the hash of the promise."""

    # ---- public interface

    def report_omission(
        self, reporter: AccountId, signed: SignedPromise, absences: Sequence[Sequence[Opening]]
    ) -> None:
        """Slash a custodian whose log has not the leaf that it promised.

        `absences` has an entry for each epoch of the promise. Raises NotCustodian, BadPromise,
        TooOld, AlreadyPenalized, WindowOpen, Included, BadProof and LowBond.
        """
        promise, id = self._checked(signed)
        self._ensure_recent(promise)
        if len(absences) != PROMISED_EPOCHS:
            raise errors.BadProof
        for delay, neighbours in enumerate(absences):
            self._anchors.ensure_absent(
                promise.custodian,
                BatchKind.Accesses,
                int(promise.epoch) + delay,
                promise.leaf,
                neighbours,
            )
        self._penalize(promise.custodian, id, reporter)

    def report_double(self, reporter: AccountId, a: SignedPromise, b: SignedPromise) -> None:
        """Slash a custodian that promised two leaves for one request.

        Raises NotCustodian, BadPromise, NoContradiction, TooOld, AlreadyPenalized and LowBond.
        """
        first, _ = self._checked(a)
        second, _ = self._checked(b)
        same = (first.custodian, first.request) == (second.custodian, second.request)
        if not same or first.leaf == second.leaf:
            raise errors.NoContradiction
        self._ensure_recent(first)
        self._penalize(first.custodian, first.request, reporter)

    def demand(self, by: AccountId, signed: SignedPromise) -> None:
        """Demand the proof of a promise.

        Raises NotCustodian, BadPromise, TooOld, WindowOpen, AlreadyPenalized, AlreadyDemanded,
        TokenError.
        """
        promise, id = self._checked(signed)
        self._ensure_recent(promise)
        last = int(promise.epoch) + MAX_DELAY
        if self._anchors.is_open(promise.custodian, BatchKind.Accesses, last):
            raise errors.WindowOpen
        if (promise.custodian, id) in self.penalized:
            raise errors.AlreadyPenalized
        if (promise.custodian, id) in self.demands:
            raise errors.AlreadyDemanded
        deposit = self._terms.peek().demand
        self._currency.hold(self.reason, by, deposit)
        due = u32(self._anchors.epoch() + ANSWER_EPOCHS)
        self.demands[promise.custodian, id] = Demand(promise.leaf, promise.epoch, by, deposit, due)
        self.deposit(events.Demanded(id, promise.custodian, due))

    def answer(self, custodian: AccountId, id: H256, epoch: u32, opening: Opening) -> None:
        """Close a demand with the proof that the promise was kept.

        Raises UnknownDemand and BadProof.
        """
        demand = self._expect(custodian, id)
        last = demand.epoch + MAX_DELAY
        kept = opening.leaf == demand.leaf and demand.epoch <= epoch <= last
        if not kept or not self._anchors.is_included(
            custodian, BatchKind.Accesses, int(epoch), opening
        ):
            raise errors.BadProof
        del self.demands[custodian, id]
        reward = u128(int(demand.deposit) // 2)
        self._fees.pay_held(self.reason, demand.by, custodian, reward)
        self._currency.release(self.reason, demand.by, demand.deposit - reward)
        self.deposit(events.Answered(id, custodian))

    def settle(self, custodian: AccountId, id: H256) -> None:
        """Slash the custodian that did not answer a demand in time; the deposit is released.

        Raises UnknownDemand and NotDue. A custodian without a bond is not slashed further.
        """
        demand = self._expect(custodian, id)
        if self._anchors.epoch() < demand.due:
            raise errors.NotDue
        del self.demands[custodian, id]
        self._currency.release(self.reason, demand.by, demand.deposit)
        # A custodian with an open demand cannot withdraw: it is still registered.
        bond = self._custodians.expect(custodian).bond
        if bond and (custodian, id) not in self.penalized:
            self._penalize(custodian, id, demand.by)

    def ensure_no_demand(self, custodian: AccountId) -> None:
        """Raise NotDue if a custodian has an open demand, for which it may be slashed."""
        if self.demands.some_under(custodian, 1):
            raise errors.NotDue

    # ---- internals

    def _checked(self, signed: SignedPromise) -> tuple[AccessPromise, H256]:
        """Return a promise that its custodian signed, and the hash of it."""
        promise = signed.promise
        custodian = self._custodians.expect(promise.custodian)
        if promise.genesis != self._system.genesis_hash() or not is_signed(signed, custodian.key):
            raise errors.BadPromise
        return promise, H256(blake2_256(PROMISE.encode(promise)))

    def _ensure_recent(self, promise: AccessPromise) -> None:
        if int(promise.epoch) < self._anchors.epoch() - REPORT_EPOCHS:
            raise errors.TooOld

    def _expect(self, custodian: AccountId, id: H256) -> Demand:
        found = self.demands.get((custodian, id))
        if found is None:
            raise errors.UnknownDemand
        return found

    def _penalize(self, custodian: AccountId, id: H256, reporter: AccountId) -> None:
        """Slash a custodian once for a promise or request; an entry costs it a part of its bond."""
        if (custodian, id) in self.penalized:
            raise errors.AlreadyPenalized
        self._custodians.slash(custodian, reporter)
        self.penalized[custodian, id] = u32(self._anchors.epoch())
