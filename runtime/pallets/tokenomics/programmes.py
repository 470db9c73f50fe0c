"""The Foundation's programmes, released by time and milestones.

A milestone is open, then attested by the Foundation; it counts when it is confirmed, or when the
objection window has passed without an objection:

    Open -> Attested -> Confirmed
               |  ^         ^
               v  |         |
             Objected ------+
"""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u64, u128
from runtime.accounts import FOUNDATION_PROGRAMMES, pool_account
from runtime.frame import Component, GenesisError, Hasher, Map, Value
from runtime.frame.traits import Clock
from runtime.pallets.tokenomics import errors, events
from runtime.pallets.tokenomics.config import Config
from runtime.pallets.tokenomics.formulas import is_open, milestone_cap, settled, time_cap
from runtime.pallets.tokenomics.ledger import PoolLedger
from runtime.pallets.tokenomics.payments import Payments
from runtime.pallets.tokenomics.releases import ReleaseControl
from runtime.pallets.tokenomics.types import Milestone, MilestoneStatus, Programme


class Programmes(Component):
    """Programmes, the state of their milestones, and payments to the Foundation."""

    releases: ReleaseControl
    payments: Payments
    clock: Clock
    slot_ms: int
    objection_window: int
    foundation: Value[AccountId]

    programmes = Map(u32, Programme, hasher=Hasher.Twox64Concat)
    """The Foundation's programmes, numbered from zero."""

    def open(self, config: Config, ledger: PoolLedger) -> None:
        """Store the programmes of the genesis block.

        Raises GenesisError if one has no payee, or an amount that is not the balance of its pool.
        """
        for number, (place, programme) in enumerate(config.programmes):
            if config.foundation is None:
                raise GenesisError(f"{place}: a programme, but no foundation to pay it to")
            account = pool_account(programme.pool)
            if account not in FOUNDATION_PROGRAMMES:
                raise GenesisError(f"{place}.pool: a programme lies in btt/fnd1 to btt/fnd4")
            held = ledger.currency.total(account)
            if programme.amount != held:
                raise GenesisError(
                    f"{place}.amount: expected {held}, what lies in its pool, "
                    f"found {programme.amount}"
                )
            self.programmes[u32(number)] = programme

    # ---- public interface: milestones

    def attest(self, programme: u32, index: u32, evidence: H256) -> None:
        """Record the Foundation's attestation of a milestone.

        Raises MilestoneUnknown, and AlreadyAttested.
        """
        record, item = self._milestone(programme, index)
        if item.status in {MilestoneStatus.Attested, MilestoneStatus.Confirmed}:
            raise errors.AlreadyAttested
        # Later than an attestation that was stopped in this slot: objections are to one of them.
        stopped = item.status is MilestoneStatus.Objected
        since = u64(max(self.clock.now(), int(item.since) + stopped))
        item.status, item.evidence, item.since = MilestoneStatus.Attested, evidence, since
        self.programmes[programme] = record
        until = u64(int(since) + self.objection_window)
        self.deposit(events.MilestoneAttested(programme, index, evidence, until))

    def object_to(self, programme: u32, index: u32) -> None:
        """Record an objection to an attested milestone.

        Raises MilestoneUnknown, NotAttested and WindowClosed.
        """
        self.expect_pending(programme, index)
        record, item = self._milestone(programme, index)
        # Never earlier than the attestation: a further one in this slot must be later than both.
        since = max(self.clock.now(), int(item.since))
        item.status, item.since = MilestoneStatus.Objected, u64(since)
        self.programmes[programme] = record
        self.deposit(events.MilestoneObjected(programme, index))

    def confirm(self, programme: u32, index: u32) -> None:
        """Confirm an attested milestone, even after an objection.

        Raises MilestoneUnknown, AlreadyAttested and NotAttested.
        """
        record, item = self._milestone(programme, index)
        if item.status is MilestoneStatus.Confirmed:
            raise errors.AlreadyAttested
        if item.status is MilestoneStatus.Open:
            raise errors.NotAttested
        item.status, item.since = MilestoneStatus.Confirmed, u64(self.clock.now())
        record.done_bps += item.bps
        self.programmes[programme] = record
        self.deposit(events.MilestoneConfirmed(programme, index))

    def expect_pending(self, programme: u32, index: u32) -> tuple[u64, u64]:
        """Return the slot of an attestation, and the end of its objection window.

        Raises MilestoneUnknown, NotAttested and WindowClosed.
        """
        _, item = self._milestone(programme, index)
        if item.status is not MilestoneStatus.Attested:
            raise errors.NotAttested
        if not is_open(item, self.clock.now(), self.objection_window):
            raise errors.WindowClosed
        return item.since, u64(int(item.since) + self.objection_window)

    def pending_since(self, programme: u32, index: u32) -> u64 | None:
        """Return the slot of an attestation that can be objected to now; None if there is none."""
        _, item = self._milestone(programme, index)
        pending = item.status is MilestoneStatus.Attested
        pending = pending and is_open(item, self.clock.now(), self.objection_window)
        return item.since if pending else None

    # ---- public interface: payments

    def claim(self, programme: u32) -> None:
        """Pay the released part of a programme, or as much of it as the release ceiling leaves.

        Raises MilestoneUnknown, Paused, NothingToClaim and ReleaseCeilingReached.
        """
        record = self.programmes.get(programme)
        if record is None:
            raise errors.MilestoneUnknown
        self.releases.ensure_not_paused()
        foundation = self.foundation.get()
        now = self.clock.now()
        confirmed = self._settle(record, now)
        due = self.cap(record, now) - int(record.released_planck)
        if due <= 0 or foundation is None:
            raise errors.NothingToClaim
        due = self.releases.limited(due)
        if not due:
            raise errors.ReleaseCeilingReached
        amount = u128(due)
        self.payments.pay(pool_account(record.pool), foundation, amount, discretionary=True)
        record.released_planck += amount
        self.programmes[programme] = record
        for place in confirmed:
            self.deposit(events.MilestoneConfirmed(programme, u32(place)))
        self.deposit(events.ProgrammeReleased(programme, amount, foundation))

    def cap(self, programme: Programme, now: int) -> int:
        """Return the part of a programme that both time and milestones allow in slot `now`."""
        done = int(programme.done_bps) + sum(
            int(programme.milestones[place].bps)
            for place in settled(programme.milestones, now, self.objection_window)
        )
        by_time = time_cap(programme.amount, programme.months, now * self.slot_ms)
        return min(by_time, milestone_cap(programme.amount, done))

    # ---- internals

    def _milestone(self, programme: u32, index: u32) -> tuple[Programme, Milestone]:
        record = self.programmes.get(programme)
        if record is None or index >= len(record.milestones):
            raise errors.MilestoneUnknown
        return record, record.milestones[index]

    def _settle(self, programme: Programme, now: int) -> list[int]:
        """Confirm the items whose objection window has passed; return their places."""
        places = settled(programme.milestones, now, self.objection_window)
        for place in places:
            item = programme.milestones[place]
            item.status, item.since = MilestoneStatus.Confirmed, u64(now)
            programme.done_bps += item.bps
        return places
