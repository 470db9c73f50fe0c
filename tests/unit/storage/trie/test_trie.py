"""The incremental trie against its plain definition, and its records against what they serve."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from storage.trie import EMPTY_ROOT, MissingNode, Sealed, Trie, ordered_root, state_root
from storage.trie.cache import TrieCache
from storage.trie.node import compact, hash_256
from unit.storage.storage_model import plain_root

# Keys that are each other's prefixes and share nibbles; values around the inline limits.
KEYS = st.one_of(
    st.binary(max_size=3),
    st.lists(st.sampled_from([0x00, 0x01, 0x10, 0x11, 0xFF]), max_size=5).map(bytes),
    st.sampled_from([b"k" * 70, b"k" * 71, b"k" * 600]),
)
VALUES = st.one_of(st.binary(max_size=2), st.sampled_from([b"v" * n for n in (31, 32, 33, 70)]))


class GrowingTrie(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.records: dict[bytes, bytes] = {}
        self.model: dict[bytes, bytes] = {}
        self.root = EMPTY_ROOT
        self.cache = TrieCache(self.records.get, limit=6)

    @rule(
        changes=st.dictionaries(KEYS, st.none() | VALUES, max_size=12),
        again=st.lists(KEYS, max_size=3),
        cached=st.booleans(),
    )
    def a_block_changes_keys(
        self, changes: dict[bytes, bytes | None], again: list[bytes], cached: bool
    ) -> None:
        trie = self.cache.trie(self.root) if cached else Trie(self.records.get, self.root)
        before = dict(self.model)
        for key, value in [*changes.items(), *((key, before.get(key)) for key in again)]:
            old = self.model.pop(key, None)
            if value is None:
                held = trie.delete(key)
            else:
                held = trie.put(key, value, 1, old)
                self.model[key] = value
            assert (None if held is None else held[0]) == (
                hash_256(old) if old is not None and len(old) > 32 else old
            )
        assert all(trie.get(key) == self.model.get(key) for key in changes)
        sealed = trie.seal()
        self.write(sealed)
        self.cache.keep(sealed)

    def write(self, sealed: Sealed) -> None:
        assert not sealed.inserted.keys() & self.records.keys()
        assert sealed.retired <= self.records.keys()
        self.root = sealed.root
        self.records.update(sealed.inserted)
        for key in sealed.retired:
            del self.records[key]

    @invariant()
    def the_root_is_that_of_the_definition(self) -> None:
        assert self.root == plain_root(self.model)

    @invariant()
    def the_walk_finds_the_keys_in_order_and_uses_every_record(self) -> None:
        used: set[bytes] = set()

        def note(key: bytes) -> bytes | None:
            used.add(key)
            return self.records.get(key)

        trie = Trie(note, self.root)
        found = [(key, trie.resolve(key, held)) for key, held in trie.entries()]
        assert found == sorted(self.model.items())
        assert used == self.records.keys()


GrowingTrie.TestCase.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
TestAGrowingTrie = GrowingTrie.TestCase


@given(st.dictionaries(KEYS, VALUES, max_size=20), st.sampled_from([0, 1]))
def test_the_root_follows_its_definition_in_both_versions(
    pairs: dict[bytes, bytes], version: int
) -> None:
    assert state_root(pairs, version) == plain_root(pairs, version)


@given(st.dictionaries(KEYS, VALUES, max_size=20), KEYS, st.none() | KEYS)
def test_a_walk_can_start_anywhere(
    pairs: dict[bytes, bytes], prefix: bytes, after: bytes | None
) -> None:
    trie = Trie(lambda _: None, EMPTY_ROOT)
    for key, value in pairs.items():
        trie.put(key, value)
    assert list(trie.keys(prefix, after)) == [
        key for key in sorted(pairs) if key.startswith(prefix) and (after is None or key > after)
    ]


def test_an_old_root_stays_whole_while_the_trie_moves_on() -> None:
    records: dict[bytes, bytes] = {}
    first = Trie(records.get, EMPTY_ROOT)
    for number in range(200):
        first.put(hash_256(b"%d" % number), b"old")
    old = first.seal()
    records.update(old.inserted)
    second = Trie(records.get, old.root, old.top)
    second.put(hash_256(b"7"), b"new")
    second.delete(hash_256(b"8"))
    records.update(second.seal().inserted)
    again = Trie(records.get, old.root, old.top)
    assert again.get(hash_256(b"7")) == again.get(hash_256(b"8")) == b"old"
    assert second.get(hash_256(b"7")) == b"new"


def test_values_change_version_when_they_are_written_again() -> None:
    pairs = {b"one": b"1" * 40, b"two": b"2" * 40}
    trie = Trie(lambda _: None, EMPTY_ROOT)
    for key, value in pairs.items():
        trie.put(key, value, 0)
    assert trie.seal().root == state_root(pairs, 0)
    for key, value in pairs.items():
        trie.put(key, value, 1)
    assert trie.seal().root == state_root(pairs, 1)


def test_a_missing_record_is_named() -> None:
    trie = Trie(lambda _: None, EMPTY_ROOT)
    trie.put(b"key", b"value")
    root = trie.seal().root
    with pytest.raises(MissingNode, match=root.hex()):
        Trie(lambda _: None, root)


def test_keys_may_nest_as_deep_as_they_are_long() -> None:
    pairs = {b"k" * length: b"v" for length in range(1500)}
    trie = Trie(lambda _: None, EMPTY_ROOT)
    for key, value in pairs.items():
        trie.put(key, value)
    root = trie.seal().root
    for key in pairs:
        trie.delete(key)
    assert trie.seal().root == EMPTY_ROOT
    assert state_root(pairs) == root


def test_an_ordered_root_is_the_root_under_compact_indices() -> None:
    values = [b"%d" % number * 20 for number in range(70)]
    pairs = {compact(index): value for index, value in enumerate(values)}
    assert ordered_root(values) == plain_root(pairs, 0)
    assert ordered_root([]) == EMPTY_ROOT


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize(
    "count", [1, 2, 3, 4, 16, 17, 63, 64, 65, 66, 67, 128, 300, 4_097, 16_383, 16_384, 16_387]
)
def test_an_ordered_root_is_that_of_the_trie_for_any_length(count: int, version: int) -> None:
    sizes = (0, 1, 31, 32, 33, 34, 150)
    values = [b"%d" % index + bytes(sizes[index % 7]) for index in range(count)]
    pairs = {compact(index): value for index, value in enumerate(values)}
    assert ordered_root(values, version) == state_root(pairs, version)


def test_the_cache_has_no_leaves() -> None:
    records: dict[bytes, bytes] = {}
    cache = TrieCache(records.get, limit=200)
    trie = cache.trie(EMPTY_ROOT)
    keys = [hash_256(b"%d" % number) for number in range(400)]
    for key in keys:
        trie.put(key, b"v")
    sealed = trie.seal()
    records.update(sealed.inserted)
    cache.keep(sealed)
    warm = cache.trie(sealed.root)
    assert all(warm.get(key) == b"v" for key in keys[:10])
    assert warm.loads == 10  # a leaf each, and no branch


def test_the_cache_is_bounded() -> None:
    records: dict[bytes, bytes] = {}
    cache = TrieCache(records.get, limit=20)
    root = EMPTY_ROOT
    for turn in range(8):
        trie = cache.trie(root)
        for number in range(400):
            trie.put(hash_256(b"%d" % number), b"%d" % turn)
        sealed = trie.seal()
        root = sealed.root
        records.update(sealed.inserted)
        cache.keep(sealed)
        assert len(cache) < 60  # of 130 branches


def test_changed_leaves_leave_memory_once_they_are_written_and_are_not_missed() -> None:
    records: dict[bytes, bytes] = {}
    cache = TrieCache(records.get)
    trie = cache.trie(EMPTY_ROOT)
    keys = [hash_256(b"%d" % number) for number in range(100)]
    for key in keys:
        trie.put(key, key + b"!")
    sealed = trie.seal()
    assert all(trie.find(key) for key in keys)  # nothing is written yet
    records.update(sealed.inserted)
    cache.keep(sealed)
    warm = cache.trie(sealed.root)
    for key in keys:
        warm.put(key, key + b"?", expected=key + b"!")
    assert warm.loads == 0
    assert warm.seal().root == state_root({key: key + b"?" for key in keys})


def test_branches_that_every_block_uses_stay_in_memory() -> None:
    records: dict[bytes, bytes] = {}
    cache = TrieCache(records.get, limit=60)
    root = EMPTY_ROOT
    keys = [hash_256(b"%d" % number) for number in range(100)]
    for turn in range(8):
        trie = cache.trie(root)
        for key in keys:
            value = b"%d" % turn + key
            trie.put(key, value, expected=b"%d" % (turn - 1) + key if turn else None)
        sealed = trie.seal()
        root = sealed.root
        records.update(sealed.inserted)
        cache.keep(sealed)
        assert trie.loads == 0


@settings(max_examples=150, deadline=None)
@given(
    base=st.dictionaries(KEYS, VALUES, max_size=30),
    batches=st.lists(
        st.dictionaries(KEYS, st.none() | VALUES, max_size=12), min_size=1, max_size=3
    ),
    guesses=st.sampled_from(["right", "none", "wrong"]),
    one_seal=st.booleans(),
)
def test_a_batch_of_changes_gives_the_records_of_single_changes(
    base: dict[bytes, bytes],
    batches: list[dict[bytes, bytes | None]],
    guesses: str,
    one_seal: bool,
) -> None:
    first = Trie(lambda _: None, EMPTY_ROOT)
    for key, value in base.items():
        first.put(key, value)
    start = first.seal()
    records = dict(start.inserted)
    singly, batched = Trie(records.get, start.root), Trie(records.get, start.root)
    model: dict[bytes, bytes | None] = dict(base)
    for changes in batches:
        old: dict[bytes, object] = {}
        for key, new in changes.items():
            old[key] = singly.delete(key) if new is None else singly.put(key, new)
        known: dict[bytes, bytes | None] = dict(model) if guesses == "right" else {}
        if guesses == "wrong":
            known = dict.fromkeys(changes, b"w" * 33)
        assert batched.update(changes, 1, known) == old
        model |= changes
        assert all(batched.get(key) == model[key] for key in model)
        if one_seal:
            continue
        one, other = singly.seal(), batched.seal()
        assert (one.root, one.inserted, one.retired) == (other.root, other.inserted, other.retired)
        records.update(one.inserted)
        for gone in one.retired:
            del records[gone]
    one, other = singly.seal(), batched.seal()
    assert (one.root, one.inserted, one.retired) == (other.root, other.inserted, other.retired)


def test_batches_on_cached_nodes_give_the_root_of_the_definition() -> None:
    records: dict[bytes, bytes] = {}
    cache = TrieCache(records.get)
    keys = [b"account" + hash_256(b"%d" % number) for number in range(500)]
    state = {key: key + b"0" for key in keys}
    trie = cache.trie(EMPTY_ROOT)
    trie.update(state)
    sealed = trie.seal()
    records.update(sealed.inserted)
    cache.keep(sealed)
    for turn in range(1, 6):
        changes = {key: key + b"%d" % turn for key in keys[turn::7]}
        trie = cache.trie(sealed.root)
        held = trie.update(changes, known=state)
        assert held == {key: (hash_256(state[key]), True) for key in changes}
        state |= changes
        sealed = trie.seal()
        assert sealed.root == plain_root(state)
        records.update(sealed.inserted)
        for gone in sealed.retired:
            del records[gone]
        cache.keep(sealed)


@pytest.mark.parametrize("seed", range(12))
def test_batches_on_siblings_leave_cached_states_whole(seed: int) -> None:
    rng = random.Random(seed)
    records: dict[bytes, bytes] = {}
    cache = TrieCache(records.get, limit=rng.choice((1, 8, 1000)))
    keys = [rng.choice((b"", b"a", b"account")) + rng.randbytes(2) for _ in range(80)]
    states: list[tuple[bytes, dict[bytes, bytes]]] = [(EMPTY_ROOT, {})]
    for version in (0, 0, 1, 1, 1, 1, 1, 1):
        root, parent = rng.choice(states[-2:])
        trie, state, singly = cache.trie(root), dict(parent), Trie(records.get, root)
        for _ in range(2):
            changes = {
                key: None if rng.random() < 0.2 else rng.randbytes(rng.choice((1, 28, 32, 33, 60)))
                for key in rng.sample(keys, rng.choice((1, 3, 30)))
            }
            known = {key: rng.choice((state.get(key), b"wrong")) for key in keys}
            trie.update(changes, version, known)
            for key, value in changes.items():
                if value is None:
                    singly.delete(key)
                else:
                    singly.put(key, value, version)
            state = {key: value for key, value in (state | changes).items() if value is not None}
        one, other = trie.seal(), singly.seal()
        assert (one.root, one.inserted, one.retired) == (other.root, other.inserted, other.retired)
        records.update(one.inserted)
        cache.keep(one)
        states.append((one.root, state))
        for root, expected in states:
            read = cache.trie(root)
            assert {key: read.get(key) for key in expected} == expected
            assert list(read.keys()) == sorted(expected)
