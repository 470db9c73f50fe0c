"""Protocol jobs: those that the chain posts itself, once in an era, and pays from its emission."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from btt_chain.primitives.digest import H256
from btt_chain.scale import u32, u64
from runtime.frame import Component, DispatchError, Hasher, Map, Section, Value
from runtime.frame.traits import Clock
from runtime.pallets.jobs import errors, events, pricing, weights
from runtime.pallets.jobs.escrow import Escrows
from runtime.pallets.jobs.prices import Prices
from runtime.pallets.jobs.store import JobStore
from runtime.pallets.jobs.types import MAX_ITEMS, MAX_SETS, Check, Job, ProtocolSet, Tier, Urgency
from runtime.pallets.mining.pallet import Mining
from runtime.pallets.models.pallet import Models
from runtime.pallets.providers.engagements import Engagements

MAX_SETS_AT_ONCE: Final = 4
"""Maximum number of protocol jobs that one block posts."""


class ProtocolJobs(Component):
    """The sets of which the chain posts a job in each era."""

    _store: JobStore
    _escrows: Escrows
    _prices: Prices
    _models: Models
    _providers: Engagements
    _mining: Mining
    _clock: Clock

    protocol_sets = Map(u32, ProtocolSet, hasher=Hasher.Twox64Concat)
    """Jobs that the chain posts in each era."""
    next_set = Value(u32, default=u32(0))
    set_cursor = Value(u32, default=u32(0))
    """Next set to be posted in this era; past the last one when all are."""
    protocol_nonce = Value(u64, default=u64(0))
    """Number of jobs posted by the chain."""

    def add(self, wanted: ProtocolSet) -> None:
        """Add a job for each era. Raises UnknownModel, BadItems, BadDeadline, TooManySets."""
        self.deposit(events.ProtocolSetAdded(self._enter(wanted)))

    def open(self, rows: Iterable[Section]) -> None:
        """Set the jobs of the genesis block, whose inputs come with the program.

        Each is {model, items, inputRoot, dataBytes, deadline}. Raises GenesisError.
        """
        for row in rows:
            fields = row.fields(required=("model", "items", "inputRoot", "dataBytes", "deadline"))
            items, size, deadline = (
                fields[name].u32() for name in ("items", "dataBytes", "deadline")
            )
            model, root = (H256(fields[name].hex_bytes(32)) for name in ("model", "inputRoot"))
            try:
                self._enter(ProtocolSet(model, items, root, u64(int(size)), deadline, b""))
            except DispatchError as error:
                raise row.wrong(f"a job that the chain may post ({type(error).__name__})") from None

    def remove(self, index: u32) -> None:
        """Remove a job for each era. Raises UnknownSet."""
        if self.protocol_sets.take(index) is None:
            raise errors.UnknownSet
        self.deposit(events.ProtocolSetRemoved(index))

    def restart(self) -> None:
        """Begin with the first set again, at the beginning of an era."""
        self.set_cursor.value = u32(0)

    def post_next(self) -> int:
        """Post the jobs that are still to be posted in this era, a few; return the weight."""
        cursor, end, weight = int(self.set_cursor.value), int(self.next_set.value), 0
        for index in range(cursor, min(end, cursor + MAX_SETS_AT_ONCE)):
            weight += weights.POST_PROTOCOL
            self.set_cursor.value = u32(index + 1)
            self.post(u32(index))
        return weight

    def post(self, index: u32) -> None:
        """Post a job of the chain.

        Only if the unallocated emission can pay it, its model can be used, and the model's class
        has providers: a job that no provider can take would wait for nothing.
        """
        wanted = self.protocol_sets.get(index)
        model = None if wanted is None else self._models.get(wanted.model)
        if wanted is None or model is None or not model.usable:
            return
        if not self._providers.members_of(int(model.model_class)):
            return
        price = int(self._mining.emission_now().protocol_price)
        quote = self._prices.protocol_quote(model, int(wanted.items), price)
        if not self._escrows.has_room(quote.total):
            return
        job = Job(
            None, wanted.model, model.model_class, wanted.items, wanted.input_root, Tier.Open,
            Check.Sampled, Urgency.Routine, quote.price, quote.verification, quote.deposit,
            quote.work, wanted.data_bytes, wanted.deadline, bytes(32), wanted.endpoints,
            u32(self._clock.now()),
        )  # fmt: skip
        self._escrows.open(job)
        nonce = int(self.protocol_nonce.value)
        self.protocol_nonce.value = u64(nonce + 1)
        self._store.open(job, bytes(32), nonce)

    # ---- internals

    def _enter(self, wanted: ProtocolSet) -> u32:
        """Store a set; return its index. Raises as `add`."""
        found = self._prices.usable(wanted.model)
        if not 1 <= wanted.items <= MAX_ITEMS:
            raise errors.BadItems
        work = pricing.work_of(int(found.macs), int(wanted.items))
        self._prices.ensure_deadline(int(found.model_class), work, int(wanted.deadline))
        if len(list(self.protocol_sets.items())) >= MAX_SETS:
            raise errors.TooManySets
        index = self.next_set.value
        self.next_set.value = u32(index + 1)
        self.protocol_sets[index] = wanted
        return index
