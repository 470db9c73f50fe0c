"""Runtime API of the four chambers and their votes.

Times are slots since genesis, parts are in billionths; powers are in each chamber's own unit. No
method iterates over accounts.
"""

from __future__ import annotations

from typing import Annotated

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import Perbill
from btt_chain.primitives.meaning import BILLIONTHS, SLOT, ByMember
from btt_chain.scale import path, u16, u32, u64, u128
from runtime.frame.api import PalletOf, RuntimeApi
from runtime.pallets.chambers.formulas import OBJECTION_WEIGHT, Chamber
from runtime.pallets.chambers.pallet import Chambers
from runtime.pallets.chambers.polls import views
from runtime.pallets.chambers.types import ChamberView, ElectionView, StateView
from runtime.pallets.referenda.pallet import Referenda
from runtime.pallets.referenda.types import Ongoing, ReferendumStatus, Track
from runtime.pallets.tokenomics.pallet import Tokenomics
from runtime.pallets.tokenomics.types import Milestone, MilestoneStatus


@path("btt_runtime::governance::PollView")
@dataclass(slots=True)
class PollView:
    """The votes of an ongoing referendum, by chamber."""

    poll: u32
    year: u32
    """Label of the year of the weights."""
    frozen: bool
    """True if weights and electorates are those of the decision's start; else of the first vote."""
    chambers: list[ChamberView]
    approval: Annotated[u32, BILLIONTHS]
    approval_needed: Annotated[u32, BILLIONTHS]
    """Current threshold, to be exceeded."""
    participation: Annotated[u32, BILLIONTHS]
    participation_needed: Annotated[u32, BILLIONTHS]
    """Current threshold, to be reached."""
    passing: bool
    """True if both thresholds are passed now."""


@path("btt_runtime::governance::MilestoneView")
@dataclass(slots=True)
class MilestoneView:
    """A milestone of a programme, and the objections to it."""

    milestone: Milestone
    until: Annotated[u64, SLOT] | None
    """End of the objection window, in slots; None if it is not attested."""
    counts: bool
    """True if it is confirmed, or was attested and not stopped in time."""
    objected: u128
    """Weight of the objections, in billionths of a part of 7,000."""
    needed: u128
    """Weight of objections that stops it."""


class ChambersApi(RuntimeApi, version=1):
    """The four chambers, always in the order institutions, compute, holders, community."""

    _chambers = PalletOf(Chambers)

    def weights(self, year: u32) -> Annotated[list[u32], ByMember(Chamber)]:
        """Return the weights of a year by its label, of 7,000; the first is 2025."""
        return [u32(weight) for weight in self._chambers.schedule.weights_of(int(year))]

    def state(self) -> StateView:
        """Return the current state of the chambers."""
        return self._chambers.state_view()

    def election(self) -> ElectionView:
        """Return the current election of representatives."""
        return self._chambers.elections.view()

    def power(
        self, account: AccountId, locked: u128 | None
    ) -> Annotated[list[u128], ByMember(Chamber)]:
        """Return an account's power by chamber if it locks `locked` planck; None: its total."""
        chambers = self._chambers
        planck = chambers.currency.total(account) if locked is None else locked
        return [u128(power) for power in chambers.powers.of(account, int(planck))]

    def tally(self, poll: u32) -> PollView | None:
        """Return the votes of a referendum; None if it is over or has no votes yet."""
        runtime = self._runtime
        info = runtime.pallet(Referenda).referendum_info_for.get(poll)
        record = self._chambers.polls.polls.get(poll)
        if record is None or not isinstance(info, Ongoing):
            return None
        status, details = info.status, self._track(info.status.track)
        part = self._part_over(status, details)
        approval = self._chambers.polls.approval(poll, status.track, status.tally)
        support = self._chambers.polls.support(poll, status.track, status.tally)
        needed = details.min_approval.threshold(part), details.min_support.threshold(part)
        return PollView(
            poll=poll,
            year=u32(record.year),
            frozen=record.frozen,
            chambers=views(record),
            approval=u32(approval),
            approval_needed=u32(needed[0]),
            participation=u32(support),
            participation_needed=u32(needed[1]),
            passing=approval >= needed[0] and support >= needed[1],
        )

    def milestones(self, programme: u32) -> list[MilestoneView]:
        """Return the milestones of a programme of the Foundation, with the objections to them."""
        programmes = self._runtime.pallet(Tokenomics).programmes
        record, now = programmes.programmes.get(programme), self._chambers.clock.now()
        window, objections = programmes.objection_window, self._chambers.objections
        views = []
        for index, item in enumerate([] if record is None else record.milestones):
            attested = item.status is MilestoneStatus.Attested
            until = u64(int(item.since) + window) if attested else None
            views.append(
                MilestoneView(
                    milestone=item,
                    until=until,
                    counts=item.status is MilestoneStatus.Confirmed
                    or (until is not None and until <= now),
                    objected=u128(
                        objections.objected(programme, u32(index), item.since) if attested else 0
                    ),
                    needed=u128(OBJECTION_WEIGHT),
                )
            )
        return views

    def _track(self, track: u16) -> Track:
        return dict(self._runtime.pallet(Referenda).tracks)[track]

    def _part_over(self, status: ReferendumStatus, details: Track) -> int:
        if status.deciding is None:
            return 0
        passed = self._chambers.clock.now() - int(status.deciding.since)
        return int(Perbill.from_rational(passed, max(1, int(details.decision_period))))
