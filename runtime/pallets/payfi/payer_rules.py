"""Policies in the state: those of governance, those of merchants, and the check of a payment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u16, u128
from runtime.frame import Component, Hasher, Map
from runtime.frame.traits import IdentityInspect
from runtime.pallets.payfi import errors, events
from runtime.pallets.payfi.merchants import Merchants
from runtime.pallets.payfi.policies import OfCategory, Payer, Policy, Shared, allows
from runtime.pallets.payfi.types import Merchant

K = TypeVar("K")

MAX_POLICIES: Final = 3
"""Maximum number of policies of a payment: the merchant's own, a chosen one, the category's."""


class PayerRules(Component):
    """Policies, and the check of payers against them."""

    people: IdentityInspect

    policies = Map(u16, Policy, hasher=Hasher.Twox64Concat)
    """Policies of governance that merchants can choose."""
    category_policies = Map(u16, Policy, hasher=Hasher.Twox64Concat)
    """Policies of governance that hold for all merchants of a category."""
    own_policies = Map(AccountId, Policy)
    """Policies of merchants for their own payers."""

    def set(self, scope: Shared | OfCategory, policy: Policy | None) -> None:
        """Set or remove a policy of governance."""
        match scope:
            case Shared(id):
                store(self.policies, id, policy)
            case OfCategory(category):
                store(self.category_policies, category, policy)
        self.deposit(events.PolicySet(scope, policy))

    def ensure_choice(self, merchants: Merchants, who: AccountId, policy: u16 | None) -> None:
        """Raise NoPolicy if a merchant chooses another policy than before, which does not exist.

        Without the error a wrong number would let all payers pay.
        """
        if policy not in (None, merchants.get(who).policy) and policy not in self.policies:
            raise errors.NoPolicy

    def set_own(self, merchants: Merchants, who: AccountId, policy: Policy | None) -> None:
        """Set or remove a merchant's own policy. Raises NotMerchant."""
        merchants.get(who)
        store(self.own_policies, who, policy)
        self.deposit(events.OwnPolicySet(who, policy is not None))

    def forget(self, who: AccountId) -> None:
        """Remove the policy of a merchant that is none any more."""
        del self.own_policies[who]

    def ensure_allowed(
        self, payer: AccountId, merchant: AccountId, record: Merchant, gross: u128
    ) -> int:
        """Return the number of policies; raise Denied unless all of them allow the payment."""
        found = list(self.of(merchant, record))
        if found:
            people = self.people
            asked = Payer(payer, people.operator_of(payer), judged=people.verified(payer))
            if not all(allows(policy, asked, int(gross)) for policy in found):
                raise errors.Denied
        return len(found)

    def of(self, merchant: AccountId, record: Merchant) -> Iterator[Policy]:
        """Yield the policies that payers of a merchant must satisfy, which must not be changed."""
        chosen = None if record.policy is None else self.policies.peek(record.policy)
        for policy in (
            self.own_policies.peek(merchant), chosen, self.category_policies.peek(record.category)
        ):  # fmt: skip
            if policy is not None:
                yield policy


def store(item: Map[K, Policy], key: K, policy: Policy | None) -> None:
    """Store a policy; None removes it."""
    if policy is None:
        del item[key]
    else:
        item[key] = policy
