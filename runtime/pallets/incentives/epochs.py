"""The months of facilities: their payments, their keys, their roots, and the points of them.

| state | call or event | next state |
|---|---|---|
| none | `publish_keys`, before the month begins | Open |
| Open | `close_month`, in the first three days of the next month | Closed |
| Open | the three days are over: nothing of it counts | Open |
| Closed | an audit ends without fault | Audited |
| Closed | a round of an audit found a fault | Failed |
| Failed | the second round found none | Audited |

Vouchers count in the states Closed and Audited. Redeemed points never exceed those of the epoch,
nor these the right, whatever keys leak.
"""

from __future__ import annotations

from btt_chain.crypto import rsa_pss
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.evidence_tree import is_tree_size
from btt_chain.scale import u32, u64, u128
from runtime.accounts import HEALTH
from runtime.frame import Component, DoubleMap, Hasher, Map
from runtime.frame.traits import Prices
from runtime.pallets.facilities.pallet import Facilities
from runtime.pallets.facilities.penalties import Penalties
from runtime.pallets.facilities.types import Facility, FacilityState, Kind, Size
from runtime.pallets.incentives import errors, events, formulas
from runtime.pallets.incentives.months import Months
from runtime.pallets.incentives.types import (
    AHEAD_MONTHS,
    PRICE_KEY,
    PROVIDERS,
    Epoch,
    EpochState,
    Group,
    GroupTally,
    Keys,
    MonthPhase,
)
from runtime.pallets.tokenomics.pallet import Tokenomics
from runtime.pallets.tokenomics.types import BurnReason


class Subscriptions(Component):
    """Payments of facilities for months."""

    months: Months
    registry: Facilities
    bonds: Penalties
    prices: Prices
    funds: Tokenomics

    payments = DoubleMap(
        u32, AccountId, u128, hashers=(Hasher.Twox64Concat, Hasher.Blake2_128Concat)
    )
    """Payments of facilities by month, in planck; removed when the month expired."""
    paid_until = Map(AccountId, u32)
    """The last month that a facility paid for."""

    def subscribe(self, who: AccountId, size: Size, count: int) -> None:
        """Pay for the next `count` months that are not paid yet, at the present price of BTT."""
        facility = self.provider(who)
        if size < facility.size:
            raise errors.WrongSize
        current = self.months.current()
        first = max(current, int(self.paid_until.get(who) or u32(0))) + 1
        last = first + count - 1
        if not count or last > current + AHEAD_MONTHS:
            raise errors.TooManyMonths
        amount = formulas.subscription(size, int(self.prices.price(PRICE_KEY)))
        fee = formulas.fee_of(int(amount) * count)
        self.funds.take(who, fee.split, BurnReason.Payfi, [(HEALTH, fee.pool)])
        for month in range(first, last + 1):
            self.payments[u32(month), who] = amount
            self.months.pay(month, amount)
        self.paid_until[who] = u32(last)
        self.deposit(events.Subscribed(who, size, u32(first), u32(last), amount))

    def provider(self, who: AccountId) -> Facility:
        """Return the active facility that may issue points. Raises NotProvider, LowBond, UseIssuer.

        A facility of a sensitive field has no key of its own: an issuer's key says less about the
        patient.
        """
        facility = self.registry.get(who)
        if (
            facility is None
            or facility.kind not in PROVIDERS
            or not self.registry.is_active(who, facility.kind)
        ):
            raise errors.NotProvider
        if facility.sensitive and facility.kind is not Kind.Issuer:
            raise errors.UseIssuer
        if not self.bonds.is_bonded(who):
            raise errors.LowBond
        return facility

    def has_paid(self, who: AccountId, month: int) -> bool:
        """Return True if a facility paid for a month."""
        return (u32(month), who) in self.payments

    def right(self, who: AccountId, month: int) -> u64:
        """Return the points that a facility may issue in a month; final once it has begun."""
        paid = self.payments.get((u32(month), who)) or u128(0)
        value = int(self.months.point_value())
        return u64(formulas.right(int(paid), self.months.get(month), value))


