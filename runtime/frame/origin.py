"""Origins: callers of calls, and filters of what they may call."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.frame.call import Call
from runtime.frame.error import BadOrigin

CallFilter = Callable[[Call], bool]


class OriginKind(Enum):
    """Kinds of origins."""

    ROOT = "root"
    SIGNED = "signed"
    NONE = "none"
    DECIDED = "decided"
    """The decision of a referendum; `decision` is its kind."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The caller. `filters` restrict its calls (a proxy of limited type adds one)."""

    kind: OriginKind
    account: AccountId | None = None
    filters: tuple[CallFilter, ...] = ()
    decision: int | None = None

    def signed(self) -> AccountId:
        """Return the account that signed; raise BadOrigin for any other caller."""
        if self.account is None:
            raise BadOrigin
        return self.account

    def root(self) -> None:
        """Raise BadOrigin unless the caller is Root."""
        if self.kind is not OriginKind.ROOT:
            raise BadOrigin

    def none(self) -> None:
        """Raise BadOrigin unless the call is an inherent or unsigned."""
        if self.kind is not OriginKind.NONE:
            raise BadOrigin

    def filtered(self, allowed: CallFilter) -> Origin:
        """Return the same origin with `allowed` as an additional filter.

        A filter that is already present is not added: nested calls pass all of them.
        """
        if allowed in self.filters:
            return self
        return Origin(self.kind, self.account, (*self.filters, allowed), self.decision)

    def may_call(self, call: Call) -> bool:
        """Return True if every filter allows `call`. Root passes all filters."""
        if not self.filters or self.kind is OriginKind.ROOT:
            return True
        return all(allowed(call) for allowed in self.filters)


class OriginCheck(Protocol):
    """A configured check of an origin, which raises BadOrigin for the others."""

    def __call__(self, origin: Origin) -> None:
        """Raise BadOrigin unless `origin` is allowed."""


ROOT = Origin(OriginKind.ROOT)
NONE = Origin(OriginKind.NONE)


def signed(account: AccountId) -> Origin:
    """Return the origin of a call that `account` signed."""
    return Origin(OriginKind.SIGNED, account)


def decided(decision: int) -> Origin:
    """Return the origin of a call enacted by referenda of kind `decision`."""
    return Origin(OriginKind.DECIDED, decision=decision)


def ensure_not_none(origin: Origin) -> None:
    """Raise BadOrigin for unsigned extrinsics: every other origin passes."""
    if origin.kind is OriginKind.NONE:
        raise BadOrigin


class SpendOrigin(Protocol):
    """Check of spending origins, and their limits."""

    def __call__(self, origin: Origin) -> u128 | None:
        """Return the most that `origin` may approve in one spend period, in planck.

        The limit applies to the sum of all origins that have it; None means no limit. Raises
        BadOrigin for origins that may approve nothing.
        """


def ensure_root(origin: Origin) -> None:
    """Raise BadOrigin unless the caller is Root. See `ensure_decided` for decisions."""
    origin.root()
