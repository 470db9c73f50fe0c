"""Events of HealthRecords."""

from __future__ import annotations

from btt_chain.primitives.digest import H256
from btt_chain.scale import u32
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf, SlotOf
from runtime.pallets.health_records.types import BatchKind, Terms


class Anchored(Event, index=0):
    """A custodian anchored the root of an epoch."""

    custodian: AccountIdOf
    kind: BatchKind
    epoch: u32
    root: H256
    leaves: u32


class Revoked(Event, index=1):
    """A consent was revoked: the secret of its handle was published."""

    handle: H256
    expires: SlotOf


class SchemaRegistered(Event, index=2):
    """A schema of records was registered, by its hash."""

    id: u32
    schema: H256


class Slashed(Event, index=3):
    """A custodian broke a promise; a half goes to the reporter, a half is burned."""

    custodian: AccountIdOf
    reporter: AccountIdOf
    amount: BalanceOf


class CustodianRegistered(Event, index=4):
    """A facility became a custodian; its bond is on hold."""

    custodian: AccountIdOf
    bond: BalanceOf


class BondAdded(Event, index=5):
    """A custodian added to its bond."""

    custodian: AccountIdOf
    bond: BalanceOf


class Leaving(Event, index=6):
    """A custodian left; its bond can be withdrawn later."""

    custodian: AccountIdOf
    until: SlotOf


class Withdrawn(Event, index=7):
    """A custodian that left withdrew its bond."""

    custodian: AccountIdOf
    bond: BalanceOf


class Demanded(Event, index=8):
    """A proof was demanded that a promise was kept."""

    id: H256
    custodian: AccountIdOf
    due: u32


class Answered(Event, index=9):
    """A custodian gave the proof that was demanded."""

    id: H256
    custodian: AccountIdOf


class TermsSet(Event, index=10):
    """Bonds and fees were changed."""

    terms: Terms
