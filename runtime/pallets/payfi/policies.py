"""Policies: which payers a merchant takes, and up to which amount.

A payment must satisfy up to three policies: the merchant's own, the one that it chose among those
of governance, and the one that governance set for its category. Lists compare the account and its
operator, so that a listed person cannot use another one of its accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, Path, TypeName, Variant, path, u128
from runtime.frame.aliases import BalanceOf
from runtime.pallets.payfi.types import Category, PolicyId

MAX_LISTED: Final = 64
"""Maximum number of accounts on the list of a policy."""

Listed = Annotated[
    Bounded[list[AccountId], MAX_LISTED], TypeName("BoundedVec<T::AccountId, MaxListed>")
]


class Open(Variant, index=0):
    """All payers."""


class AllowList(Variant, index=1, unnamed=True):
    """Only the payers on the list."""

    listed: Listed


class DenyList(Variant, index=2, unnamed=True):
    """All payers but those on the list."""

    listed: Listed


Access = Annotated[Open | AllowList | DenyList, Path("pallet_payfi::Access")]


@path("pallet_payfi::Policy", params={"Balance": u128})
@dataclass(slots=True)
class Policy:
    """A rule for payments to merchants."""

    access: Access = field(default_factory=Open)
    judged_from: BalanceOf | None = None
    """Amount in planck from which the payer needs a judged identity; zero: always."""
    max_payment: BalanceOf | None = None
    """Maximum amount of a payment in planck."""


class Shared(Variant, index=0, unnamed=True):
    """A policy that merchants can choose by its number."""

    id: PolicyId


class OfCategory(Variant, index=1, unnamed=True):
    """The policy that all merchants of a category must satisfy."""

    category: Category


PolicyScope = Annotated[Shared | OfCategory, Path("pallet_payfi::PolicyScope")]
SomePolicyScope = PolicyScope
"""The same, as an argument of a call."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Facts about a payer that policies depend on."""

    account: AccountId
    operator: AccountId
    judged: bool
    """True if the identity of the account, or of its parent, was judged good."""


def allows(policy: Policy, payer: Payer, amount: int) -> bool:
    """Return True if the policy lets this payer pay `amount` planck."""
    if policy.max_payment is not None and amount > policy.max_payment:
        return False
    if policy.judged_from is not None and amount >= policy.judged_from and not payer.judged:
        return False
    match policy.access:
        case AllowList(listed):
            return _lists(listed, payer)
        case DenyList(listed):
            return not _lists(listed, payer)
        case _:
            return True


def _lists(listed: Sequence[AccountId], payer: Payer) -> bool:
    return payer.account in listed or payer.operator in listed
