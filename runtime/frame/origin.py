"""Origins: who is calling, and what may stand in the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from btt_chain.primitives.account import AccountId
from runtime.frame.call import Call
from runtime.frame.error import BadOrigin

CallFilter = Callable[[Call], bool]


class OriginKind(Enum):
    """The ways a call can come in."""

    ROOT = "root"
    SIGNED = "signed"
    NONE = "none"
    DECIDED = "decided"
    """By the decision of a referendum; which kind, `decision` tells."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The caller. `filters` narrow what it may call (a proxy of limited type adds one)."""

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
        """Pass the chain itself; raise BadOrigin for any other caller."""
        if self.kind is not OriginKind.ROOT:
            raise BadOrigin

    def none(self) -> None:
        """Pass an inherent or unsigned call; raise BadOrigin for any other caller."""
        if self.kind is not OriginKind.NONE:
            raise BadOrigin

    def filtered(self, allowed: CallFilter) -> Origin:
        """Return the same caller, allowed only what `allowed` lets through as well.

        A filter that is there already is not added: each call within asks all of them.
        """
        if allowed in self.filters:
            return self
        return Origin(self.kind, self.account, (*self.filters, allowed), self.decision)

    def may_call(self, call: Call) -> bool:
        """Tell whether every filter lets `call` through. Root passes all filters."""
        if not self.filters or self.kind is OriginKind.ROOT:
            return True
        return all(allowed(call) for allowed in self.filters)


class OriginCheck(Protocol):
    """A configured gate: passes the right origin, raises BadOrigin for others."""

    def __call__(self, origin: Origin) -> None:
        """Raise BadOrigin unless `origin` may pass."""


ROOT = Origin(OriginKind.ROOT)
NONE = Origin(OriginKind.NONE)


def signed(account: AccountId) -> Origin:
    """Return the origin of a call that `account` signed."""
    return Origin(OriginKind.SIGNED, account)


def decided(decision: int) -> Origin:
    """Return the origin of a call that referenda of one kind decide on."""
    return Origin(OriginKind.DECIDED, decision=decision)


def ensure_root(origin: Origin) -> None:
    """Pass only the chain itself. Gates that decisions pass, too, are made by `ensure_decided`."""
    origin.root()
