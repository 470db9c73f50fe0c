"""A component gets what it needs from its own pallet, or the pallet cannot be built."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar, Protocol

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u16, u32, u64
from runtime.frame import Component, Const, Constant, Map, Pallet, Part, Reason, ReasonOf, Value
from runtime.frame.traits import Clock, Slot
from support.runtime import SmallRuntime


class Times(Clock, Protocol):
    """More than a clock."""


class Midnight(Times):
    """A clock that stands at zero."""

    def now(self) -> Slot:
        return Slot(0)


class HoldReason(IntEnum):
    """Reasons of holds."""

    Bond = 0
    Deposit = 1


class Shelf(Component):
    """Has a part of each kind of source."""

    _clock: Clock
    """A pallet's `Times` is a clock."""
    width: u32
    depth: u64
    plain: int
    _owner: AccountId
    titles: Map[u32, u16]
    counted: Value[u16]
    bond: Reason
    label: ClassVar[str] = "no dependency"
    deposit_reason = ReasonOf(HoldReason.Deposit)

    sold = Value(u32, default=u32(0))

    def setup(self) -> None:
        self.area = self.plain * int(self.depth)


class Room(Component):
    """Needs the component above it."""

    shelf: Shelf


class Library(Pallet):
    """Offers what a shelf needs."""

    width: Const[u32]
    plain: u16
    time: Times
    keeper: AccountId
    owner: AccountId
    depth = Constant(u64(3))

    titles = Map(u32, u16)
    counted = Value(u16)
    paused = Value(u16)

    shelves = Part(Shelf)
    room = Part(Room)

    bond = ReasonOf(HoldReason.Bond)


KEEPER, OWNER = AccountId(b"\1" * 32), AccountId(b"\2" * 32)


def library() -> Library:
    """Return a pallet with components, bound to a runtime at index 7."""
    return SmallRuntime().add(
        7, Library(width=u32(2), plain=u16(5), time=Midnight(), keeper=KEEPER, owner=OWNER)
    )


def refused(*components: type[Component]) -> str:
    """Return the error of a pallet with these components, in this order."""

    class Refused(Pallet):
        """Has two clocks and two numbers."""

        first: Midnight
        second: Midnight
        height: u32
        shelf = Part(components[0])
        other = Part(components[-1])

    with pytest.raises(TypeError) as caught:
        SmallRuntime().add(7, Refused(first=Midnight(), second=Midnight(), height=u32(1)))
    return str(caught.value)


def test_each_dependency_comes_from_the_attribute_of_its_type() -> None:
    pallet = library()
    shelf = pallet.shelves
    assert shelf._clock is pallet.time
    assert (shelf.width, shelf.depth) == (u32(2), u64(3))
    assert shelf.titles is pallet.titles
    assert shelf.counted is pallet.counted
    assert shelf._owner is pallet.owner
    assert pallet.room.shelf is shelf
    assert Library.needs() is Library.needs()


def test_an_int_is_a_number_of_any_width_without_its_bounds() -> None:
    shelf = library().shelves
    assert type(shelf.plain) is int
    assert type(shelf.width) is u32


def test_a_component_is_set_up_when_its_dependencies_are_there() -> None:
    assert library().shelves.area == 15


def test_a_reason_has_the_index_of_its_pallet() -> None:
    pallet = library()
    assert pallet.bond == pallet.shelves.bond == Reason(7, HoldReason.Bond)
    assert pallet.shelves.deposit_reason == Reason(7, HoldReason.Deposit)


def test_components_keep_the_order_of_their_declaration() -> None:
    pallet = library()
    assert pallet.components == [pallet.shelves, pallet.room]
    assert [name for name, _ in pallet.live_storage()] == ["titles", "counted", "paused", "sold"]


def test_a_later_version_has_the_components_of_the_former() -> None:
    class LaterLibrary(Library):
        """Adds a component, which uses one of the former version."""

        hall = Part(Room)

    pallet = SmallRuntime().add(
        7, LaterLibrary(width=u32(2), plain=u16(5), time=Midnight(), keeper=KEEPER, owner=OWNER)
    )
    assert pallet.hall.shelf is pallet.shelves


def test_a_missing_dependency_is_named_with_its_component_and_pallet() -> None:
    class Missing(Component):
        """Needs what its pallet does not have."""

        prices: Map[u32, u16]

    message = refused(Missing)
    assert message.startswith("Refused.shelf needs prices: ")
    assert message.endswith("; of this type: no attribute")


def test_of_several_attributes_of_a_type_the_name_decides() -> None:
    class Named(Component):
        """Needs the second clock."""

        second: Clock

    class Ambiguous(Component):
        """Needs one of two clocks."""

        clock: Clock

    assert refused(Named, Ambiguous).startswith("Refused.other needs clock: ")
    assert refused(Named, Ambiguous).endswith("; of this type: first, second")


@pytest.mark.parametrize("kind", [int, u32])
def test_a_number_is_taken_by_its_name_only(kind: type[int]) -> None:
    numbered = type("Numbered", (Component,), {"__annotations__": {"weight": kind}})
    assert refused(numbered).endswith("; of this type: height")


def test_a_component_cannot_use_those_below_it() -> None:
    class Below(Component):
        """Has no dependencies."""

    above = type("Above", (Component,), {"__annotations__": {"below": Below}})
    assert refused(above, Below).startswith("Refused.shelf needs below: ")


def test_a_pallet_has_no_components_before_it_is_bound() -> None:
    pallet = Library(width=u32(2), plain=u16(5), time=Midnight(), keeper=KEEPER, owner=OWNER)
    with pytest.raises(AttributeError, match="Library has no Shelf before it is bound"):
        _ = pallet.shelves
    assert Library.shelves.kind is Shelf
