"""Disputes on real money: five arbiters, and short ways to open, answer and judge."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u64, u128
from runtime.constants import BTT
from runtime.frame import ROOT, Reason, signed
from runtime.pallets.payfi.arbiters import BOND
from runtime.pallets.payfi.dispute_types import (
    Accept,
    Contest,
    Dispute,
    DisputeReason,
    Outcome,
    Resolution,
)
from runtime.pallets.payfi.disputes import Disputes
from runtime.pallets.payfi.types import HoldReason
from support.payfi import ALICE, DAY, FOUNDATION, HOUR, INDEX, SHOP, PayFiRuntime

ARBITERS = [AccountId(b"\xa7" + bytes([n]) * 31) for n in range(1, 6)]
EVIDENCE, REPLY = H256(b"\x0e" * 32), H256(b"\x0f" * 32)
ANSWER = 72 * HOUR
JUDGEMENT = 7 * DAY


class Court(PayFiRuntime):
    """A runtime of payments with five arbiters, each an operator of its own."""

    def __init__(self) -> None:
        super().__init__()
        for who in ARBITERS:
            self.balances.transfer(FOUNDATION, who, u128(1_000 * BTT))
            self.people.judged.add(who)
            self.payfi.bond_arbiter(signed(who), BOND)
        self.payfi.set_arbiters(ROOT, ARBITERS)
        self.host.events.clear()

    @property
    def disputes(self) -> Disputes:
        return self.payfi.disputes

    # ---- calls

    def open(self, id: int, amount: int = int(100 * BTT), payer: AccountId = ALICE) -> None:
        self.payfi.dispute(
            signed(payer), u64(id), u128(amount), DisputeReason.NotReceived, EVIDENCE
        )

    def disputed(self, amount: int = int(100 * BTT), *, late: bool = False) -> u64:
        """Pay 100 BTT to the shop, and dispute a part; return the payment."""
        id = self.pay()
        if late:
            self.settle_all()
        self.open(id, amount)
        return id

    def accept(self, id: int, who: AccountId = SHOP) -> None:
        self.payfi.answer(signed(who), u64(id), Accept())

    def contest(self, id: int, who: AccountId = SHOP) -> None:
        self.payfi.answer(signed(who), u64(id), Contest(REPLY))

    def contested(self, amount: int = int(100 * BTT), *, late: bool = False) -> u64:
        """Pay, dispute and contest; return the payment once its panel is selected."""
        id = self.disputed(amount, late=late)
        self.contest(id)
        self.run(3)
        assert self.panel(id)
        return id

    def judge(self, id: int, *answers: int) -> None:
        """Give the answers of the first arbiters of the panel that have not answered."""
        waiting = [seat.arbiter for seat in self.dispute_of(id).seats if seat.answer is None]
        for who, answer in zip(waiting, answers, strict=False):
            self.payfi.resolve(signed(who), u64(id), u128(answer))

    # ---- the state

    def dispute_of(self, id: int) -> Dispute:
        found = self.disputes.disputes.get(u64(id))
        assert found is not None
        return found

    def outcome(self, id: int) -> Outcome:
        outcome = self.dispute_of(id).outcome
        assert outcome is not None
        return outcome

    def resolution(self, id: int) -> Resolution:
        return self.outcome(id).resolution

    def panel(self, id: int) -> Sequence[AccountId]:
        return [seat.arbiter for seat in self.dispute_of(id).seats]

    def deposit_of(self, who: AccountId) -> int:
        return int(self.balances.held(Reason(INDEX, HoldReason.DisputeDeposit), who))

    def arbiter_bond(self, who: AccountId) -> int:
        return int(self.balances.held(Reason(INDEX, HoldReason.ArbiterBond), who))

    def total(self) -> int:
        """Return all money there is; a fee's burn and fines make it less."""
        return int(self.balances.total_issuance.value)
