"""Errors of Tokenomics."""

from __future__ import annotations

from runtime.frame import Error


class PoolExhausted(Error, index=0):
    """The pool has too little money; ask for less, or wait until it has more."""


class ReleaseCeilingReached(Error, index=1):
    """The amount exceeds the year's release ceiling; ask for less, or wait for the next one."""


class ReserveLocked(Error, index=2):
    """No part of the reserve is unlocked now; that needs a referendum."""


class CapExceeded(Error, index=3):
    """The amount exceeds the unlocked part of the reserve, or the reserve; ask for less."""


class MilestoneUnknown(Error, index=4):
    """The programme or milestone does not exist; look it up in `Programmes`."""


class AlreadyAttested(Error, index=5):
    """The milestone or link is already attested or confirmed; no further step is needed."""


class TriggerNotMet(Error, index=6):
    """The milestone is not reached; the burn can be executed once it is."""


class AlreadyBurned(Error, index=7):
    """The burn of that milestone has been executed; it happens only once."""


class Paused(Error, index=8):
    """Discretionary releases are paused; try again from `DiscretionaryPausedUntil` on."""


class NotDiscretionary(Error, index=9):
    """The pool has no discretionary payments; it pays only by the rules of its own pallet."""


class NothingToClaim(Error, index=10):
    """Everything released of the programme is paid; wait for a month or a milestone."""


class NotAttested(Error, index=11):
    """The Foundation has not attested the milestone, or its attestation is not pending."""


class WindowClosed(Error, index=12):
    """The objection window has passed; the milestone counts."""


class PoolClosed(Error, index=13):
    """The pool takes no money from there; for the staking pool use `tierStaking.topUp`."""


class ExpiryPassed(Error, index=14):
    """The expiry is not after the current slot; choose a later one."""


class NoTraffic(Error, index=15):
    """No money has crossed a bridge to another chain; its traffic is the proof of the link."""


class NoSeat(Error, index=16):
    """The Foundation has no seat at the treasury; look it up under `TreasurySeat`."""
