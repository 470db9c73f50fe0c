"""Planted errors: receipts that are wrong on purpose, as a test of verifiers.

A provider's own randomness decides which of its receipts have one. It reveals the error after the
votes; a new committee checks the right roots. Once these are accepted, verifiers that approved a
wrong item pay the finders and the requester, through a pool account.
"""

from __future__ import annotations

from typing import NamedTuple

from btt_chain.crypto.vrf import Vrf
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u128
from btt_chain.work import ids
from btt_chain.work.errors import ProofRefused
from btt_chain.work.merkle import Opening, check_opening
from runtime.frame import Component, Constant
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.providers.engagements import Engagements
from runtime.pallets.receipts import errors, events
from runtime.pallets.receipts.constants import (
    PLANTED_ERROR_BPS,
    PLANTED_ERROR_GAIN,
    PLANTED_ERROR_LOSS,
    PLANTED_ERROR_POOL,
    Rules,
)
from runtime.pallets.receipts.records import Case, Records
from runtime.pallets.receipts.tally import found_valid, found_wrong
from runtime.pallets.receipts.types import JobLedger, Phase, PlantedError, Receipt
from runtime.pallets.receipts.verifiers import VerifierBonds
from runtime.splits import BPS, ceil_div


class Disclosure(NamedTuple):
    """A provider's claim that its receipt has a planted error."""

    pre_output: bytes
    proof: bytes
    """VRF proof that the receipt had to have one (`ids.planted_error_input`)."""
    item_root: H256
    output_root: H256
    """The right roots."""
    salt: H256


class PlantedErrors(Component):
    """Disclosure of planted errors, and the payments for them."""

    planted_error_loss = Constant(u32(PLANTED_ERROR_LOSS))
    """Penalty of a verifier that found a planted error valid, as a multiple of its fee."""
    planted_error_gain = Constant(u32(PLANTED_ERROR_GAIN))
    """Reward shared by the verifiers that found a planted error, as a multiple of the fee."""
    planted_error_share = Constant(u32(PLANTED_ERROR_BPS))
    """Compensation of the requester for the delay by a planted error, in basis points of the price,
    paid while the pool account of such penalties lasts."""

    _records: Records
    _bonds: VerifierBonds
    _rules: Rules
    _vrf: Vrf
    _currency: Balances
    _providers: Engagements
    _jobs: JobLedger

    def disclosed(self, who: AccountId, id: H256, claim: Disclosure) -> tuple[Case, PlantedError]:
        """Check a disclosure by `who`; return the receipt and its planted error, changing nothing.

        Raises NotAllowed, WrongPhase or NoPlantedError.
        """
        case = self._records.case(id)
        receipt = case.receipt
        if who != receipt.provider:
            raise errors.NotAllowed
        if receipt.phase is not Phase.Disclosing:
            raise errors.WrongPhase
        info = self._providers.info(receipt.provider)
        commitment = ids.planted_error_commit(claim.item_root, claim.output_root, claim.salt)
        if info is None or commitment != receipt.planted_error_commit:
            raise errors.NoPlantedError
        vrf_input = ids.planted_error_input(case.job.seed)
        randomness = self._vrf.verify(info.vrf, vrf_input, claim.pre_output, claim.proof)
        if randomness is None or not ids.plants_error(randomness, self._rules.planted_error_ppm):
            raise errors.NoPlantedError
        return case, PlantedError(
            receipt.item_root,
            [(seat.verifier, seat.rho) for seat in found_valid(receipt.seats)],
            [seat.verifier for seat in found_wrong(receipt.seats)],
        )

    def expose(self, id: H256, before: Opening, after: Opening) -> None:
        """Show wrong items that verifiers found valid; see `Receipts.expose_voters`."""
        case = self._records.case(id)
        receipt, planted = case.receipt, case.receipt.planted_error
        if planted is None:
            raise errors.NoPlantedError
        if receipt.phase is Phase.Ended:
            raise errors.TooLate
        try:
            check_opening(before, planted.item_root, case.items)
            check_opening(after, receipt.item_root, case.items)
        except ProofRefused:
            raise errors.LeafRefused from None
        was, right = (
            {int(leaf.index): leaf.data for leaf in one.leaves} for one in (before, after)
        )
        if list(was) != list(right) or any(was[at] == right[at] for at in was):
            raise errors.LeafRefused
        exposed = [
            who
            for who, rho in planted.valid
            if who not in planted.lazy
            and any(item in was for item in ids.sample(rho, case.items, case.sample))
        ]
        if not exposed:
            raise errors.NoSuchLeaf
        for who in exposed:
            planted.lazy.append(who)
            self.deposit(events.VoterExposed(id, who))
        self._records.store(case)

    def settle(self, case: Case) -> None:
        """Slash verifiers that accepted a planted error; pay its finders and the requester."""
        planted, job = case.receipt.planted_error, self._jobs.job(case.receipt.job)
        if planted is None or job is None:
            return
        fee = self._jobs.fee_of(job)
        for who in planted.lazy:
            self._bonds.slash(
                case.id, who, PLANTED_ERROR_LOSS * fee, PLANTED_ERROR_POOL, whole=True
            )
        due = [(job.requester, ceil_div(int(job.price) * PLANTED_ERROR_BPS, BPS))]
        due += [(who, PLANTED_ERROR_GAIN * fee // len(planted.finders)) for who in planted.finders]
        for to, amount in due:
            left = int(self._currency.reducible_balance(PLANTED_ERROR_POOL, keep_alive=True))
            if to is not None and 0 < amount <= left:
                self._currency.transfer(PLANTED_ERROR_POOL, to, u128(amount))


def voters_on(receipt: Receipt) -> list[AccountId]:
    """Return the voters on a revealed planted error: their bonds stay liable until the end."""
    planted = receipt.planted_error
    return [] if planted is None else [*(who for who, _ in planted.valid), *planted.finders]
