"""The current epoch and the one that is announced."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from btt_chain.primitives.babe import Slot
from btt_chain.primitives.babe_digests import (
    AuthorityId,
    EpochConfig,
    NextConfigData,
    NextConfigDescriptor,
    NextEpochData,
    NextEpochDescriptor,
    OnDisabled,
    consensus,
)
from btt_chain.primitives.block_shares import shares_of, weights_for
from btt_chain.primitives.epoch import Epoch, epoch_index
from btt_chain.primitives.lottery import SecondaryRule
from btt_chain.scale import u32, u64
from runtime.frame import Component, Value
from runtime.pallets.babe.randomness import EpochRandomness
from runtime.pallets.babe.types import DEFAULT_CONFIG, MAX_SKIPPED, Authorities, SkippedEpochs
from runtime.pallets.system.pallet import System


class Epochs(Component):
    """Epochs: authorities, parameters and randomness for a range of slots."""

    _system: System
    _randomness: EpochRandomness
    _genesis_slot: Value[Slot]
    _current_slot: Value[Slot]
    _epoch_duration: int

    epoch_index = Value(u64, default=u64(0))
    """Index of the current epoch."""
    authorities = Value(Authorities, default=[])
    """Authorities of the current epoch, with weights."""
    pending_epoch_config_change = Value(NextConfigDescriptor)
    """Parameters to be announced with the next epoch."""
    next_authorities = Value(Authorities, default=[])
    """Authorities of the announced epoch."""
    epoch_start = Value(tuple[u32, u32], default=(u32(0), u32(0)))
    """Blocks in which the previous and the current epoch began."""
    epoch_config = Value(EpochConfig)
    """Parameters of the current epoch."""
    next_epoch_config = Value(EpochConfig)
    """Parameters of the announced epoch, if they differ."""
    skipped_epochs = Value(SkippedEpochs, default=[])
    """Epochs that follow skipped ones, with their session indices."""
    secondary_rule = Value(SecondaryRule, default=SecondaryRule.Uniform)
    """Rule by which secondary slots are assigned."""

    def setup(self) -> None:
        """Start without an epoch that was returned."""
        self._last: tuple[tuple[object, ...], Epoch] | None = None
        """The epoch returned last, with what it was made of."""

    def at(self, slot: int) -> Epoch:
        """Return the epoch that a block of `slot` on this state belongs to.

        The current or the announced epoch, advanced if whole epochs were empty. ValueError for a
        slot before the current epoch, and where there are no authorities.
        """
        index, length = int(self.epoch_index.value), self._epoch_duration
        if not self._current_slot.value:  # block 1 starts the first epoch
            return self._epoch(0, slot)
        start = int(self._genesis_slot.value) + index * length
        if slot < start + length:
            return self._epoch(index, start).at(slot)
        return self.next().at(slot)

    def current(self) -> Epoch:
        """Return the current epoch; it starts at slot 0 before block 1. ValueError if none."""
        return self._epoch(int(self.epoch_index.value), self.first_slot())

    def next(self) -> Epoch:
        """Return the announced epoch, as if none were skipped. ValueError if none."""
        return Epoch(
            int(self.epoch_index.value) + 1,
            self.first_slot() + self._epoch_duration,
            self._epoch_duration,
            tuple((bytes(key), int(weight)) for key, weight in self.next_authorities.peek()),
            self._randomness.next_randomness.value,
            self.next_config(),
            self.secondary_rule.value,
        )

    def config(self) -> EpochConfig:
        """Return the parameters of the current epoch."""
        return self.epoch_config.get() or DEFAULT_CONFIG

    def next_config(self) -> EpochConfig:
        """Return the parameters of the announced epoch."""
        return self.next_epoch_config.get() or self.config()

    def first_slot(self) -> int:
        """Return the first slot of the current epoch."""
        return int(self._genesis_slot.value) + int(self.epoch_index.value) * self._epoch_duration

    def is_over(self) -> bool:
        """Return True if the current block is the first of its epoch."""
        start = self.first_slot()
        return int(self._current_slot.value) >= start + self._epoch_duration

    def session_of(self, slot: int) -> int:
        """Return the session index of a slot; meaningless for slots of skipped epochs.

        ValueError for slots before the first block's.
        """
        index = epoch_index(slot, int(self._genesis_slot.value), self._epoch_duration)
        skipped = self.skipped_epochs.value
        place = bisect_left(skipped, index + 1, key=lambda skip: int(skip[0]))
        if not place:
            return index
        epoch, session = skipped[place - 1]
        return index - (int(epoch) - int(session))

    def genesis_epoch(
        self, authorities: Sequence[tuple[bytes, int]], following: Sequence[tuple[bytes, int]]
    ) -> None:
        """Set the authorities of the first two epochs, given with their shares of the blocks."""
        self.authorities.value = self._weighted(authorities, self.config())
        self.next_authorities.value = self._weighted(following, self.next_config())

    def new_epoch(self, following: Sequence[tuple[bytes, int]], session: int) -> None:
        """Start the announced epoch with `session`, and announce the one after it.

        `following` are the authorities of that one, with their shares of the blocks.
        """
        slot, length = int(self._current_slot.value), self._epoch_duration
        index = epoch_index(slot, int(self._genesis_slot.value), length)
        if index != self.epoch_index.value + 1:
            self._record_skip(index, session)
        self.epoch_index.value = u64(index)
        self.authorities.value = self.next_authorities.value
        self._randomness.turn(index + 1)
        self.epoch_start.value = (self.epoch_start.value[1], self._system.number.value)

        config = self.next_epoch_config.get()
        if config is not None:
            self.epoch_config.value = config
        pending = self.pending_epoch_config_change.take()
        if pending is not None:
            self.next_epoch_config.value = EpochConfig(pending.c, pending.allowed_slots)
        announced = self._weighted(following, self.next_config())
        self.next_authorities.value = announced
        self.announce(announced)
        if pending is not None:
            self._system.deposit_log(consensus(NextConfigData(pending)))

    def weights_now(self) -> list[u64]:
        """Return the weights of the current epoch's authorities."""
        return [weight for _, weight in self.authorities.peek()]

    def shares_now(self) -> list[int]:
        """Return the shares of the blocks of the current epoch's authorities."""
        return shares_of(self.weights_now(), self.config(), self.secondary_rule.value)

    def disable(self, index: int) -> None:
        """Emit a digest that an authority is disabled for the rest of the session."""
        self._system.deposit_note(consensus(OnDisabled(u32(index))))

    def announce(self, authorities: list[tuple[AuthorityId, u64]]) -> None:
        """Announce the next epoch in the header."""
        epoch = NextEpochDescriptor(authorities, self._randomness.next_randomness.value)
        self._system.deposit_log(consensus(NextEpochData(epoch)))

    def _weighted(
        self, authorities: Sequence[tuple[bytes, int]], config: EpochConfig
    ) -> list[tuple[AuthorityId, u64]]:
        """Return authorities with their weights in an epoch of these parameters."""
        shares = [share for _, share in authorities]
        weights = weights_for(shares, config, self.secondary_rule.value)
        return [
            (AuthorityId(key), u64(weight))
            for (key, _), weight in zip(authorities, weights, strict=True)
        ]

    def _epoch(self, index: int, start: int) -> Epoch:
        """Return an epoch of the current authorities; the same object for each of its headers."""
        parts = (
            index,
            start,
            self.authorities.raw(),
            self._randomness.randomness.raw(),
            self.epoch_config.raw(),
            self.secondary_rule.raw(),
        )
        last = self._last
        if last is None or last[0] != parts:
            epoch = Epoch(
                index,
                start,
                self._epoch_duration,
                tuple((bytes(key), int(weight)) for key, weight in self.authorities.peek()),
                self._randomness.randomness.value,
                self.config(),
                self.secondary_rule.value,
            )
            last = self._last = parts, epoch
        return last[1]

    def _record_skip(self, index: int, session: int) -> None:
        """Store the epoch and its session index, which differ by more after a skip."""
        skipped = self.skipped_epochs.value
        self.skipped_epochs.value = [*skipped[-MAX_SKIPPED + 1 :], (u64(index), u32(session))]
