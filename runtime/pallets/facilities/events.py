"""Events of Facilities."""

from __future__ import annotations

from btt_chain.scale import u32
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf, HashOf, SlotOf
from runtime.pallets.facilities.types import Bonds, Kind, Size


class Applied(Event, index=0):
    """An account applied to be a facility; its bond is on hold."""

    who: AccountIdOf
    kind: Kind
    bond: BalanceOf


class Confirmed(Event, index=1):
    """A facility was confirmed, and is active."""

    who: AccountIdOf
    kind: Kind


class Refused(Event, index=2):
    """An application was refused, and the bond released."""

    who: AccountIdOf


class Updated(Event, index=3):
    """A facility changed its size and description."""

    who: AccountIdOf
    size: Size
    meta: HashOf


class Leaving(Event, index=4):
    """A facility left; its bond is released in slot `until`."""

    who: AccountIdOf
    until: SlotOf


class Removed(Event, index=5):
    """A facility that left or withdrew its application was removed, and its bond released."""

    who: AccountIdOf
    bond: BalanceOf


class Suspended(Event, index=6):
    """A facility was suspended."""

    who: AccountIdOf


class Reinstated(Event, index=7):
    """The suspension of a facility ended. Its age begins anew."""

    who: AccountIdOf


class HospitalCounted(Event, index=8):
    """A hospital counts for milestones from now on; `count` hospitals do."""

    who: AccountIdOf
    count: u32


class HospitalDropped(Event, index=9):
    """A hospital no longer counts for milestones; `count` hospitals do."""

    who: AccountIdOf
    count: u32


class BondsSet(Event, index=10):
    """The bonds of new facilities were set."""

    bonds: Bonds


class BondChanged(Event, index=11):
    """The bond of a facility is `bond` planck now: a penalty was taken, or it was restored."""

    who: AccountIdOf
    bond: BalanceOf
