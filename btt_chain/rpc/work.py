"""work_*: jobs, receipts, providers, models and weights, from the runtime at a block.

Amounts are in planck, times in slots since genesis; numbers of 64 bits and more are decimal
strings. A job's `state` is one of posted, assigned, computing, committed, checking, pending,
finalized, refunded, slashed.
"""

from __future__ import annotations

from enum import IntEnum
from functools import partial
from typing import Annotated, Final

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.rpc.params import U32, Flag, Hash, Parsed, Unfit, text, unsigned
from btt_chain.rpc.registry import HEAVY, method
from btt_chain.rpc.views import Account, Json, Views, lower
from btt_chain.scale import encode, u32, u64
from runtime.apis.work_views import (
    ClassPrice,
    Duty,
    JobView,
    ModelView,
    ProviderView,
    Rules,
    VerifierView,
    WorkQuote,
)
from runtime.pallets.jobs.types import Check, Tier, Urgency
from runtime.pallets.providers.types import ScoreView

PAGE: Final = 100
"""Maximum number of records in one answer."""

_TEXTS: Final = frozenset({"name"})
_LINES: Final = frozenset({"endpoints"})


def chosen(kind: type[IntEnum], value: object) -> IntEnum:
    """Return the member of an enumeration with this name, in upper or lower case."""
    word = text(value).lower()
    for member in kind:
        if member.name.lower() == word:
            return member
    raise Unfit(f"expected one of {', '.join(lower(member.name) for member in kind)}")


UrgencyName = Annotated[IntEnum, Parsed(partial(chosen, Urgency))]
CheckName = Annotated[IntEnum, Parsed(partial(chosen, Check))]
TierName = Annotated[IntEnum, Parsed(partial(chosen, Tier))]
U64 = Annotated[int, Parsed(partial(unsigned, bits=64))]


class WorkApi(Views):
    """Useful work from the runtime at a block, by default the best one."""

    def member(self, name: str, value: object) -> Json:
        """Return text for names, a list for endpoints, and lower-case initials for enumerations."""
        if isinstance(value, bytes) and name in _TEXTS:
            return value.decode("utf-8", "replace")
        if isinstance(value, bytes) and name in _LINES:
            return [line for line in value.decode("ascii", "replace").split("\n") if line]
        return self.value(value)

    def value(self, value: object) -> Json:
        """Return the JSON of a value by its type."""
        return lower(value.name) if isinstance(value, IntEnum) else super().value(value)

    @method("work_rules", cost=HEAVY)
    def rules(self, at: Hash | None = None) -> Json:
        """Return the windows in slots, the committee, and the slot from which slots are counted."""
        return self.shown(self.ask("WorkApi_rules", Rules, at))

    @method("work_quote", cost=HEAVY)
    def quote(
        self,
        model: Hash,
        items: U32,
        urgency: UrgencyName | None = None,
        check: CheckName | None = None,
        tier: TierName | None = None,
        data_bytes: U64 | None = None,
        at: Hash | None = None,
    ) -> Json:
        """Return the current price of a job; null if there is no such model.

        By default routine, sampled and open; `dataBytes` is the size of the items themselves.
        """
        data = (
            model
            + encode(u32, u32(items))
            + bytes([int(urgency or Urgency.Routine), int(check or 0), int(tier or 0)])
            + encode(u64, u64(data_bytes or 0))
        )
        return self._maybe(self.ask("WorkApi_quote", WorkQuote | None, at, data))

    @method("work_job", cost=HEAVY)
    def job(self, job: Hash, at: Hash | None = None) -> Json:
        """Return a job with its receipt, committee and votes; null if unknown (or removed)."""
        return self._maybe(self.ask("WorkApi_job", JobView | None, at, job))

    @method("work_receipt", cost=HEAVY)
    def receipt(self, receipt: Hash, at: Hash | None = None) -> Json:
        """Return the job of a receipt, with the receipt; null if unknown (or removed)."""
        return self._maybe(self.ask("WorkApi_receipt", JobView | None, at, receipt))

    @method("work_jobs", cost=HEAVY)
    def jobs(
        self,
        account: Account | None = None,
        open_only: Flag | None = None,
        after: Hash | None = None,
        limit: U32 | None = None,
        at: Hash | None = None,
    ) -> Json:
        """Return jobs of a requester or provider, or all; `after` is the id of the last one."""
        who = None if account is None else AccountId(account)
        data = (
            encode(AccountId | None, who)
            + bytes([bool(open_only)])
            + encode(H256 | None, None if after is None else H256(after))
            + _page(limit)
        )
        return [self.shown(job) for job in self.ask("WorkApi_jobs", list[JobView], at, data)]

    @method("work_assignments", cost=HEAVY)
    def assignments(self, provider: Account, at: Hash | None = None) -> Json:
        """Return the jobs that a provider has to do, or is responsible for."""
        found = self.ask("WorkApi_assignments", list[JobView], at, provider)
        return [self.shown(job) for job in found]

    @method("work_duties", cost=HEAVY)
    def duties(self, verifier: Account, at: Hash | None = None) -> Json:
        """Return the current duties of a verifier."""
        return [self.shown(duty) for duty in self.ask("WorkApi_duties", list[Duty], at, verifier)]

    @method("work_verifier", cost=HEAVY)
    def verifier(self, account: Account, at: Hash | None = None) -> Json:
        """Return a verifier's bond and performance; null if it is none."""
        return self._maybe(self.ask("WorkApi_verifier", VerifierView | None, at, account))

    @method("work_provider", cost=HEAVY)
    def provider(self, account: Account, at: Hash | None = None) -> Json:
        """Return a provider, its bond and its places; null if it is none."""
        return self._maybe(self.ask("WorkApi_provider", ProviderView | None, at, account))

    @method("work_providers", cost=HEAVY)
    def providers(
        self, after: Account | None = None, limit: U32 | None = None, at: Hash | None = None
    ) -> Json:
        """Return all providers; `after` is the last one of the page before."""
        last = None if after is None else AccountId(after)
        data = encode(AccountId | None, last) + _page(limit)
        found = self.ask("WorkApi_providers", list[ProviderView], at, data)
        return [self.shown(provider) for provider in found]

    @method("work_model", cost=HEAVY)
    def model(self, model: Hash, at: Hash | None = None) -> Json:
        """Return a model and its endpoints; null if it is not known."""
        return self._maybe(self.ask("WorkApi_model", ModelView | None, at, model))

    @method("work_models", cost=HEAVY)
    def models(
        self, after: Hash | None = None, limit: U32 | None = None, at: Hash | None = None
    ) -> Json:
        """Return all models; `after` is the id of the last one of the page before."""
        data = encode(H256 | None, None if after is None else H256(after)) + _page(limit)
        return [
            self.shown(model) for model in self.ask("WorkApi_models", list[ModelView], at, data)
        ]

    @method("work_prices", cost=HEAVY)
    def prices(self, at: Hash | None = None) -> Json:
        """Return the current prices of work by class of machines."""
        return [self.shown(price) for price in self.ask("WorkApi_prices", list[ClassPrice], at)]

    @method("work_weight", cost=HEAVY)
    def weight(self, validator: Account, at: Hash | None = None) -> Json:
        """Return the weight of a validator's work in block author selection, own and delegated."""
        return self.shown(self.ask("WorkApi_weight", ScoreView, at, validator))

    def _maybe(self, record: object) -> Json:
        return None if record is None else self.shown(record)


def _page(limit: int | None) -> bytes:
    """Return the encoded number of records, at most a page."""
    return encode(u32, u32(min(limit or PAGE, PAGE)))
