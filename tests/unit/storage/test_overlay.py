"""The overlay against a stack of dictionaries."""

from collections.abc import Iterator

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from storage.overlay import Overlay

BASE = {b"a": b"1", b"ab": b"2", b"b": b"3", b"b\xff": b"4", b"\xff": b"5", b"": b"6"}
KEYS = st.sampled_from([*BASE, b"ac", b"aba", b"\xff\xff", b"c"])


def base_keys(prefix: bytes, after: bytes | None) -> Iterator[bytes]:
    return iter(
        key for key in sorted(BASE) if key.startswith(prefix) and (after is None or key > after)
    )


class Layers(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.overlay = Overlay(BASE.get, base_keys)
        self.layers: list[dict[bytes, bytes | None]] = [{}]

    @property
    def model(self) -> dict[bytes, bytes]:
        merged: dict[bytes, bytes | None] = dict(BASE)
        for layer in self.layers:
            merged.update(layer)
        return {key: value for key, value in merged.items() if value is not None}

    @rule(key=KEYS, value=st.none() | st.binary(max_size=2))
    def a_key_is_written(self, key: bytes, value: bytes | None) -> None:
        self.overlay.put(key, value)
        self.layers[-1][key] = value

    @rule()
    def a_layer_opens(self) -> None:
        self.overlay.begin()
        self.layers.append({})

    @precondition(lambda self: len(self.layers) > 1)
    @rule()
    def a_layer_is_kept(self) -> None:
        self.overlay.commit()
        top = self.layers.pop()
        self.layers[-1].update(top)

    @precondition(lambda self: len(self.layers) > 1)
    @rule()
    def a_layer_is_taken_back(self) -> None:
        self.overlay.rollback()
        self.layers.pop()

    @rule(key=KEYS)
    def the_next_key_is_found(self, key: bytes) -> None:
        expected = min((other for other in self.model if other > key), default=None)
        assert self.overlay.next_key(key) == expected

    @invariant()
    def reads_see_every_change(self) -> None:
        model = self.model
        assert {key: self.overlay.get(key) for key in BASE} == {key: model.get(key) for key in BASE}
        for prefix in (b"", b"a", b"b\xff", b"\xff"):
            expected = [key for key in sorted(model) if key.startswith(prefix)]
            assert list(self.overlay.keys(prefix)) == expected

    @invariant()
    def changes_are_those_of_all_layers(self) -> None:
        merged: dict[bytes, bytes | None] = {}
        for layer in self.layers:
            merged.update(layer)
        assert self.overlay.changes() == merged


Layers.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestLayers = Layers.TestCase


def test_a_key_is_read_from_the_base_once() -> None:
    asked: list[bytes] = []

    def get(key: bytes) -> bytes | None:
        asked.append(key)
        return BASE.get(key)

    overlay = Overlay(get, base_keys)
    for _ in range(3):
        assert overlay.get(b"a") == b"1"
        assert overlay.get(b"absent") is None
    assert asked == [b"a", b"absent"]
    assert overlay.base_reads == {b"a": b"1", b"absent": None}


def test_a_walk_goes_on_while_its_keys_are_removed() -> None:
    overlay = Overlay(BASE.get, base_keys)
    overlay.put(b"az", b"new")
    for key in overlay.keys(b"a"):
        overlay.put(key, None)
    assert list(overlay.keys(b"a")) == []
