"""Data classes of `btt_chain.lazyclass` behave as those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import sys
import typing
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from operator import attrgetter
from types import SimpleNamespace
from typing import ClassVar

import pytest

from btt_chain.lazyclass import Later, dataclass

Decorator = Callable[..., Callable[[type], type]]
initializer_of = attrgetter("__init__")


def compiled(**options: bool) -> Callable[[type], type]:
    """Decorate as `dataclass`, and compile `__init__` at once."""

    def decorate(kind: type) -> type:
        made: type = dataclass(**options)(kind)
        initializer_of(made)
        return made

    return decorate


BOTH = pytest.mark.parametrize("make", [dataclass, compiled, dataclasses.dataclass])


def point(make: Decorator, *, frozen: bool = True) -> type:
    """Return a class with a default, a factory and a field that is not compared."""
    options = {"frozen": True} if frozen else {}

    @make(slots=True, **options)
    class Point:
        """A point."""

        kind: ClassVar[str] = "point"
        x: int
        y: int = 2
        notes: list[str] = field(default_factory=list)
        cost: int = field(default=0, compare=False, repr=False)
        double: int = field(init=False, default=7)

    return Point


@BOTH
@pytest.mark.parametrize("frozen", [True, False])
def test_values_have_fields_defaults_and_factories(make: Decorator, frozen: bool) -> None:
    kind = point(make, frozen=frozen)
    first, second = kind(1), kind(1, y=3, notes=["a"], cost=9)
    assert (first.x, first.y, first.notes, first.cost, first.double) == (1, 2, [], 0, 7)
    assert (second.x, second.y, second.notes, second.cost) == (1, 3, ["a"], 9)
    assert kind(1).notes is not first.notes
    assert vars(kind)["kind"] == "point"
    with pytest.raises(AttributeError):
        object.__setattr__(first, "other", 1)


@BOTH
def test_wrong_arguments_are_refused(make: Decorator) -> None:
    kind = point(make)
    for arguments, named in (((), {}), ((1, 2, [], 0, 7), {}), ((1,), {"z": 1}), ((1,), {"x": 1})):
        with pytest.raises(TypeError):
            kind(*arguments, **named)


@BOTH
@pytest.mark.parametrize("frozen", [True, False])
def test_equality_is_that_of_the_compared_fields(make: Decorator, frozen: bool) -> None:
    kind = point(make, frozen=frozen)
    assert kind(1, cost=1) == kind(1, cost=2)
    assert kind(1) != kind(2)
    assert kind(1) != (1, 2, [], 7)
    assert kind(1).__eq__(object()) is NotImplemented


@BOTH
def test_frozen_values_are_hashed_and_others_are_not(make: Decorator) -> None:
    class PairFields:
        left: int
        right: str
        note: str = field(default="", hash=False)

    pair = make(frozen=True, slots=True)(PairFields)

    assert hash(pair(1, "a", "x")) == hash(pair(1, "a", "y")) == hash((1, "a"))
    assert {pair(1, "a"): 5}[pair(1, "a")] == 5
    with pytest.raises(TypeError, match="unhashable"):
        hash(point(make, frozen=False)(1))


@BOTH
def test_a_frozen_value_cannot_be_changed(make: Decorator) -> None:
    value = point(make)(1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'x'"):
        value.x = 2
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'x'"):
        del value.x


def test_a_frozen_value_gets_no_attribute() -> None:
    # The standard library raises a TypeError here: its class with slots replaces another.
    value = point(dataclass)(1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'other'"):
        value.other = 2


def test_a_subclass_of_a_frozen_class_adds_attributes_and_changes_no_field() -> None:
    value = type("More", (point(dataclass),), {})(1)
    value.other = 5
    assert value.other == 5
    with pytest.raises(FrozenInstanceError):
        value.x = 2
    del value.other


@BOTH
def test_the_text_shows_the_fields(make: Decorator) -> None:
    value = point(make)(1)
    value.notes.append("a")
    assert repr(value).endswith("Point(x=1, y=2, notes=['a'], double=7)")
    value.notes.append(value)
    assert repr(value).endswith("Point(x=1, y=2, notes=['a', ...], double=7)")


@BOTH
@pytest.mark.parametrize("frozen", [True, False])
def test_copies_and_replacements_are_equal_values(make: Decorator, frozen: bool) -> None:
    value = point(make, frozen=frozen)(1, 5, ["a"])
    assert copy.copy(value) == copy.deepcopy(value) == value
    assert dataclasses.replace(value, x=3).x == 3
    assert dataclasses.asdict(value) == {"x": 1, "y": 5, "notes": ["a"], "cost": 0, "double": 7}
    assert [each.name for each in dataclasses.fields(value)][:2] == ["x", "y"]


def test_values_are_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    for frozen in (True, False):
        kind = point(dataclass, frozen=frozen)
        kind.__qualname__ = "PickledPoint"
        monkeypatch.setattr(sys.modules[__name__], "PickledPoint", kind, raising=False)
        assert pickle.loads(pickle.dumps(kind(1, 5))) == kind(1, 5)


@BOTH
def test_values_are_matched_by_position(make: Decorator) -> None:
    made = SimpleNamespace(kind=point(make))
    match made.kind(1, 4):
        case made.kind(x, y):
            assert (x, y) == (1, 4)
        case _:
            pytest.fail("no match")


@BOTH
def test_methods_of_the_class_itself_stay(make: Decorator) -> None:
    @make(frozen=True, slots=True)
    class Own:
        x: int

        def __init__(self, text: str) -> None:
            object.__setattr__(self, "x", int(text))

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 5

        def __repr__(self) -> str:
            return "own"

    assert (Own("3").x, Own("3") == 1, hash(Own("3")), repr(Own("3"))) == (3, True, 5, "own")


@BOTH
def test_a_class_with_its_own_equality_is_hashed_by_its_fields_if_it_is_frozen(
    make: Decorator,
) -> None:
    def own(*, frozen: bool) -> type:
        class Own:  # noqa: PLW1641 - the decorator adds it, or does not
            x: int

            def __eq__(self, other: object) -> bool:
                return True

        return make(slots=True, **({"frozen": True} if frozen else {}))(Own)

    assert hash(own(frozen=True)(3)) == hash((3,))
    with pytest.raises(TypeError, match="unhashable"):
        hash(own(frozen=False)(3))


@BOTH
@pytest.mark.parametrize("frozen", [True, False])
def test_a_value_is_completed_after_its_fields_are_set(make: Decorator, frozen: bool) -> None:
    class CheckedFields:
        x: int

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError("negative")

    checked = make(slots=True, **({"frozen": True} if frozen else {}))(CheckedFields)

    assert checked(1).x == 1
    with pytest.raises(ValueError, match="negative"):
        checked(-1)


@BOTH
def test_a_data_class_is_a_base_of_another(make: Decorator) -> None:
    class BaseFields:
        x: int = 1

    base = make(frozen=True, slots=True)(BaseFields)

    fields = {"__annotations__": {"y": "int"}, "y": 2}
    derived = make(frozen=True, slots=True)(type("Derived", (base,), fields))

    assert (derived(5).x, derived(5).y, derived(5) == derived(5, 2)) == (5, 2, True)
    assert base(5) != derived(5)
    with pytest.raises(TypeError, match="cannot inherit"):
        make(slots=True)(type("Thawed", (base,), {"__annotations__": {"z": "int"}}))


@BOTH
def test_keyword_only_fields_are_kept(make: Decorator) -> None:
    class NamedFields:
        x: int
        y: int = field(default=3, kw_only=True)

    named = make(slots=True)(NamedFields)

    assert named(1, y=2).y == 2
    with pytest.raises(TypeError):
        named(1, 2)


@BOTH
def test_wrong_declarations_are_refused(make: Decorator) -> None:
    def made(**body: object) -> type:
        return make(slots=True)(type("Wrong", (), {"__doc__": "A class.", **body}))

    with pytest.raises(ValueError, match="mutable default <class 'list'> for field x"):
        made(__annotations__={"x": "list[int]"}, x=[])
    with pytest.raises(TypeError, match="'x' is a field but has no type annotation"):
        made(x=field(default=1))
    with pytest.raises(TypeError, match="already specifies __slots__"):
        made(__annotations__={"x": "int"}, __slots__=("x",))


@BOTH
def test_slots_of_a_base_are_not_made_again(make: Decorator) -> None:
    base = type("Base", (), {"__slots__": ("x",)})
    fields = {"__doc__": "A class.", "__annotations__": {"x": "int", "y": "int"}}
    kind = make(slots=True)(type("Derived", (base,), fields))
    assert vars(kind)["__slots__"] == ("y",)
    assert (kind(1, 2).x, kind(1, 2).y) == (1, 2)


@BOTH
@pytest.mark.parametrize("frozen", [True, False])
def test_a_class_without_fields_has_equal_values(make: Decorator, frozen: bool) -> None:
    options = {"frozen": True} if frozen else {}
    kind = make(slots=True, **options)(type("Empty", (), {"__doc__": "A class."}))
    assert kind() == kind()
    assert dataclasses.fields(kind) == ()


@BOTH
def test_fields_are_described(make: Decorator) -> None:
    kind = point(make)
    assert dataclasses.is_dataclass(kind)
    described = {each.name: each for each in dataclasses.fields(kind)}
    assert [*described] == ["x", "y", "notes", "cost", "double"]
    assert described["x"].default is dataclasses.MISSING
    assert (described["y"].default, described["notes"].default_factory) == (2, list)
    assert [each.init for each in described.values()] == [True, True, True, True, False]
    assert (described["cost"].compare, described["cost"].repr, described["y"].compare) == (
        False, False, True,
    )  # fmt: skip
    assert {each.type for each in described.values()} == {"int", "list[str]"}
    assert kind.__qualname__.endswith("point.<locals>.Point")


@BOTH
def test_parameters_and_annotations_are_found(make: Decorator) -> None:
    kind = point(make)
    assert list(inspect.signature(kind).parameters) == ["x", "y", "notes", "cost"]
    assert inspect.signature(kind).parameters["y"].default == 2
    assert typing.get_type_hints(initializer_of(kind))["notes"] == list[str]
    parameters = vars(kind)["__dataclass_params__"]
    assert (parameters.frozen, parameters.eq) == (True, True)


def test_a_method_is_compiled_once_and_then_stays() -> None:
    kind = point(dataclass)
    assert [kind(1), kind(1)] == [kind(1)] * 2
    assert not isinstance(vars(kind)["__init__"], Later)
    assert isinstance(vars(kind)["__hash__"], Later)
    first = initializer_of(kind)
    assert first is initializer_of(kind)
