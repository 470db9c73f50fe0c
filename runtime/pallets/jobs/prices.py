"""Prices: what a unit of work of each class costs, moved by demand once in an era.

The formulas are in `pricing.py`.
"""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u128
from btt_chain.work import ids
from runtime import block_weights as block
from runtime.frame import Component, Hasher, Map, Value
from runtime.pallets.jobs import errors, events, pricing, weights
from runtime.pallets.jobs.store import JobRules
from runtime.pallets.jobs.types import (
    MAX_DEADLINE,
    MAX_ITEMS,
    Check,
    Job,
    Market,
    Params,
    Quote,
    Tier,
    Urgency,
)
from runtime.pallets.models.pallet import Models
from runtime.pallets.models.types import ModelRecord
from runtime.pallets.providers.engagements import Engagements
from runtime.splits import ceil_div

DEADLINE_FACTOR: Final = 2
"""A constant of `Jobs`."""


def priced_work(model: ModelRecord, items: int) -> int:
    """Return the units of work that the items of a job are paid for."""
    return pricing.work_of(pricing.priced_macs(int(model.macs), int(model.committed)), items)


class Prices(Component):
    """Prices and sales of work by class, and quotes for jobs."""

    _params: Value[Params]
    _models: Models
    _providers: Engagements
    _rules: JobRules

    markets = Map(u16, Market, hasher=Hasher.Twox64Concat)
    """Price and sales of work by class, once it was sold or an era passed."""
    unmoved = Value(list[u16], default=[])
    """Classes whose prices are still to be moved in this era, one in a block, in this order."""

    # ---- quotes

    def market(self, model_class: int) -> Market:
        """Return the price of work of a class, and the amount sold in this era."""
        known = self.markets.get(u16(model_class))
        if known is not None:
            return known
        found = self._models.class_of(model_class)
        return Market(u128(0) if found is None else found.base)

    def usable(self, model: H256) -> ModelRecord:
        """Return the record of a model that new jobs may use. Raises UnknownModel."""
        found = self._models.get(model)
        if found is None or not found.usable:
            raise errors.UnknownModel
        return found

    def quote(
        self, model: H256, items: int, urgency: Urgency, check: Check, tier: Tier, data_bytes: int
    ) -> Quote:
        """Return the current price of a job. Raises UnknownModel, BadItems."""
        found = self.usable(model)
        if not 1 <= items <= MAX_ITEMS:
            raise errors.BadItems
        params, work = self._params.peek(), pricing.work_of(int(found.macs), items)
        base = int(self.market(int(found.model_class)).base)
        price = pricing.price_of(priced_work(found, items), base, urgency, data_bytes, params)
        checked = ids.sample_size(items, full=check is Check.Full)
        fee = pricing.fee_of(price, items, checked, params)
        return pricing.quote(work, price, fee, self._rules.committee, tier)

    def protocol_quote(self, model: ModelRecord, items: int, price: int) -> Quote:
        """Return the cost of a job of the chain itself, at `price` planck for a unit of work."""
        params = self._params.peek()
        work = pricing.work_of(int(model.macs), items)
        whole = max(priced_work(model, items) * price, int(params.min_price))
        checked = ids.sample_size(items, full=False, protocol=True)
        fee = pricing.fee_of(whole, items, checked, params)
        return pricing.protocol_quote(work, whole, fee, self._rules.committee)

    def cost_of_full_check(self, job: Job) -> int:
        """Return the fees of a committee that checks all items of a job."""
        fee = pricing.fee_of(int(job.price), 1, 1, self._params.peek())
        return fee * self._rules.committee

    def min_deadline(self, model_class: int, work: int) -> int:
        """Return the minimum deadline in slots: twice the time that the class needs, and one."""
        found = self._models.class_of(model_class)
        speed = 1 if found is None else int(found.speed)
        return 1 + ceil_div(DEADLINE_FACTOR * 1_000 * work, speed * self._rules.slot_ms)

    def ensure_deadline(self, model_class: int, work: int, deadline: int) -> None:
        """Raise BadDeadline if no job of this work can have this deadline."""
        if not self.min_deadline(model_class, work) <= deadline <= MAX_DEADLINE:
            raise errors.BadDeadline

    # ---- demand

    def sell(self, job: Job) -> None:
        """Count the work of a job that a provider accepted."""
        market = self.market(int(job.model_class))
        market.sold += job.work
        self.markets[job.model_class] = market

    def move(self, *, era_began: bool) -> int:
        """Move the price of one class, or begin with all classes of an era; return the weight."""
        unmoved, weight = self.unmoved.peek(), 0
        if era_began:
            # An era with fewer blocks than there are classes leaves some: these come first.
            known = self._models.known_classes()
            more = [u16(model_class) for model_class in known if model_class not in unmoved]
            unmoved = [*unmoved, *more]
            weight += block.READ * len(known) + 2 * block.WRITE
        if unmoved:
            weight += self.move_price(int(unmoved[0])) + block.WRITE
            self.unmoved.value = unmoved[1:]
        return weight

    def move_price(self, model_class: int) -> int:
        """Move the price of a class by the sold part of the offered work; return the weight."""
        found = self._models.class_of(model_class)
        if found is None:
            return weights.move_price(0)
        offers = self._providers.offers(model_class)
        market = self.market(model_class)
        seconds = self._rules.epoch_slots * self._rules.slot_ms // 1_000
        offered = sum(offers) * int(found.speed) * max(1, seconds)
        least, most = int(found.least), int(found.most)
        base = pricing.moved(int(market.base), int(market.sold), offered, least, most)
        if base != market.base:
            self.deposit(events.PriceMoved(u16(model_class), u128(base)))
        self.markets[u16(model_class)] = Market(u128(base))
        return weights.move_price(len(offers))
