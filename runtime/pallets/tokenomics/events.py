"""Events of Tokenomics."""

from __future__ import annotations

from btt_chain.scale import u32
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf, HashOf, SlotOf
from runtime.pallets.tokenomics.types import BurnId, BurnReason, CeilingMode, PoolId


class PoolReleased(Event, index=0):
    """A pool made a payment."""

    pool: PoolId
    amount: BalanceOf
    to: AccountIdOf


class ProgrammeReleased(Event, index=1):
    """The Foundation was paid the released part of a programme."""

    programme: u32
    amount: BalanceOf
    to: AccountIdOf


class MilestoneAttested(Event, index=2):
    """The Foundation attested a milestone; objections are possible before `until`."""

    programme: u32
    index: u32
    evidence_hash: HashOf
    until: SlotOf


class MilestoneObjected(Event, index=3):
    """A milestone was objected to: it counts if it is confirmed, or attested again."""

    programme: u32
    index: u32


class ReserveUnlocked(Event, index=4):
    """The reserve's signatories were allowed to spend up to `cap` before slot `expiry`."""

    cap: BalanceOf
    expiry: SlotOf


class ReserveSpent(Event, index=5):
    """The reserve made a payment; `reason_hash` is the hash of its justification."""

    amount: BalanceOf
    to: AccountIdOf
    reason_hash: HashOf


class MilestoneBurned(Event, index=6):
    """A milestone of the project was reached, and its burn executed."""

    id: BurnId
    amount: BalanceOf


class TokensBurned(Event, index=7):
    """Money was destroyed by the chain. Burns by owners emit `Balances.Burned`."""

    who: AccountIdOf
    amount: BalanceOf
    reason: BurnReason


class ReleaseCeilingExceeded(Event, index=8):
    """The sum of releases exceeded the table's amount for the year and all before it."""

    year: u32
    ceiling: BalanceOf
    released: BalanceOf


class PoolToppedUp(Event, index=9):
    """An account gave money to a pool."""

    pool: PoolId
    who: AccountIdOf
    amount: BalanceOf


class MilestoneConfirmed(Event, index=10):
    """A milestone was confirmed, and counts from now on."""

    programme: u32
    index: u32


class DiscretionaryPaused(Event, index=11):
    """Discretionary releases were paused until slot `until`."""

    until: SlotOf


class CeilingModeSet(Event, index=12):
    """The mode of the release ceiling was changed."""

    mode: CeilingMode


class CrossChainAttested(Event, index=13):
    """The chain was attested to be linked to others; the burn for that can be executed."""


class TreasurySeatEnded(Event, index=14):
    """The Foundation's seat at the treasury was ended before its time."""
