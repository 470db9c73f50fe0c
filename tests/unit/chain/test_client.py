"""The client: one way in for every block, forks, finality, and the news of both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from btt_chain.chain import client as client_module
from btt_chain.chain import runtimes
from btt_chain.chain.client import WEIGHT_KEY, Client, TooManyForks, UnknownBlock
from btt_chain.chain.notify import BlockRef, ChainEvent, Finalized, NewBest, NewBlock, Notifier
from btt_chain.chain.runtimes import UnsupportedRuntime
from btt_chain.primitives.digest import H256
from btt_chain.primitives.extrinsic import opaque
from btt_chain.primitives.header import Header
from btt_chain.scale import codec, u32, u128
from runtime.constants import BTT
from runtime.frame import Call, InvalidBlock, RuntimeVersion
from runtime.frame.version import CODE_KEY
from runtime.params import PARAMS_KEY
from storage.database import ChainStore
from storage.journal_reader import JournalReader
from storage.memory import MemoryKV
from storage.state import StateUnavailable
from storage.trie.root import ordered_root
from support.chain import BOB, CHARLIE, DevChain, account, address, genesis_header


@pytest.fixture(params=[None, 256], ids=["archive", "window"])
def chain(request: pytest.FixtureRequest) -> DevChain:
    return DevChain(pruning=request.param, shared=True)


def listen(client: Client) -> list[ChainEvent]:
    events: list[ChainEvent] = []
    client.listen(events.append)
    return events


def pay(chain: DevChain, amount: int) -> Call:
    return chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=u128(amount))


def fork(chain: DevChain, parent: bytes, length: int = 1) -> list[bytes]:
    """Make blocks on `parent`, none of them final."""
    made = []
    for _ in range(length):
        parent = chain.seal(parent=parent, finalize=False)
        made.append(parent)
    return made


# ---- in


def test_a_store_without_genesis_is_no_chain() -> None:
    with pytest.raises(ValueError, match="no genesis"):
        Client(ChainStore(MemoryKV()), {})


def test_a_block_comes_in_as_its_maker_made_it(chain: DevChain) -> None:
    other = chain.another()
    events = listen(other)
    chain.send(BOB, pay(chain, int(BTT)))
    hash = chain.seal()
    ref = other.import_block(*chain.block(hash))
    assert ref == BlockRef(1, hash) == other.best()
    genesis = other.genesis_hash
    assert events == [NewBlock(hash, genesis, 1, True), NewBest(hash, (hash,), ())]
    assert other.state(hash).root == chain.client.state(hash).root


def test_a_known_block_is_passed_over(chain: DevChain) -> None:
    other = chain.another()
    block = chain.block(chain.seal())
    first = other.import_block(*block)
    events = listen(other)
    assert other.import_block(*block) == first
    assert not events


def test_an_orphan_waits_for_its_parent(chain: DevChain) -> None:
    other = chain.another()
    first, second = chain.seal(), chain.seal()
    with pytest.raises(UnknownBlock, match=first.hex()):
        other.import_block(*chain.block(second))
    other.import_block(*chain.block(first))
    other.import_block(*chain.block(second))
    assert other.best().number == 2


@pytest.mark.parametrize("number", [0, 2, 2**32 - 1])
def test_a_number_that_does_not_follow_is_refused(chain: DevChain, number: int) -> None:
    other = chain.another()
    header, body = chain.block(chain.seal())
    with pytest.raises(InvalidBlock, match="does not follow its parent's, 0"):
        other.import_block(replace(header, number=u32(number)), body)


def test_the_newest_header_is_not_decoded_and_goes_with_its_block(chain: DevChain) -> None:
    first, other = chain.seal(), chain.another()
    header, body = chain.block(first)
    other.import_block(header, body)
    assert other.header(first) is header == Header.decode(header.encode())
    second = chain.seal()
    other.import_block(*chain.block(second))
    assert other.header(first) == header
    other.store.revert(1)
    assert other.header(second) is None


def test_a_refused_block_leaves_no_trace(chain: DevChain) -> None:
    other = chain.another()
    events = listen(other)
    header, body = chain.block(chain.seal())
    wrong = replace(header, state_root=H256(bytes(32)))
    with pytest.raises(InvalidBlock, match="state root"):
        other.import_block(wrong, body)
    assert not events
    assert other.header(wrong.hash()) is None
    other.import_block(header, body)
    assert other.best().hash == header.hash()


def test_an_execution_of_another_header_does_not_count(chain: DevChain) -> None:
    """Only the very block that was made is spared its execution."""
    other = chain.another()
    header, body = chain.block(chain.seal())
    made = other.execute(header, body)
    wrong = replace(header, state_root=H256(bytes(32)))
    with pytest.raises(InvalidBlock):
        other.import_block(wrong, body, made=made)


def test_one_height_takes_so_many_blocks_and_no_more(
    chain: DevChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_FORKS", 3)
    genesis = chain.client.genesis_hash
    known = [fork(chain, genesis)[0] for _ in range(3)]
    assert sorted(chain.client.hashes_at(1)) == sorted(known)
    with pytest.raises(TooManyForks, match="3 blocks are known at height 1"):
        fork(chain, genesis)


def test_a_crowd_does_not_keep_out_what_others_build_on(
    chain: DevChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = chain.another()
    header, body = chain.block(chain.seal())
    monkeypatch.setattr(client_module, "MAX_FORKS", 0)
    with pytest.raises(TooManyForks):
        other.import_block(header, body)
    assert other.import_block(header, body, is_built_on=True).number == 1


def test_weights_are_kept_of_open_blocks_and_the_last_final_one_only(chain: DevChain) -> None:
    genesis = chain.client.genesis_hash
    left, right = fork(chain, genesis, 2), fork(chain, genesis, 3)
    chain.client.finalize(right[1])
    kept = [hash for hash in (genesis, *left, *right) if weight_of(chain, hash) is not None]
    assert kept == right[1:]


def weight_of(chain: DevChain, hash: bytes) -> bytes | None:
    return chain.client.store.aux_get(WEIGHT_KEY + hash)


# ---- forks


def test_the_first_of_two_equals_stays_the_best(chain: DevChain) -> None:
    genesis = chain.client.genesis_hash
    (first,) = fork(chain, genesis)
    events = listen(chain.client)
    (second,) = fork(chain, genesis)
    assert chain.client.best().hash == first
    assert events == [NewBlock(second, genesis, 1, False)]


def test_a_longer_fork_takes_over_and_both_ways_are_reported(chain: DevChain) -> None:
    genesis = chain.client.genesis_hash
    left = fork(chain, genesis, 2)
    events = listen(chain.client)
    right = fork(chain, genesis, 3)
    best = [event for event in events if isinstance(event, NewBest)]
    assert best == [NewBest(right[2], tuple(right), tuple(reversed(left)))]
    news = [event.hash for event in events if isinstance(event, NewBlock)]
    assert news == right
    assert [chain.client.block_hash(number) for number in (1, 2, 3)] == right
    assert isinstance(events[-2], NewBlock)


def test_each_fork_has_its_own_state(chain: DevChain) -> None:
    genesis = chain.client.genesis_hash
    chain.send(BOB, pay(chain, int(BTT)))
    (with_payment,) = fork(chain, genesis)
    paid = chain.at(with_payment).balances.free(account(CHARLIE))
    other = DevChain()
    (without,) = fork(other, genesis)
    chain.client.import_block(*other.block(without))
    assert chain.at(without).balances.free(account(CHARLIE)) == paid - int(BTT)
    assert chain.at(with_payment).balances.free(account(CHARLIE)) == paid


def test_finality_on_the_best_chain_cuts_off_its_rivals(chain: DevChain) -> None:
    genesis = chain.client.genesis_hash
    main = fork(chain, genesis, 3)
    side = fork(chain, genesis, 2)
    events = listen(chain.client)
    chain.client.finalize(main[1])
    assert events == [Finalized((main[0], main[1]), (side[1], side[0]))]
    assert chain.client.finalized() == BlockRef(2, main[1])
    with pytest.raises((InvalidBlock, UnknownBlock)):
        fork(chain, side[1])


def test_finality_on_a_fork_moves_the_head_to_its_best_leaf(chain: DevChain) -> None:
    genesis = chain.client.genesis_hash
    main = fork(chain, genesis, 3)
    side = fork(chain, genesis, 2)
    events = listen(chain.client)
    bodies: list[list[bytes] | None] = []
    chain.client.listen(
        lambda event: (
            bodies.extend(chain.client.body(hash) for hash in event.retracted)
            if isinstance(event, NewBest)
            else None
        )
    )
    chain.client.finalize(side[0])
    assert chain.client.best() == BlockRef(2, side[1])
    assert events[0] == NewBest(side[1], (side[0], side[1]), tuple(reversed(main)))
    assert events[1:] == [Finalized((side[0],), tuple(reversed(main)))]
    assert bodies
    assert None not in bodies  # a listener can still read a block that left the chain


def test_a_block_may_be_made_final_as_it_comes_in_on_a_fork(chain: DevChain) -> None:
    genesis = chain.client.genesis_hash
    main = fork(chain, genesis, 2)
    events = listen(chain.client)
    final = chain.seal(parent=genesis)
    assert events == [
        NewBlock(final, genesis, 1, True),
        NewBest(final, (final,), tuple(reversed(main))),
        Finalized((final,), tuple(reversed(main))),
    ]


def test_a_final_block_on_the_best_chain_reports_the_forks_it_ends(chain: DevChain) -> None:
    genesis = chain.client.genesis_hash
    main = fork(chain, genesis)
    side = fork(chain, genesis)
    events = listen(chain.client)
    final = chain.seal()
    assert events == [
        NewBlock(final, main[0], 2, True),
        NewBest(final, (final,), ()),
        Finalized((main[0], final), tuple(side)),
    ]


def test_a_rival_of_the_head_is_executed_as_on_the_trie(chain: DevChain) -> None:
    other, genesis = chain.another(), chain.client.genesis_hash
    chain.send(
        BOB, chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=u128(BTT))
    )
    for hash in fork(chain, genesis, 2):
        other.import_block(*chain.block(hash))
    for hash in fork(chain, genesis, 3):
        header, body = chain.block(hash)
        assert isinstance(other.store.parent_state(header.parent_hash), JournalReader)
        near = other.execute(header, body).pending
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(other.store, "parent_state", lambda at: other.state(at).apart())
            trie = other.execute(header, body).pending
        assert (near.root, near.changes, near.old) == (trie.root, trie.changes, trie.old)
        assert near.sealed.inserted == trie.sealed.inserted
        assert near.sealed.retired == trie.sealed.retired
        other.import_block(header, body)


@pytest.mark.parametrize("at_once", [True, False], ids=["import", "finalize"])
def test_a_fork_that_is_still_read_is_reported_dead_once_and_pruning_goes_on_after(
    at_once: bool,
) -> None:
    chain = DevChain(pruning=256)
    store, genesis = chain.client.store, chain.client.genesis_hash
    store.state.window = 2
    (main,) = fork(chain, genesis)
    (rival,) = fork(chain, genesis)
    store.state.pin(rival)
    events = listen(chain.client)
    if at_once:
        final = [main, chain.seal(parent=main)]
    else:
        chain.client.finalize(main)
        final = [main]
    assert [event for event in events if isinstance(event, Finalized)] == [
        Finalized(tuple(final), (rival,))
    ]
    assert chain.client.header(rival) is not None
    events.clear()
    for _ in range(4):
        chain.seal()
    assert store.state.base.number == 0
    store.state.unpin(rival)
    last = chain.seal()
    assert chain.client.header(rival) is None
    assert store.state.base.number == chain.client.header_of(last).number - 2
    pruned = [event.pruned for event in events if isinstance(event, Finalized)]
    assert pruned == [()] * 5


def test_what_is_final_stays(chain: DevChain) -> None:
    genesis = chain.client.genesis_hash
    first = chain.seal()
    events = listen(chain.client)
    chain.client.finalize(first)
    assert not events
    with pytest.raises(ValueError, match="descendant"):
        chain.client.finalize(genesis)
    with pytest.raises(UnknownBlock):
        chain.client.finalize(bytes(32))
    with pytest.raises(InvalidBlock, match="below the last final"):
        fork(chain, genesis)


# ---- questions


def test_an_unknown_block_is_named(chain: DevChain) -> None:
    unknown = bytes(range(32))
    client = chain.client
    assert client.header(unknown) is None
    assert client.body(unknown) is None
    assert client.block_hash(9) is None
    for ask in (client.header_of, client.state, client.overlay, client.runtime_at):
        with pytest.raises(UnknownBlock, match=unknown.hex()):
            ask(unknown)


def test_a_state_out_of_the_window_is_gone_and_says_so() -> None:
    chain = DevChain(pruning=256)
    genesis = chain.client.genesis_hash
    chain.client.store.state.window = 2
    for _ in range(4):
        chain.seal()
    assert chain.client.header(genesis) is not None
    with pytest.raises(StateUnavailable):
        chain.client.state(genesis).get(CODE_KEY)
    with pytest.raises(StateUnavailable):
        chain.client.call(genesis, "Core_version", b"")
    chain.client.call(chain.client.best().hash, "Core_version", b"")


# ---- runtimes


def reader(chain: DevChain, **changes: bytes | None) -> dict[bytes, bytes]:
    keys = {"code": CODE_KEY, "params": PARAMS_KEY}
    state = dict(chain.state)
    for name, value in changes.items():
        if value is None:
            del state[keys[name]]
        else:
            state[keys[name]] = value
    return state


def test_one_runtime_serves_all_blocks_of_one_version(chain: DevChain) -> None:
    genesis = chain.client.runtime_at(chain.client.genesis_hash)
    assert chain.client.runtime_at(chain.seal()) is genesis


@pytest.mark.parametrize("name", ["code", "params"])
def test_a_state_without_version_or_parameters_has_no_runtime(chain: DevChain, name: str) -> None:
    with pytest.raises(UnsupportedRuntime, match="can be read, not executed"):
        chain.client.runtimes.of(reader(chain, **{name: None}).get)


@pytest.mark.parametrize(
    ("name", "raw"), [("code", b"\0asm"), ("params", b"\1"), ("params", b"\0" * 8)]
)
def test_a_state_that_cannot_be_read_has_no_runtime(chain: DevChain, name: str, raw: bytes) -> None:
    with pytest.raises(UnsupportedRuntime, match="cannot be read"):
        chain.client.runtimes.of(reader(chain, **{name: raw}).get)


def test_a_chain_of_a_version_to_come_says_what_to_do(chain: DevChain) -> None:
    version = replace(
        codec(RuntimeVersion).decode_all(chain.state[CODE_KEY]), spec_version=u32(123)
    )
    state = reader(chain, code=version.encoded())
    store = ChainStore(MemoryKV(), pruning=None)
    store.insert_genesis(state, genesis_header)
    client = Client(store, {})
    with pytest.raises(
        UnsupportedRuntime, match=r"btt 123, this node carries 100: install a release"
    ):
        client.call(client.genesis_hash, "Core_version", b"")
    header, body = chain.block(chain.seal())
    with pytest.raises(UnsupportedRuntime):
        client.import_block(replace(header, parent_hash=H256(client.genesis_hash)), body)


# ---- news


def test_a_listener_that_stops_receives_no_more() -> None:
    notifier, events = Notifier(), list[ChainEvent]()
    stop = notifier.listen(events.append)
    other = notifier.listen(events.append)
    event = NewBlock(b"h", b"p", 1, True)
    notifier.emit(event)
    stop()
    stop()
    notifier.emit(event)
    other()
    assert events == [event] * 3


def test_a_listener_may_stop_listening_while_it_receives() -> None:
    notifier, events = Notifier(), list[ChainEvent]()

    def once(event: ChainEvent) -> None:
        events.append(event)
        stop()

    stop = notifier.listen(once)
    notifier.listen(events.append)
    for _ in range(2):
        notifier.emit(NewBlock(b"h", b"p", 1, True))
    assert len(events) == 3


def test_the_root_of_a_body_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sync compares it with the header when the body arrives, and so does the import."""
    worked: list[list[bytes]] = []

    def noted(values: Iterable[bytes]) -> bytes:
        worked.append(list(values))
        return ordered_root(worked[-1])

    monkeypatch.setattr(runtimes, "ordered_root", noted)
    body = [b"\x04first of a test", b"\x04second of a test"]
    root = runtimes.extrinsics_root(body)
    assert runtimes.extrinsics_root(list(body)) == root == ordered_root(map(opaque, body))
    assert len(worked) == 1
    assert runtimes.extrinsics_root(body[::-1]) != root
    assert len(worked) == 2
