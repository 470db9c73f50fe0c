"""The state of a fork, proven by the root of the block, whatever the other node answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.client.jsonrpc import Json
from btt_chain.node.dev.errors import AnswerTooLarge, WrongAnswer
from btt_chain.node.dev.proven import Page, ProvenState
from storage.trie import read_proof
from storage.trie.trie import EMPTY_ROOT, Trie

KEYS = st.binary(min_size=1, max_size=3)
VALUES = st.binary(max_size=3) | st.binary(min_size=40, max_size=40)


class Node:
    """A node with one state, whose answers a test may change."""

    def __init__(self, state: Mapping[bytes, bytes]) -> None:
        self.state = dict(state)
        trie = Trie(lambda _: None, EMPTY_ROOT)
        for key, value in state.items():
            trie.put(key, value, 1)
        sealed = trie.seal()
        self.root, self.records = sealed.root, dict(sealed.inserted)
        self.change: Callable[[str, Json], Json] = lambda _, answer: answer
        self.most = 1_002
        self.asked: list[str] = []

    def call(self, method: str, *params: Json) -> Json:
        self.asked.append(method)
        return self.change(method, self.answer(method, *params))

    def answer(self, method: str, *params: Json) -> Json:
        if method == "state_getReadProof":
            keys, _ = params
            assert isinstance(keys, list)
            if len(keys) > self.most:
                raise AnswerTooLarge("too large")
            proof = read_proof(self.records.get, self.root, [raw(key) for key in keys])
            return {"at": "0x", "proof": ["0x" + node.hex() for node in proof]}
        prefix, size, after, _ = params
        assert isinstance(size, int)
        floor = None if after is None else raw(after)
        found = [
            key
            for key in sorted(self.state)
            if key.startswith(raw(prefix)) and (floor is None or key > floor)
        ]
        return ["0x" + key.hex() for key in found[:size]]

    def proven(self) -> ProvenState:
        return ProvenState(self, "0xblock", self.root)


def raw(text: Json) -> bytes:
    return bytes.fromhex(str(text)[2:])


SOME = {bytes([1, low]): bytes([low]) * size for low in range(12) for size in (1, 40)} | {
    b"\2": b"two",
    b"\1": b"one",
}


@settings(deadline=None)
@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=20), KEYS, st.none() | KEYS, st.data())
def test_what_an_honest_node_answers_is_proven(
    state: dict[bytes, bytes], prefix: bytes, after: bytes | None, data: st.DataObject
) -> None:
    node = Node(state)
    size = data.draw(st.integers(1, 5))
    prefix = prefix[: data.draw(st.integers(0, 2))]
    wanted = sorted(
        (key, value)
        for key, value in state.items()
        if key.startswith(prefix) and (after is None or key > after)
    )
    page = node.proven().page(prefix, after, size)
    assert page == Page(wanted[:size], len(wanted) < size)
    key = data.draw(KEYS)
    assert node.proven().value(key) == state.get(key)


@settings(deadline=None)
@given(st.dictionaries(KEYS, VALUES, min_size=2, max_size=20), st.integers(1, 30), st.data())
def test_a_page_without_one_of_its_keys_is_refused(
    state: dict[bytes, bytes], size: int, data: st.DataObject
) -> None:
    node = Node(state)
    gone = data.draw(st.sampled_from(sorted(state)[:size]))
    del node.state[gone]
    with pytest.raises(WrongAnswer):
        node.proven().page(b"", None, size)


def test_a_page_that_pretends_to_be_the_last_one_is_refused() -> None:
    node = Node(SOME)
    node.change = lambda method, answer: answer[:3] if isinstance(answer, list) else answer
    with pytest.raises(WrongAnswer):
        node.proven().page(b"\1", None, 5)


def test_an_invented_key_is_refused() -> None:
    node = Node(SOME)
    node.state[b"\1\5\5"] = b"invented"
    with pytest.raises(WrongAnswer):
        node.proven().page(b"\1", None, 100)


@pytest.mark.parametrize(
    "change",
    [
        lambda proof: proof[:-1],
        lambda proof: proof[1:],
        lambda proof: [node[:-1] + ("0" if node[-1] != "0" else "1") for node in proof],
        lambda _: [],
        lambda _: ["0x"],
        lambda _: ["0x00"],
    ],
)
def test_a_changed_proof_is_refused(change: Callable[[list[Json]], list[Json]]) -> None:
    node = Node({b"\1" * 40: b"x" * 40, b"\1" * 39 + b"\2": b"y" * 40})

    def changed(_: str, answer: Json) -> Json:
        if isinstance(answer, dict) and isinstance(proof := answer["proof"], list):
            return {"proof": change(proof)}
        return answer

    node.change = changed
    with pytest.raises(WrongAnswer):
        node.proven().value(b"\1" * 40)
    with pytest.raises(WrongAnswer):
        node.proven().page(b"", None, 10)


@pytest.mark.parametrize("answer", [7, None, "0x01", {"proof": None}, {"proof": ["xyz"]}, [1, 2]])
def test_answers_of_another_form_are_refused(answer: Json) -> None:
    node = Node(SOME)
    node.change = lambda *_: answer
    with pytest.raises(WrongAnswer):
        node.proven().value(b"\1")
    with pytest.raises(WrongAnswer):
        node.proven().page(b"\1", None, 5)


@pytest.mark.parametrize(
    "keys",
    [
        ["0x01"] * 2,
        ["0x0102", "0x0101"],
        ["0x02"],
        [f"0x01{number:02x}" for number in range(6)],
        ["0x01" + "00" * 5_000],
    ],
)
def test_pages_that_do_not_ascend_below_the_prefix_are_refused(keys: list[Json]) -> None:
    """A node that sends one page again and again would keep the fork walking for ever."""
    node = Node(SOME)
    node.change = lambda method, answer: keys if method == "state_getKeysPaged" else answer
    with pytest.raises(WrongAnswer):
        node.proven().page(b"\1", None, 5)


def test_a_page_that_is_too_large_is_read_in_smaller_ones() -> None:
    node = Node(SOME)
    node.most = 5
    page = node.proven().page(b"\1", None, 100)
    assert 1 <= len(page.entries) <= 4
    assert not page.is_end
    node.most = 0
    with pytest.raises(AnswerTooLarge):
        node.proven().page(b"\1", None, 100)
