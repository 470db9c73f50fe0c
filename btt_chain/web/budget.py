"""Budgets of processor time: the cost of a caller's requests, over time.

An account has two buckets. `work` pays for everything; `waste` pays again for useless requests (no
JSON, unknown method, invalid arguments, calls refused or over their time), of which an honest
client sends few. A bucket may go below zero, because the price of a request is known only
afterwards; the debt must be refilled before the next request is read.

Both the connection and the address have an account. Pure: times come in as arguments.
"""

from __future__ import annotations

from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.token_bucket import TokenBucket
from btt_chain.web.rates import ByAddress

BYTES_PER_SECOND: Final = 50e6
"""Price of transport: receiving, copying and sending bytes, in bytes per second of processor."""

SHARED_DELAY: Final = 0.1
"""Maximum seconds by which the debts of other local callers delay a caller."""

MIN_WORK: Final = 0.5
"""Minimum seconds that a new local connection may spend, regardless of the debts of others."""
MIN_WASTE: Final = 0.05
"""The same for useless requests."""

ACCOUNTS: Final = 4_096
"""Maximum number of addresses with an account; the one unused longest is dropped."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Seconds of processor time per second, and the maximum that is saved up."""

    share: float
    saved: float


class Bucket(TokenBucket):
    """Remaining seconds of processor time; below zero they are owed."""

    __slots__ = ()

    def __init__(self, rate: Rate, now: float) -> None:
        super().__init__(rate.share, rate.saved, now)

    def part_of(self, other: Bucket, minimum: float, now: float) -> None:
        """Begin with no more than another bucket has left, but with at least `minimum`."""
        self.level = min(self.level, max(other.refill(now), minimum))

    def spent(self, now: float) -> float:
        """Return the seconds spent that are not refilled yet."""
        return self.burst - self.refill(now)

    def wait(self, now: float) -> float:
        """Return the seconds until nothing is owed, 0 if nothing is."""
        owed = -self.refill(now)
        return owed / self.rate if owed > NOTHING else 0.0


class CostAccount:
    """The budget of one connection, or of one address."""

    __slots__ = ("_waste", "_work", "may_owe")

    def __init__(self, work: Rate, waste: Rate, now: float) -> None:
        self.may_owe = False
        """False if nothing was owed after the last charge, so that nothing is owed now."""
        self._work = Bucket(work, now)
        self._waste = Bucket(waste, now)

    def part_of(self, address: CostAccount, now: float) -> None:
        """Begin with the remaining budget of the address: a new connection is not a new budget."""
        self._work.part_of(address._work, MIN_WORK, now)
        self._waste.part_of(address._waste, MIN_WASTE, now)

    def charge(self, seconds: float, now: float, *, is_waste: bool = False) -> None:
        """Charge the cost of a request."""
        work = self._work.spend(now, seconds)
        waste = self._waste.spend(now, seconds) if is_waste else self._waste.refill(now)
        self.may_owe = min(work, waste) < -NOTHING

    def wait(self, now: float) -> float:
        """Return the seconds until the next request may be processed."""
        return max(self._work.wait(now), self._waste.wait(now))

    def spent(self, now: float) -> float:
        """Return the seconds of work spent recently."""
        return self._work.spent(now)

    def is_wasteful(self, now: float) -> bool:
        """Return True if more was wasted than is tolerated."""
        return self._waste.wait(now) > 0


NOTHING: Final = 1e-6
"""Seconds of debt that are due to the rounding of floats, not to a caller."""

UNLIMITED: Final = Rate(1.0, 1e9)


@dataclass(frozen=True, slots=True)
class Rates:
    """Budgets of one kind of caller."""

    connection: Rate
    address: Rate
    waste: Rate
    """Budget for useless requests; of the connection and of the address alike."""

    def account(self, now: float) -> CostAccount:
        """Return the account of a new connection."""
        return CostAccount(self.connection, self.waste, now)


EXTERNAL: Final = Rates(Rate(0.1, 2.0), Rate(0.2, 3.0), Rate(0.02, 0.3))
"""Budgets of callers from other machines."""
LOCAL: Final = Rates(Rate(0.8, 10.0), Rate(0.8, 10.0), Rate(0.1, 0.5))
"""Budgets of callers on this machine, which share one address."""


class Accounts(ByAddress[CostAccount]):
    """The accounts of addresses, which outlive connections."""

    def __init__(self, rates: Rates, limit: int = ACCOUNTS) -> None:
        super().__init__(lambda now: CostAccount(rates.address, rates.waste, now), limit)


class Bill:
    """The accounts that pay for the requests of a caller: its own, and that of its address.

    Local callers share an address with the operator, whom none of them may lock out: the debts of
    the address delay each of them by at most `SHARED_DELAY`.
    """

    __slots__ = ("_address", "_is_shared", "_own")

    def __init__(self, own: CostAccount | None, address: CostAccount, *, is_shared: bool) -> None:
        """`own` is None for requests that a proxy sends for many callers over one connection."""
        self._own = own
        self._address = address
        self._is_shared = is_shared

    @classmethod
    def unlimited(cls) -> Bill:
        """Return a bill without limits."""
        return cls(None, CostAccount(UNLIMITED, UNLIMITED, 0.0), is_shared=False)

    def charge(self, seconds: float, now: float, *, is_waste: bool = False) -> None:
        """Charge the accounts for a request."""
        self._address.charge(seconds, now, is_waste=is_waste)
        if self._own is not None:
            self._own.charge(seconds, now, is_waste=is_waste)

    @property
    def is_free(self) -> bool:
        """True if neither account may owe, so that the next request need not wait."""
        return not (self._address.may_owe or (self._own is not None and self._own.may_owe))

    def wait(self, now: float) -> float:
        """Return the seconds until the accounts allow the next request."""
        own = 0.0 if self._own is None else self._own.wait(now)
        return own if self._is_shared else max(own, self._address.wait(now))

    def delay(self, now: float) -> float:
        """Return the seconds by which the debts of other callers delay a request, in any case."""
        return min(self._address.wait(now), SHARED_DELAY) if self._is_shared else 0.0

    def spent(self, now: float) -> float:
        """Return the seconds of work that the caller spent recently, for its place in the queue."""
        return (self._own or self._address).spent(now)

    def is_wasteful(self, now: float) -> bool:
        """Return True if the caller wasted more than is tolerated."""
        return (self._own or self._address).is_wasteful(now)
