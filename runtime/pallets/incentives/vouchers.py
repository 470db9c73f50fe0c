"""Vouchers: each counts once, for the account that is written inside."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.crypto import rsa_pss
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.point_voucher import PointVoucher
from btt_chain.scale import u32
from runtime.frame import Component, DoubleMap, Hasher
from runtime.pallets.incentives import errors
from runtime.pallets.incentives.epochs import Epochs
from runtime.pallets.incentives.months import Months
from runtime.pallets.incentives.points import Points
from runtime.pallets.incentives.types import MAX_EPOCHS, Epoch, EpochState, MonthPhase
from runtime.pallets.system.pallet import System


class Vouchers(Component):
    """Redeemed vouchers."""

    months: Months
    epochs: Epochs
    points: Points
    system: System

    spent = DoubleMap(u32, H256, tuple[()], hashers=(Hasher.Twox64Concat, Hasher.Identity))
    """Hashes of the messages of redeemed vouchers, by month; removed when the month expired."""

    def redeem(self, vouchers: Sequence[PointVoucher]) -> None:
        """Redeem vouchers, each for its own account: all of them, or none.

        Vouchers of one facility's month are counted together, and so are those of one account.
        """
        if not vouchers:
            raise errors.NothingToRedeem
        batch = Batch(self)
        for voucher in vouchers:
            batch.add(voucher)
        batch.store()


class Batch:
    """The vouchers of one call, with the records that they change, each read and written once."""

    def __init__(self, vouchers: Vouchers) -> None:
        self._vouchers = vouchers
        self._genesis = vouchers.system.genesis_hash()
        self._epochs: dict[tuple[AccountId, u32], tuple[Epoch, list[bytes]]] = {}
        self._spent: dict[tuple[u32, H256], None] = {}
        self._redeemed: dict[u32, int] = {}
        self._credits: dict[tuple[AccountId, u32], int] = {}

    def add(self, voucher: PointVoucher) -> None:
        """Check a voucher, and count its points."""
        month = voucher.month
        epoch, keys = self.epoch(voucher.facility, month)
        message = voucher.message(self._genesis)
        id = month, H256(blake2_256(message))
        if id in self._spent or id in self._vouchers.spent:
            raise errors.AlreadySpent
        points = voucher.denomination.points
        if int(epoch.redeemed) + points > epoch.points:
            raise errors.OverRight
        modulus = keys[voucher.denomination]
        if not rsa_pss.verify(modulus, voucher.prefix + message, voucher.signature):
            raise errors.BadSignature
        self._spent[id] = None
        epoch.redeemed += points
        self.count(month, points)
        account = voucher.redeemer, month
        self._credits[account] = self._credits.get(account, 0) + points

    def count(self, month: u32, points: int) -> None:
        """Count redeemed points of a month."""
        self._redeemed[month] = self._redeemed.get(month, 0) + points

    def store(self) -> None:
        """Store the changes, and credit the points."""
        vouchers = self._vouchers
        for id in self._spent:
            vouchers.spent[id] = ()
        for key, (epoch, _) in self._epochs.items():
            vouchers.epochs.epochs[key] = epoch
        months = vouchers.months
        for month, points in self._redeemed.items():
            record = months.get(int(month))
            record.outstanding -= points
            record.committed -= months.worth(points)
            months.months[month] = record
        vouchers.points.credit(self._credits)

    def epoch(self, facility: AccountId, month: u32) -> tuple[Epoch, list[bytes]]:
        """Return a facility's month whose vouchers count, with its keys."""
        known = self._epochs.get((facility, month))
        if known is not None:
            return known
        vouchers = self._vouchers
        if len(self._epochs) == MAX_EPOCHS:
            raise errors.TooManyMonths
        if vouchers.months.is_expired(int(month)):
            raise errors.TooLate
        epoch = vouchers.epochs.expect(facility, int(month))
        if epoch.state is EpochState.Open:
            over = vouchers.months.get(int(month)).phase >= MonthPhase.Settled
            raise errors.TooLate if over else errors.MonthOpen
        if epoch.state is EpochState.Failed:
            raise errors.EpochFailed
        keys = vouchers.epochs.keys[facility, month]
        self._epochs[facility, month] = epoch, keys
        return epoch, keys
