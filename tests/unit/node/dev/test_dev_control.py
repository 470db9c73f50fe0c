"""Development controls: blocks, time, state, head and signatures of a hand-sealed chain."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from functools import cache

import pytest

from btt_chain.chain.notify import ChainEvent, Finalized, NewBest
from btt_chain.chain.trace import changes_of
from btt_chain.crypto.hashing import twox_128
from btt_chain.node.dev.control import MAX_BLOCKS, DevControl, DevRefused
from btt_chain.node.dev.impersonation import is_mock, mock_signature
from btt_chain.node.dev.sealing import MAX_TIME_MS
from btt_chain.primitives.account import EcdsaSignature, Sr25519Signature
from btt_chain.primitives.validity import BadProof, Invalid
from btt_chain.scale import u8, u128
from btt_chain.txpool import PoolError
from runtime.accounts import MINING
from runtime.constants import BTT
from runtime.frame.version import CODE_KEY
from runtime.pallets.tier_staking.pallet import TierStaking
from storage.memory import MemoryKV
from support.chain import ALICE, BOB, CHARLIE, address
from support.dev_node import DevNode

DAY_MS = 86_400_000


@cache
def block_zero() -> dict[bytes, bytes]:
    """Return the rows of a database with block zero only: building it takes a second."""
    kv = MemoryKV()
    DevNode(kv)
    return dict(kv.iterate(b""))


@pytest.fixture
def node() -> DevNode:
    kv = MemoryKV()
    kv.write(dict(block_zero()))
    return DevNode(kv)


def free(node: DevNode, who: bytes) -> int:
    return int(node.account(who).data.free)


def number(node: DevNode) -> int:
    return node.client.best().number


# ---- blocks and time


def test_blocks_are_made_on_demand(node: DevNode) -> None:
    node.pay(int(BTT), CHARLIE.account_id)
    before = free(node, CHARLIE.account_id)
    hash = node.control.new_block()
    assert (number(node), node.client.best().hash) == (1, hash)
    assert free(node, CHARLIE.account_id) == before + int(BTT)


@pytest.mark.parametrize(
    ("count", "to", "height", "blocks"),
    [(None, None, None, 1), (3, None, None, 3), (None, 7, None, 7), (0, None, None, 1),
     (None, None, 1, 1), (2, None, 1, 2)],
)  # fmt: skip
def test_the_number_of_blocks_is_a_count_or_a_height(
    node: DevNode, count: int | None, to: int | None, height: int | None, blocks: int
) -> None:
    assert node.control.check_count(count, to, height) == blocks


@pytest.mark.parametrize(
    ("count", "height", "why"),
    [
        (None, 0, "must be greater than current block height"),
        (None, 100, "consecutive, the next is 1"),
        (MAX_BLOCKS + 1, None, "at most"),
    ],
)
def test_other_numbers_of_blocks_are_refused(
    node: DevNode, count: int | None, height: int | None, why: str
) -> None:
    with pytest.raises(DevRefused, match=why):
        node.control.check_count(count, None, height)


def test_given_transactions_leave_the_pool_alone(node: DevNode) -> None:
    call = node.call("System", "remark", remark=b"given")
    wire = node.sign(BOB, call)
    waiting = node.pay(int(BTT), CHARLIE.account_id)
    hash = node.control.new_block([wire])
    assert [len(node.client.body(hash) or ()), len(node.pool.pool.pending())] == [2, 1]
    assert node.pool.pool.get(waiting) is not None


def test_a_given_transaction_that_cannot_be_in_the_block_is_named(node: DevNode) -> None:
    wire = node.sign(BOB, node.call("System", "remark", remark=b"once"))
    node.control.new_block([wire])
    with pytest.raises(DevRefused, match="cannot be in the block"):
        node.control.new_block([wire])
    assert number(node) == 1


def test_given_transactions_that_wait_for_a_nonce_are_counted(node: DevNode) -> None:
    first = node.sign(BOB, node.call("System", "remark", remark=b"1"))
    node.control.new_block([first])
    later = node.sign(BOB, node.call("System", "remark", remark=b"2"))
    node.control.set_head(node.client.genesis_hash)
    with pytest.raises(DevRefused, match="1 of 1 transactions"):
        node.control.new_block([later])


def test_time_travel_makes_one_block_at_that_time(node: DevNode) -> None:
    node.control.new_block()
    target = node.control.now_ms() + 7 * DAY_MS
    node.control.time_travel(target)
    assert (number(node), node.control.now_ms()) == (2, target)
    node.control.new_block()
    assert node.control.now_ms() == target + 1_000
    assert node.audit() == []


@pytest.mark.parametrize("days", [7, 400, 4_000])
def test_a_long_jump_keeps_the_audits_of_a_chain_in_use(node: DevNode, days: int) -> None:
    stake = node.call(
        "TierStaking", "stake", amount=u128(5_000 * int(BTT)), tier=u8(0), min_reward=u128(0)
    )
    node.pool.submit(node.sign(BOB, stake))
    node.control.new_block()
    node.pay(int(BTT), CHARLIE.account_id)
    node.control.time_travel(node.control.now_ms() + days * DAY_MS)
    for _ in range(5):
        node.control.new_block()
        assert node.audit() == []
    assert len(list(node.runtime().pallet(TierStaking).ledger.stakes.items())) == 1
    assert number(node) == 7


def test_a_new_chain_may_begin_in_the_past(node: DevNode) -> None:
    target = 1_672_531_200_000
    node.control.time_travel(target)
    node.control.new_block()
    assert node.control.now_ms() == target + 1_000


def test_time_does_not_move_back(node: DevNode) -> None:
    node.control.new_block()
    with pytest.raises(DevRefused, match="time only moves forward"):
        node.control.time_travel(node.control.now_ms())
    node.now += 60
    node.control.new_block()
    assert node.control.now_ms() == int(node.now * 1_000)


def test_a_travelled_clock_outlives_the_node(node: DevNode) -> None:
    node.control.time_travel(1_672_531_200_000)
    again = DevNode(node.kv)
    again.control.new_block()
    assert again.control.now_ms() == 1_672_531_201_000


def test_a_chosen_time_is_left_with_its_block(node: DevNode) -> None:
    before = node.control.new_block()
    snapshot = node.control.snapshot()
    node.control.time_travel(1_900_000_000_000)
    node.now += 50
    assert node.control.revert(snapshot)
    assert node.client.best().hash == before
    node.control.new_block()
    assert node.control.now_ms() == int(node.now * 1_000)


# ---- state


def test_a_set_value_is_a_block_with_a_real_root(node: DevNode) -> None:
    key = node.runtime().sudo.key.prefix
    before = number(node)
    hash = node.control.set_values({key: BOB.account_id})
    assert number(node) == before + 1
    assert node.runtime().sudo.key.value == BOB.account_id
    assert node.root() == node.client.header_of(hash).state_root
    assert changes_of(node.client.store.aux_get, hash) == {key: BOB.account_id}
    node.control.set_values({key: None})
    assert node.runtime().sudo.key.get() is None


def test_a_set_value_leaves_waiting_transactions_waiting(node: DevNode) -> None:
    waiting = node.pay(int(BTT), CHARLIE.account_id)
    node.control.set_balance(BOB.account_id, int(BTT))
    assert node.pool.pool.get(waiting) is not None
    assert len(node.client.body(node.control.new_block()) or ()) == 2


def test_values_can_be_set_on_an_earlier_block(node: DevNode) -> None:
    first = node.control.new_block()
    node.control.new_block()
    node.control.set_values({node.runtime().sudo.key.prefix: BOB.account_id}, first)
    assert (number(node), node.client.block_hash(1)) == (2, first)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        (CODE_KEY, b"\0", "selects the runtime"),
        (b"\1" * 32, b"\0", "belongs to no storage item"),
        (None, b"\0", "Sudo.Key: unreadable bytes"),
    ],
)
def test_values_that_no_block_could_follow_are_refused(
    node: DevNode, key: bytes | None, value: bytes, why: str
) -> None:
    root = node.root()
    with pytest.raises(DevRefused, match=why):
        node.control.set_values({key or node.runtime().sudo.key.prefix: value})
    assert (number(node), node.root()) == (0, root)


@pytest.mark.parametrize("name", ["Timestamp.Now", "Babe.CurrentSlot"])
def test_a_chain_whose_clock_is_beyond_its_range_says_so_and_can_be_set_back(
    node: DevNode, name: str
) -> None:
    head = node.control.new_block()
    pallet, item = name.split(".")
    prefix = twox_128(pallet.encode()) + twox_128(item.encode())
    node.control.set_values({prefix: bytes([255]) * 8})
    for act in (node.control.new_block, node.control.snapshot, node.control.status):
        with suppress(DevRefused):
            act()
    with pytest.raises(DevRefused, match="dev_setHead"):
        node.control.new_block()
    node.control.set_head(head)
    node.control.new_block()


def test_a_time_after_all_dates_is_refused_in_words(node: DevNode) -> None:
    for moment_ms in (MAX_TIME_MS + 1_001, 2**63, 2**64 - 1, 2**64, 10**40):
        with pytest.raises(DevRefused, match="after the year 9999"):
            node.control.time_travel(moment_ms)
    node.control.new_block()


def test_a_set_balance_keeps_the_sums_of_the_economy(node: DevNode) -> None:
    newcomer = bytes(31) + b"\7"
    for who, amount in (
        (ALICE.account_id, 10**9 * int(BTT)),
        (BOB.account_id, int(BTT)),
        (newcomer, int(BTT)),
        (newcomer, 0),
        (newcomer, 5 * int(BTT)),
    ):
        node.control.set_balance(who, amount)
        assert free(node, who) == amount
        assert node.audit() == []
    assert node.account(newcomer).providers == 1


def test_a_balance_below_the_least_one_is_refused(node: DevNode) -> None:
    with pytest.raises(DevRefused, match="holds at least"):
        node.control.set_balance(BOB.account_id, 1)
    with pytest.raises(DevRefused, match="is a pool"):
        node.control.set_balance(MINING, int(BTT))
    with pytest.raises(DevRefused, match="out of range"):
        node.control.set_balance(BOB.account_id, u128.MAX)


def test_a_locked_balance_is_not_set_lower(node: DevNode) -> None:
    data = node.runtime().system.account
    info = node.account(BOB.account_id)
    info.data.frozen = u128(5 * int(BTT))
    key = next(key for key in node.flat() if key.endswith(BOB.account_id))
    node.control.set_values({key: data.shape().value.encode(info)})
    with pytest.raises(DevRefused, match="are locked"):
        node.control.set_balance(BOB.account_id, int(BTT))


# ---- dry runs


def test_a_dry_run_shows_what_would_change_and_changes_nothing(node: DevNode) -> None:
    node.control.new_block()
    call = node.call("Balances", "transfer_keep_alive", dest=address(BOB), value=u128(int(BTT)))
    root = node.root()
    diff = node.control.dry_run(node.sign(ALICE, call))
    accounts = node.runtime().system.account
    changed = {key: (old, new) for key, old, new in diff}
    key = next(key for key in changed if key.endswith(BOB.account_id))
    old, new = (accounts.shape().value.decode_all(raw or b"") for raw in changed[key])
    assert int(new.data.free) - int(old.data.free) == int(BTT)
    assert node.runtime().system.events.prefix in changed
    assert (node.root(), node.client.best().number) == (root, 1)


def test_a_call_is_tried_for_an_account_without_its_key(node: DevNode) -> None:
    call = node.call("Sudo", "remove_key")
    diff = node.control.dry_run_call(call.raw, ALICE.account_id)
    assert node.runtime().sudo.key.prefix in {key for key, _, _ in diff}
    assert node.control.impersonation.accounts == []


def test_a_transaction_that_is_invalid_has_no_dry_run(node: DevNode) -> None:
    wire = node.sign(ALICE, node.call("Sudo", "remove_key"), forged=Sr25519Signature(bytes(64)))
    with pytest.raises(DevRefused, match=r"(?i)bad ?proof|signature"):
        node.control.dry_run(wire)
    with pytest.raises(DevRefused):
        node.control.dry_run(b"\1\2\3")
    with pytest.raises(DevRefused, match="Block not found"):
        node.control.dry_run(wire, b"\1" * 32)


# ---- head


def test_the_head_can_be_set_to_any_block(node: DevNode) -> None:
    hashes = [node.client.genesis_hash, *(node.control.new_block() for _ in range(4))]
    roots = [node.client.header_of(hash).state_root for hash in hashes]
    for place in (1, 4, 0, 3, 3):
        node.control.set_head(hashes[place])
        assert node.client.best() == node.client.finalized()
        assert (number(node), node.root()) == (place, roots[place])
        assert node.client.block_hash(place + 1) is None
    node.now += 100
    other = node.control.new_block()
    assert (number(node), node.client.block_hash(3)) == (4, hashes[3])
    assert other != hashes[4]
    node.control.set_head(hashes[4])
    assert node.client.block_hash(4) == hashes[4]


def test_an_unknown_block_is_no_head(node: DevNode) -> None:
    with pytest.raises(DevRefused, match="Block not found 0x01"):
        node.control.set_head(b"\1" * 32)


def test_a_node_without_old_states_cannot_go_back(node: DevNode) -> None:
    pruned = DevNode(MemoryKV(), pruning=256)
    hash = pruned.control.new_block()
    with pytest.raises(DevRefused, match="--pruning archive"):
        pruned.control.set_head(hash)


def test_among_blocks_that_are_not_final_the_head_moves_as_in_a_reorganisation(
    node: DevNode,
) -> None:
    events: list[ChainEvent] = []
    first = node.sealer.seal(finalize=False).hash
    node.now += 10
    other = node.sealer.seal(parent=node.client.genesis_hash, finalize=False).hash
    assert node.client.best().hash == first
    node.client.listen(events.append)
    node.control.set_head(other)
    assert events == [NewBest(other, (other,), (first,))]
    assert node.client.finalized().number == 0


def test_leaving_final_blocks_is_reported_without_retracting_transactions(node: DevNode) -> None:
    first = node.control.new_block()
    node.pay(int(BTT), CHARLIE.account_id)
    node.control.new_block()
    events: list[ChainEvent] = []
    node.client.listen(events.append)
    node.control.set_head(first)
    assert events == [NewBest(first, (), ()), Finalized((first,), ())]
    assert node.pool.pool.pending() == []


def test_a_transaction_of_a_left_block_may_be_sent_again(node: DevNode) -> None:
    first = node.control.new_block()
    call = node.call("System", "remark", remark=b"again")
    wire = node.sign(BOB, call)
    for _ in range(2):
        node.pool.submit(wire)
        hash = node.control.new_block()
        assert len(node.client.body(hash) or ()) == 2
        node.control.set_head(first)


def test_a_waiting_transaction_is_validated_on_the_new_head(node: DevNode) -> None:
    first = node.control.new_block()
    node.control.set_balance(bytes(32)[1:] + b"\7", int(BTT))
    node.control.new_block([node.sign(BOB, node.call("System", "remark", remark=b"1"))])
    later = node.pool.submit(node.sign(BOB, node.call("System", "remark", remark=b"2")))
    node.control.set_head(first)
    assert node.pool.pool.get(later) is not None
    assert len(node.client.body(node.control.new_block()) or ()) == 1


def test_the_same_block_may_be_made_twice(node: DevNode) -> None:
    node.control.time_travel(1_900_000_000_000)
    snapshot = node.control.snapshot()
    made = node.control.new_block()
    assert node.control.revert(snapshot)
    assert node.control.new_block() == made
    assert node.client.best().hash == made
    assert node.root() == node.client.header_of(made).state_root


def test_a_snapshot_is_used_once_and_ends_the_later_ones(node: DevNode) -> None:
    first = node.control.snapshot()
    node.control.new_block()
    second = node.control.snapshot()
    node.control.new_block()
    assert DevNode(node.kv).control.revert(first)
    again = DevNode(node.kv)
    assert again.client.best().number == 0
    assert not again.control.revert(first)
    assert not again.control.revert(second)
    assert again.control.snapshot() == 1


# ---- signatures


def remark(node: DevNode, forged: Sr25519Signature | EcdsaSignature) -> bytes:
    return node.sign(BOB, node.call("System", "remark", remark=b"of Bob"), forged=forged)


def test_an_impersonated_account_signs_with_any_bytes(node: DevNode) -> None:
    wire = remark(node, Sr25519Signature(b"\5" * 64))
    with pytest.raises(PoolError) as refused:
        node.pool.submit(wire)
    assert isinstance(refused.value.__cause__, Invalid)
    assert isinstance(refused.value.__cause__.reason, BadProof)
    node.control.impersonate(BOB.account_id)
    node.now += 3_600
    node.pool.submit(wire)
    assert len(node.client.body(node.control.new_block()) or ()) == 2
    assert node.control.stop_impersonating(BOB.account_id)
    assert not node.control.stop_impersonating(BOB.account_id)
    node.now += 3_600
    with pytest.raises(PoolError):
        node.pool.submit(remark(node, Sr25519Signature(b"\5" * 64)))


@pytest.mark.parametrize(
    "forged", [Sr25519Signature(mock_signature()), EcdsaSignature(mock_signature(65))]
)
def test_mock_signatures_are_accepted_on_request(
    node: DevNode, forged: Sr25519Signature | EcdsaSignature
) -> None:
    node.control.accept_mock_signatures(True)
    node.pool.submit(remark(node, forged))
    assert len(node.client.body(node.control.new_block()) or ()) == 2
    node.control.accept_mock_signatures(False)
    with pytest.raises(PoolError):
        node.pool.submit(remark(node, forged))


def test_a_mock_signature_is_known_by_all_its_bytes() -> None:
    assert is_mock(mock_signature())
    assert not is_mock(mock_signature()[:-1] + b"\0")
    assert not is_mock(b"\0" + mock_signature()[1:])


# ---- modes


def test_the_way_of_sealing_is_chosen_by_name(node: DevNode) -> None:
    for name, mode in (("Batch", "instant"), ("Manual", "manual"), ("Instant", "instant")):
        node.control.set_mode_named(name)
        assert node.control.status()["mode"] == mode
    with pytest.raises(DevRefused, match="Invalid mode 7"):
        node.control.set_mode_named("7")


# ---- random sequences


def actions(control: DevControl, rng: random.Random) -> list[Callable[[], object]]:
    def back() -> None:
        hash = control.client.block_hash(rng.randint(0, control.client.best().number))
        control.set_head(hash or b"")

    return [
        control.new_block,
        lambda: control.time_travel(control.now_ms() + rng.choice([2_000, 3_600_000, DAY_MS])),
        lambda: control.set_balance(
            rng.choice([BOB, CHARLIE]).account_id, rng.randint(1, 99) * BTT
        ),
        lambda: control.set_values({}),
        back,
    ]


@pytest.mark.parametrize("seed", range(2))
def test_random_controls_keep_the_audits_and_revert_to_the_same_root(
    node: DevNode, seed: int
) -> None:
    rng = random.Random(seed)
    node.control.new_block()
    for _ in range(3):
        state, root, snapshot = node.flat(), node.root(), node.control.snapshot()
        for _ in range(6):
            if rng.random() < 0.3:
                node.pay(int(BTT), CHARLIE.account_id)
                node.control.new_block()
            rng.choice(actions(node.control, rng))()
            node.root()
        assert node.audit() == []
        assert node.control.revert(snapshot)
        assert (node.flat(), node.root()) == (state, root)
        rng.choice(actions(node.control, rng)[:4])()
    assert node.failures == []
