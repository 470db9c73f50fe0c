"""A runtime with the four chambers; a test sets stakes, escrows, vesting and identities."""

from __future__ import annotations

from enum import IntEnum

from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u16, u32, u64, u128
from runtime.accounts import TREASURY
from runtime.constants import BTT
from runtime.frame import ROOT, Pallet, Reason, ensure_root, signed
from runtime.pallets.chambers.formulas import Chamber
from runtime.pallets.chambers.pallet import Chambers
from runtime.pallets.chambers.types import SEAT_POWER, Milestones
from runtime.pallets.conviction_voting.types import Conviction, Standard, vote_of
from runtime.pallets.tier_staking.types import StakedMoney
from runtime.pallets.tokenomics import errors
from support.governance import CAROL, Forum

SLOT_MS = 6_000
STAKE_LASTS = 32
"""Days that a stake must last to count by itself."""


class Vault(Pallet):
    """Keeps stakes and escrows on hold."""

    class HoldReason(IntEnum):
        """Why money is on hold."""

        Stake = 0
        Escrow = 1


class Ledger:
    """Stakes, vesting and identities, as a test sets them."""

    def __init__(self, runtime: Assembly) -> None:
        self.runtime = runtime
        self.stakes: dict[AccountId, list[tuple[int, bool, int]]] = {}
        """Planck, whether long, and the slot of its end."""
        self.vesting: dict[AccountId, int] = {}
        self.rows = 0
        """Amount that the contractual rows lock."""
        self.judged: dict[AccountId, AccountId] = {}
        """Operators of verified accounts."""

    def staked(self) -> StakedMoney:
        return self._sum([one for each in self.stakes.values() for one in each])

    def staked_of(self, who: AccountId) -> StakedMoney:
        return self._sum(self.stakes.get(who, []))

    def lasting(self, who: AccountId, slots: int) -> StakedMoney:
        least = self.runtime.clock.slot + slots
        return self._sum([one for one in self.stakes.get(who, []) if one[2] >= least])

    def _sum(self, stakes: list[tuple[int, bool, int]]) -> StakedMoney:
        long = sum(amount for amount, is_long, _ in stakes if is_long)
        return StakedMoney(u128(long), u128(sum(one[0] for one in stakes) - long))

    def verified(self, who: AccountId) -> bool:
        return who in self.judged

    def operator_of(self, account: AccountId) -> AccountId:
        return self.judged.get(account, account)


class Schedules:
    """The vesting of a ledger, by account."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def unvested(self, who: AccountId) -> u128:
        return u128(self.ledger.vesting.get(who, 0))


class Releases:
    """The vesting of all rows of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def unvested(self) -> int:
        return self.ledger.rows


class NoProgrammes:
    """Milestones of a chain without programmes."""

    def expect_pending(self, programme: u32, index: u32) -> tuple[u64, u64]:
        raise errors.MilestoneUnknown

    def pending_since(self, programme: u32, index: u32) -> u64 | None:
        return None

    def object_to(self, programme: u32, index: u32) -> None:
        raise errors.MilestoneUnknown


class Assembly(Forum):
    """A forum whose electorate is the four chambers; a day has 40 slots, or what a test says."""

    milestones: Milestones = NoProgrammes()

    def more(self) -> None:
        self.ledger = Ledger(self)
        self.vault = self.add(61, Vault())
        self.chambers = self.add(
            21,
            Chambers(
                slot_ms=u64(SLOT_MS),
                day_slots=u32(self.day),
                stake_lasts=u32(STAKE_LASTS * self.day),
                term=u32(180 * self.day),
                election=u32(14 * self.day),
                candidacy_deposit=100 * BTT,
                least_backing=BTT,
                pools=(TREASURY,),
                currency=self.balances,
                clock=self.clock,
                stakes=self.ledger,
                vesting=Schedules(self.ledger),
                releases=Releases(self.ledger),
                identities=self.ledger,
                milestones=self.milestones,
                seating_origin=ensure_root,
            ),
        )
        self.hold_polls(self.chambers.polls)

    # ---- what a test arranges

    def seat(self, who: AccountId, btt: int) -> None:
        """Seat an institution."""
        self.chambers.add_institution(ROOT, Id(who), btt * BTT)

    def elect(self, *names: AccountId) -> None:
        """Elect representatives, backed by Carol."""
        self.elect_by(CAROL, *names)

    def elect_by(self, backer: AccountId, *names: AccountId) -> None:
        """Elect representatives."""
        for name in names:
            self.ledger.judged[name] = name
            self.chambers.submit_candidacy(signed(name))
        self.chambers.vote_representative(signed(backer), list(names), BTT)
        self.clock.slot = max(self.clock.slot, self.chambers.elections.due())
        self.tick()
        self.chambers.remove_rep_vote(signed(backer))

    def stake(self, who: AccountId, btt: int, *, long: bool = False, days: int = 400) -> None:
        """Stake for so many days."""
        self.hold(who, btt, Vault.HoldReason.Stake)
        end = self.clock.slot + days * self.day
        self.ledger.stakes.setdefault(who, []).append((btt * BTT, long, end))

    def hold(self, who: AccountId, btt: int, why: Vault.HoldReason) -> None:
        """Put money on hold that no lock leans on."""
        self.balances.hold(Reason(61, why), who, btt * BTT)

    def work(self, who: AccountId, units: int) -> None:
        """Do verified work today."""
        self.chambers.work.note_work(who, units)

    # ---- queries

    def votes(self, index: u32, chamber: Chamber) -> tuple[int, int, int]:
        """Return a chamber's counted votes, in its unit: whole seats in the community."""
        unit = SEAT_POWER if chamber is Chamber.Community else 1
        votes = self.chambers.polls.polls[index].chambers[chamber].votes
        return int(votes.ayes) // unit, int(votes.nays) // unit, int(votes.abstains) // unit

    def holders(self, index: u32) -> tuple[int, int]:
        """Return the holders' ayes and nays in half-BTT."""
        ayes, nays, _ = self.votes(index, Chamber.Holders)
        return ayes // BTT, nays // BTT

    def electorate(self, chamber: Chamber) -> int:
        """Return the electorate of a chamber now."""
        return int(self.chambers.state_view().electorates[chamber])

    def delegate(self, who: AccountId, to: AccountId, btt: int, track: int = 10) -> None:
        """Delegate so many BTT."""
        self.voting.delegate(signed(who), u16(track), Id(to), Conviction.Locked1x, u128(btt * BTT))

    def cast(self, who: AccountId, index: u32, planck: int, *, aye: bool = True) -> None:
        """Vote with so many planck."""
        self.voting.vote(signed(who), index, Standard(vote_of(aye=aye), u128(planck)))
