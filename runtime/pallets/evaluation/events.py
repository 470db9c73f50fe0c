"""Events of Evaluation."""

from __future__ import annotations

from btt_chain.scale import u32
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf, BlockNumber, HashOf
from runtime.pallets.evaluation.types import PartIndex, RunIndex, SetId


class SetAdded(Event, index=0):
    """A facility added a labelled set; its bond is on hold."""

    set: SetId
    owner: AccountIdOf
    items: u32


class SetRetired(Event, index=1):
    """A set takes no more runs; its owner may remove it from slot `removable` on."""

    set: SetId
    removable: BlockNumber


class SetRevoked(Event, index=2):
    """A decision found the labels of a set wrong; its bond was burned."""

    set: SetId
    burned: BalanceOf


class SetRemoved(Event, index=3):
    """A retired set was removed, and its bond released."""

    set: SetId


class Requested(Event, index=4):
    """The owner of a model asked for its measurement on a set."""

    run: RunIndex
    model: HashOf
    set: SetId


class Reported(Event, index=5):
    """The answers of a part were reported; the reporter's bond is on hold."""

    run: RunIndex
    part: PartIndex
    reporter: AccountIdOf
    job: HashOf


class ReportRefuted(Event, index=6):
    """An answer of a part was proven wrong: the part can be reported again.

    Half of the bond was paid to `by`, the rest burned; all of it if that is the reporter.
    """

    run: RunIndex
    part: PartIndex
    item: u32
    reporter: AccountIdOf
    by: AccountIdOf


class Measured(Event, index=7):
    """A run ended with a record; the bonds of its reports were released."""

    run: RunIndex
    model: HashOf
    set: SetId
    skill: bool


class RunFailed(Event, index=8):
    """A run ended without a record; the bonds of its reports were released."""

    run: RunIndex
    model: HashOf
    set: SetId
