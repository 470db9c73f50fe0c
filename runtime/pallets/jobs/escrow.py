"""Escrows: the money of jobs, from posting to payment.

Invariant: the escrow of a job is what its provider, its verifiers, the pools, the burn and its
requester receive in the end. The chain's own jobs have no escrow: `Mining.Carry` pays them, as far
as it is not promised to others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.frame import Component, Reason, Value
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.jobs.store import JobRules
from runtime.pallets.jobs.types import Job, Payer
from runtime.pallets.mining.pallet import Mining
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import split_compute


class Payment(NamedTuple):
    """The parts of an escrow that was paid, in planck."""

    provider: u128
    fees: int
    """Burn, development fund, Foundation and reserve together."""
    verification: int
    returned: int
    development: int = 0
    """The development fund's part of the fees."""


class Escrows(Component):
    """Amounts on hold for open jobs, and those promised from the unallocated emission."""

    _currency: Balances
    _payer: Payer
    _mining: Mining
    _reason: Reason
    _rules: JobRules

    escrowed = Value(u128, default=u128(0))
    """Sum of the amounts on hold for open jobs."""
    promised = Value(u128, default=u128(0))
    """Maximum cost of the chain's open jobs, verifiers included; `Mining.Carry` must cover it."""

    def open(self, job: Job) -> None:
        """Hold the money of a job, or promise the cost of a job of the chain."""
        if job.requester is None:
            self.promised.value += job.promise
            return
        self._currency.hold(self._reason, job.requester, u128(job.escrow))
        self.escrowed.value += job.escrow

    def promise_more(self, job: Job, amount: int) -> None:
        """Raise what a job of the chain may cost for its verifiers."""
        self.promised.value += amount
        job.verification = job.verification + u128(amount)

    def close(self, job: Job) -> None:
        """Remove the amounts of a job that ended from the sums."""
        self.escrowed.value -= job.escrow
        self.promised.value -= job.promise

    def has_room(self, amount: int) -> bool:
        """Return True if `Mining.Carry` could pay `amount` besides what is promised."""
        return int(self.promised.value) + amount <= self._mining.emission_now().protocol_room

    def fee_of(self, job: Job) -> int:
        """Return the fee of one verifier for a receipt of a job, in planck."""
        return int(job.verification) // self._rules.committee

    def pay(self, job: Job, voters: Sequence[AccountId]) -> Payment | None:
        """Pay provider and verifiers; None if the emission cannot pay for a job of the chain."""
        if job.requester is None:
            return self._pay_from_emission(job, voters)
        price = int(job.price)
        split = split_compute(price, int(self._payer.threshold()))
        earner = ((job.assignee, split.contributors),)
        self._payer.take_held(self._reason, job.requester, split, BurnReason.Compute, earner)
        verification = self.pay_voters(job, voters)
        returned = job.escrow - price - verification
        self._return(job, returned)
        paid = split.contributors
        development = int(split.development)
        return Payment(paid, price - int(paid), verification, returned, development)

    def refund(self, job: Job, voters: Sequence[AccountId], *, burned: int) -> tuple[int, int]:
        """Return the escrow but for `burned` and the fees of `voters`.

        Returns the sum of these fees, and the amount returned.
        """
        verification = self.pay_voters(job, voters)
        returned = job.escrow - burned - verification
        if job.requester is not None:
            self._payer.destroy_held(
                self._reason, job.requester, u128(burned), BurnReason.Slash, force=True
            )
        self._return(job, returned)
        return verification, returned

    def pay_voters(self, job: Job, voters: Sequence[AccountId]) -> int:
        """Pay verifiers out of the escrow; return their total."""
        fee = self.fee_of(job)
        if job.requester is None or not fee:
            return 0
        for voter in voters:
            self._payer.pay_held(self._reason, job.requester, voter, u128(fee))
        return fee * len(voters)

    def _return(self, job: Job, amount: int) -> None:
        if job.requester is not None:
            self._currency.release(self._reason, job.requester, u128(amount))

    def _pay_from_emission(self, job: Job, voters: Sequence[AccountId]) -> Payment | None:
        fee = self.fee_of(job)
        whole = int(job.price) + fee * len(voters)
        if whole > self._mining.emission_now().protocol_room:
            return None
        self._mining.spend_unallocated(job.assignee, job.price)
        for voter in voters:
            self._mining.spend_unallocated(voter, u128(fee))
        return Payment(job.price, 0, fee * len(voters), 0)