class Epochs(Component):
    """Keys, roots and points of facilities by month."""

    months: Months
    subscriptions: Subscriptions

    epochs = DoubleMap(
        AccountId, u32, Epoch, hashers=(Hasher.Blake2_128Concat, Hasher.Twox64Concat)
    )
    """The months of facilities, until they expire."""
    keys = DoubleMap(AccountId, u32, Keys, hashers=(Hasher.Blake2_128Concat, Hasher.Twox64Concat))
    """The moduli of a facility's month, by denomination; the exponent is 65,537."""
    moduli = Map(H256, u32, hasher=Hasher.Identity)
    """Hashes of facilities with their published moduli, and the months: none is used twice."""
    statistics = DoubleMap(
        u32, Group, GroupTally, hashers=(Hasher.Twox64Concat, Hasher.Twox64Concat)
    )
    """Facilities that closed a month, and their points, by country and kind."""

    # ---- public interface

    def publish(self, who: AccountId, month: int, keys: list[bytes]) -> None:
        """Publish the keys of a month that has not begun."""
        self.subscriptions.provider(who)
        current = self.months.current()
        if month <= current:
            raise errors.TooLate
        if month > current + AHEAD_MONTHS or not self.subscriptions.has_paid(who, month):
            raise errors.NotSubscribed
        if (who, u32(month)) in self.epochs:
            raise errors.AlreadyPublished
        hashes = self._checked(who, keys)
        for known in hashes:
            self.moduli[known] = u32(month)
        self.keys[who, u32(month)] = keys
        self.epochs[who, u32(month)] = Epoch()
        self.deposit(events.KeysPublished(who, u32(month)))

    def close(self, who: AccountId, month: int, root: H256, leaves: u32, points: u64) -> None:
        """Close a month by the root of its evidence, which fixes its points."""
        facility = self.subscriptions.registry.get(who)
        # A suspended facility closes: its patients have earned the points.
        if facility is None or facility.state not in (
            FacilityState.Active,
            FacilityState.Suspended,
        ):
            raise errors.NotProvider
        if month >= self.months.current():
            raise errors.MonthOpen
        record = self.months.get(month)
        if record.phase is not MonthPhase.Closing:
            raise errors.TooLate
        epoch = self.expect(who, month)
        if epoch.state is not EpochState.Open:
            raise errors.AlreadyClosed
        if not is_tree_size(int(leaves)):
            raise errors.BadTree
        right = self.subscriptions.right(who, month)
        if points > right:
            raise errors.OverRight

        epoch.right, epoch.root, epoch.leaves, epoch.points = right, root, leaves, points
        epoch.state = EpochState.Closed
        self.epochs[who, u32(month)] = epoch
        record.outstanding += points
        self.months.months[u32(month)] = record
        group = Group(facility.region, facility.kind)
        tally = self.statistics.get((u32(month), group)) or GroupTally()
        tally.facilities += 1
        tally.points += points
        self.statistics[u32(month), group] = tally
        self.deposit(events.MonthClosed(who, u32(month), root, leaves, points))

    def expect(self, who: AccountId, month: int) -> Epoch:
        """Return a facility's month. Raises NoKeys."""
        epoch = self.epochs.get((who, u32(month)))
        if epoch is None:
            raise errors.NoKeys
        return epoch

    def set_state(self, who: AccountId, month: int, state: EpochState) -> Epoch:
        """Change the state of a facility's month, and return it."""
        epoch = self.expect(who, month)
        epoch.state = state
        self.epochs[who, u32(month)] = epoch
        return epoch

    def end(self, who: AccountId, month: int) -> Epoch:
        """End the vouchers of a failed month: what is not redeemed returns to the pool."""
        epoch = self.expect(who, month)
        self.months.end_points(month, int(epoch.points) - int(epoch.redeemed))
        return epoch

    def remove(self, who: AccountId, month: int) -> None:
        """Remove everything of a facility's month."""
        keys = self.keys.get((who, u32(month)))
        for key in keys or ():
            del self.moduli[modulus_hash(who, key)]
        del self.keys[who, u32(month)]
        del self.epochs[who, u32(month)]

    # ---- internals

    def _checked(self, who: AccountId, keys: list[bytes]) -> list[H256]:
        """Return the hashes of moduli. Raises BadKey unless all are sound, new and different.

        They are compared with those of the same facility only: a rival that copies its keys out of
        the transaction pool cannot keep it from publishing them. Who copies a key cannot sign with
        it, and a voucher names its facility.
        """
        hashes = [modulus_hash(who, key) for key in keys]
        if len(dict.fromkeys(hashes)) < len(hashes):
            raise errors.BadKey
        for key, known in zip(keys, hashes, strict=True):
            try:
                rsa_pss.check_modulus(key)
            except ValueError as error:
                raise errors.BadKey from error
            if known in self.moduli:
                raise errors.BadKey
        return hashes


def modulus_hash(who: AccountId, key: bytes) -> H256:
    """Return the hash under which a modulus of a facility is known."""
    return H256(blake2_256(who + key))
