"""Events of Incentives."""

from __future__ import annotations

from btt_chain.scale import u16, u32, u64
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf, HashOf, SlotOf
from runtime.pallets.facilities.types import Size
from runtime.pallets.incentives.types import OptionalRule, Verdict

SomeVerdict = Verdict


class RuleSet(Event, index=0):
    """The rule of an activity was set, or removed."""

    id: u16
    rule: OptionalRule


class Subscribed(Event, index=1):
    """A facility paid `amount` planck for each of the months `first` to `last`."""

    who: AccountIdOf
    size: Size
    first: u32
    last: u32
    amount: BalanceOf


class KeysPublished(Event, index=2):
    """A facility published its keys for a month."""

    who: AccountIdOf
    month: u32


class MonthOpened(Event, index=3):
    """A month began; `reserved` planck of its budget are reserved for its rights."""

    month: u32
    budget: BalanceOf
    reserved: BalanceOf


class MonthClosed(Event, index=4):
    """A facility closed a month with this root and sum of points."""

    who: AccountIdOf
    month: u32
    root: HashOf
    leaves: u32
    points: u64


class MonthSettled(Event, index=5):
    """A month can no longer be closed; `returned` planck went back to the pool."""

    month: u32
    returned: BalanceOf


class AuditsSelected(Event, index=6):
    """The beacon drew the audits of a month; auditors report before slot `until`."""

    month: u32
    beacon: HashOf
    until: SlotOf


class PointsRedeemed(Event, index=7):
    """An account got points for vouchers."""

    who: AccountIdOf
    points: u64


class PointsPaid(Event, index=8):
    """An account exchanged points for BTT."""

    who: AccountIdOf
    points: u64
    amount: BalanceOf


class PartnerPaid(Event, index=9):
    """An account redeemed points for an offer of a partner, which was paid for them."""

    who: AccountIdOf
    partner: AccountIdOf
    points: u64
    offer: HashOf
    amount: BalanceOf


class PointsExpired(Event, index=10):
    """The points of an account expired."""

    who: AccountIdOf
    points: u64


class OfferPlaced(Event, index=11):
    """A partner placed an offer until slot `until`."""

    partner: AccountIdOf
    offer: HashOf
    until: SlotOf
    fee: BalanceOf


class SavingsContributed(Event, index=12):
    """An insurer gave a part of its savings to the pool."""

    who: AccountIdOf
    amount: BalanceOf
    memo: HashOf


class CredentialAttested(Event, index=13):
    """An educator attested a credential."""

    educator: AccountIdOf
    who: AccountIdOf
    credential: HashOf
    hours: u16


class AuditReported(Event, index=14):
    """An auditor reported its verdict."""

    facility: AccountIdOf
    month: u32
    auditor: AccountIdOf
    verdict: SomeVerdict


class AuditFailed(Event, index=15):
    """The first round found a month wrong: its vouchers wait. The facility may answer."""

    facility: AccountIdOf
    month: u32
    until: SlotOf


class AuditAnswered(Event, index=16):
    """A facility requested a second round, of three other auditors."""

    facility: AccountIdOf
    month: u32


class AuditReselected(Event, index=17):
    """The beacon drew the second round of an audit; auditors report before slot `until`."""

    facility: AccountIdOf
    month: u32
    until: SlotOf


class AuditEnded(Event, index=18):
    """An audit ended. If it failed, `slashed` planck of the bond were taken."""

    facility: AccountIdOf
    month: u32
    passed: bool
    slashed: BalanceOf


class AuditorFined(Event, index=19):
    """An auditor was absent, or had failed a month that the second round found right."""

    auditor: AccountIdOf
    amount: BalanceOf


class AuditorEnlisted(Event, index=20):
    """An auditor can be selected for audits."""

    who: AccountIdOf


class AuditorRetired(Event, index=21):
    """An auditor is selected for audits no longer."""

    who: AccountIdOf


class PlacementFeeSet(Event, index=22):
    """The fee of placements a day was set."""

    fee: BalanceOf


class MonthRemoved(Event, index=23):
    """Everything of an expired month was removed."""

    month: u32
