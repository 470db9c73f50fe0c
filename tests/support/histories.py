"""Random histories of a small runtime: steps that fit its state, and a count of what they did.

Hypothesis prefers small and simple values, makes short lists and leaves rules out of whole runs.
Steps that need others before them then fail, nearly all of them, and a test checks little. Here it
chooses one seed for each step, so that it can still leave steps out of a failing history; the
values of a step come from `random.Random`. `unreached` names what fixed histories do not reach.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import ClassVar, Self, TypeVar

from hypothesis import strategies as st

from runtime.frame import DispatchError, Pallet
from support.runtime import DictState, SmallRuntime

T = TypeVar("T")


def seeds(least: int, most: int) -> st.SearchStrategy[list[int]]:
    """Return a strategy for the seeds of so many steps."""
    return st.lists(st.integers(0, 2**32), min_size=least, max_size=most)


class History(ABC):
    """A runtime, random steps on it, and the names of the calls and events that came about."""

    refusals: ClassVar[tuple[type[Exception], ...]] = (DispatchError, ArithmeticError)
    """Errors of calls that do not fail the test."""
    whole: ClassVar[bool] = False
    """True if refused calls must change nothing even without a storage layer."""

    def __init__(self, small: SmallRuntime) -> None:
        self._small = small
        self._read = 0
        self.rng = Random(0)
        self.reached: set[str] = set()
        """Calls that succeeded and events, with the names of their pallets."""

    @abstractmethod
    def step(self) -> None:
        """Make a random step."""

    @abstractmethod
    def check(self) -> None:
        """Check what holds after every step."""

    def run(self, numbers: Iterable[int]) -> Self:
        """Make one step for each seed, and check after each; a seed that shrank to 0 makes none."""
        for number in filter(None, numbers):
            self.rng.seed(number)
            self.step()
            self._note_events()
            self.check()
        return self

    def attempt(self, call: Callable[..., object], *args: object, name: str = "") -> bool:
        """Make a call in a storage layer; a refused call changes nothing. Return True if done."""
        state, events = self._small.host.state, self._small.host.events
        assert isinstance(state, DictState)
        before, data = len(events), dict(state.data) if self.whole else {}
        state.begin()
        try:
            call(*args)
        except self.refusals:
            assert not self.whole or (state.data == data and len(events) == before)
            state.rollback()
            del events[before:]
            return False
        state.commit()
        self.reached.add(name or call.__qualname__)
        return True

    def one_of(self, options: Sequence[T]) -> T:
        """Choose one."""
        return self.rng.choice(options)

    def one_in(self, number: int) -> bool:
        """Return True with a probability of 1 / number."""
        return self.rng.randrange(number) == 0

    def up_to(self, most: int) -> int:
        """Choose a number from 0 to `most`; in a quarter of the cases one of the ends."""
        return self.one_of((0, most)) if self.one_in(4) else self.rng.randint(0, most)

    def _note_events(self) -> None:
        events, pallets = self._small.host.events, self._small.pallets
        if len(events) < self._read:
            self._read = 0
        for _, index, event in events[self._read :]:
            pallet = pallets[index]
            kind = pallet.EVENTS[event[1]] if isinstance(event, bytes) else type(event)
            self.reached.add(f"{pallet.name}.{kind.__name__}")
        self._read = len(events)


def unreached(
    make: Callable[[], History],
    *pallets: type[Pallet],
    others: Iterable[str] = (),
    runs: int,
    steps: int,
) -> set[str]:
    """Return the calls and events of pallets, and others, that fixed histories do not reach."""
    reached: set[str] = set()
    for number in range(runs):
        randomness = Random(number)
        reached |= make().run(randomness.getrandbits(32) for _ in range(steps)).reached
    wanted = {
        f"{pallet.__name__}.{name}"
        for pallet in pallets
        for name in (
            *(entry.name for entry in pallet.CALLS.values()),
            *(event.__name__ for event in pallet.EVENTS.values()),
        )
    }
    return {*wanted, *others} - reached
