"""Events of Authorities."""

from __future__ import annotations

from btt_chain.scale import u8, u32
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf
from runtime.pallets.authorities.types import SessionIndex


class Bonded(Event, index=0):
    """`amount` planck were added to a bond."""

    stash: AccountIdOf
    amount: BalanceOf


class Unbonded(Event, index=1):
    """A part of a bond was unbonded; it can be withdrawn from `session` on."""

    stash: AccountIdOf
    amount: BalanceOf
    session: SessionIndex


class Withdrawn(Event, index=2):
    """Unbonded money was released to the stash's free balance."""

    stash: AccountIdOf
    amount: BalanceOf


class CandidateAdded(Event, index=3):
    """A stash became a candidate for election."""

    stash: AccountIdOf


class Chilled(Event, index=4):
    """A stash is no longer a candidate for election."""

    stash: AccountIdOf


class Displaced(Event, index=5):
    """The list was full, and a new candidate displaced the one with the least bond."""

    stash: AccountIdOf
    by: AccountIdOf


class Elected(Event, index=6):
    """`validators` validators were elected, for `session` and later ones."""

    session: SessionIndex
    validators: u32


class TooFewCandidates(Event, index=7):
    """An election failed because only `found` could be elected; the old set stays."""

    session: SessionIndex
    found: u32


class Slashed(Event, index=8):
    """`amount` planck of a bond went to the treasury for an offence."""

    validator: AccountIdOf
    amount: BalanceOf


class MinimumBondSet(Event, index=9):
    """The minimum bond of a candidate was changed."""

    amount: BalanceOf


class ValidatorCountSet(Event, index=10):
    """The number of validators to elect was changed."""

    count: u32


class Absent(Event, index=11):
    """A validator made no block in its own slots, and is no longer a candidate."""

    stash: AccountIdOf


class WeightsPlanned(Event, index=12):
    """The shares of blocks of a session were planned.

    `work_part` of 10^9 parts go by work; `capped` operators are at the cap.
    """

    session: SessionIndex
    work_part: u32
    capped: u8


class WorkFactorSet(Event, index=13):
    """The factor by which the value of work is compared with bonds was changed."""

    factor: u32
