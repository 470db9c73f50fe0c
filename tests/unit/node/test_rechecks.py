"""Rechecks of the pool: what was kept of a transaction gives the verdict that its bytes give."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.chain.signature_cache import SignatureCache
from btt_chain.node.transactions import pool as service
from btt_chain.primitives import validity
from btt_chain.primitives.account import AccountId, AccountInfo
from btt_chain.primitives.arithmetic import FixedU128
from btt_chain.primitives.digest import H256
from btt_chain.primitives.era import Immortal, Mortal
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.primitives.validity import Invalid, TransactionSource, Unknown, ValidTransaction
from btt_chain.scale import u32, u64, u128
from btt_chain.txpool import (
    BlockRef,
    ImmediatelyDropped,
    Limits,
    Pool,
    RecheckBudget,
    SenderLimit,
    Status,
    StatusEvent,
    Transaction,
    Validated,
    nonce_tag,
)
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.executive import Executive
from runtime.frame import Call
from runtime.kept import Kept
from runtime.params import RuntimeParams
from support.chain import ALICE, BOB, CHARLIE, DAVE, START, DevChain, account, address

EXTERNAL = TransactionSource.External
PEOPLE = (ALICE, BOB, CHARLIE, DAVE)
Verdict = ValidTransaction | tuple[type[Exception], object]


# ---- the same verdict


@dataclass(frozen=True)
class Draft:
    """A transaction to be."""

    who: int
    ahead: int
    tip: int
    period: int
    age: int
    call: int


@dataclass(frozen=True)
class Change:
    """A change of an account, or of the chain, before the recheck."""

    who: int
    nonce: int
    free: int
    frozen: int
    keeps: bool


DRAFTS = st.builds(
    Draft,
    who=st.integers(0, 3),
    ahead=st.integers(0, 3),
    tip=st.sampled_from([0, 1, int(BTT), START // 2]),
    period=st.sampled_from([0, 4, 8, 64]),
    age=st.integers(0, 6),
    call=st.integers(0, 3),
)
CHANGES = st.builds(
    Change,
    who=st.integers(0, 3),
    nonce=st.integers(0, 4),
    free=st.sampled_from([0, 1, int(BTT) // 100, int(BTT), START // 2, START]),
    frozen=st.sampled_from([0, 0, int(BTT), START]),
    keeps=st.sampled_from([True, True, True, False]),
)
BEST = 20
"""The height of the state that transactions are made for."""


def block_hash(number: int, fork: int = 0) -> H256:
    return H256(number.to_bytes(4, "little") * 7 + fork.to_bytes(4, "little"))


class ChainWithAccounts:
    """A state at height BEST that a test may change, and the runtime that judges on it."""

    def __init__(self) -> None:
        self.chain = DevChain(shared=True)
        self.executive = self.chain.client.runtime_at(self.chain.client.genesis_hash).pool
        remark = self.chain.call("System", "remark", remark=b"x")
        self.calls: list[Call] = [
            remark,
            self.chain.call(
                "Balances", "transfer_keep_alive", dest=address(BOB), value=u128(int(BTT))
            ),
            self.chain.call("Utility", "batch", calls=[remark] * 5),
            self.chain.call("Sudo", "sudo", call=remark),
        ]

    def sign(self, draft: Draft) -> bytes:
        """Return the inner bytes of a transaction that is alive at BEST."""
        era: Immortal | Mortal = Immortal()
        birth = None
        if draft.period:
            era = Mortal.at(BEST - min(draft.age, draft.period - 1), draft.period)
            birth = bytes(block_hash(era.birth(BEST)))
        return unwrap(
            self.chain.sign(
                PEOPLE[draft.who],
                self.calls[draft.call],
                nonce=draft.ahead,
                tip=draft.tip,
                era=era,
                birth=birth,
            )
        )

    def at(
        self,
        height: int,
        executive: Executive | None = None,
        *,
        fork: int = 0,
        multiplier: int | None = None,
        changes: tuple[Change, ...] = (),
    ) -> Executive:
        """Open the view of a state at `height`, after some changes."""
        executive = executive or self.executive
        overlay = self.chain.client.overlay(self.chain.client.genesis_hash)
        runtime = self.chain.runtime
        runtime.enter(overlay)
        for number in range(height - 30, height):
            # Blocks from 17 on differ between forks.
            if number > 0:
                runtime.system.block_hash[u32(number)] = block_hash(
                    number, fork if number > 16 else 0
                )
        runtime.system.block_hash[u32(0)] = H256(self.chain.client.genesis_hash)
        runtime.system.number.value = u32(height)
        if multiplier is not None:
            runtime.fees.next_fee_multiplier.value = FixedU128(multiplier)
        for change in changes:
            apply(runtime, change)
        executive.open_pool_view(overlay, block_hash(height, fork))
        return executive


def apply(runtime: BttRuntime, change: Change) -> None:
    who = account(PEOPLE[change.who])
    if not change.keeps:
        del runtime.system.account[who]
        return
    info: AccountInfo = runtime.system.account[who]
    info.nonce = u32(change.nonce)
    info.data.free, info.data.frozen = u128(change.free), u128(change.frozen)
    runtime.system.account[who] = info


def verdict(judge: Callable[[], ValidTransaction]) -> Verdict:
    try:
        return judge()
    except (Invalid, Unknown) as refusal:
        return type(refusal), refusal.reason


@given(
    drafts=st.lists(DRAFTS, min_size=1, max_size=4),
    changes=st.lists(CHANGES, max_size=4),
    height=st.integers(BEST - 4, BEST + 70),
    fork=st.sampled_from([0, 0, 1]),
    multiplier=st.sampled_from([None, 10**17, 3 * 10**18, 10**24]),
)
def test_a_recheck_gives_what_a_full_validation_gives(
    drafts: list[Draft],
    changes: list[Change],
    height: int,
    fork: int,
    multiplier: int | None,
) -> None:
    accounts = ChainWithAccounts()
    admitted = []
    for draft in drafts:
        raw = accounts.sign(draft)
        judged = verdict(partial(accounts.at(BEST).validate_transaction, EXTERNAL, raw))
        if isinstance(judged, ValidTransaction):
            admitted.append((raw, accounts.at(BEST).admit(EXTERNAL, raw)[1]))
    executive = accounts.at(height, fork=fork, multiplier=multiplier, changes=tuple(changes))
    for raw, kept in admitted:
        assert kept is not None
        quick: ValidTransaction | None = None
        try:
            quick = executive.recheck(kept)
        except (Invalid, Unknown) as refusal:
            refused: Verdict = (type(refusal), refusal.reason)
            assert verdict(partial(executive.validate_transaction, EXTERNAL, raw)) == refused
            continue
        full = verdict(partial(executive.validate_transaction, EXTERNAL, raw))
        if quick is None:
            # Only where the signature would have to cover something else: then it is invalid.
            assert full == (Invalid, validity.BadProof())
        else:
            assert quick == full


def test_on_the_next_block_a_recheck_needs_no_bytes() -> None:
    accounts = ChainWithAccounts()
    for period in (0, 64):
        raw = accounts.sign(Draft(1, 0, 0, period, 0, 2))
        kept = accounts.at(BEST).admit(EXTERNAL, raw)[1]
        assert kept is not None
        for height in (BEST + 1, BEST + 30):
            quick = accounts.at(height).recheck(kept)
            assert quick is not None
            assert quick == accounts.executive.validate_transaction(EXTERNAL, raw)


def test_under_another_runtime_the_bytes_are_judged() -> None:
    accounts = ChainWithAccounts()
    raw = accounts.sign(Draft(1, 0, 0, 0, 0, 1))
    kept = accounts.at(BEST).admit(EXTERNAL, raw)[1]
    assert kept is not None
    version = replace(accounts.chain.runtime.version, spec_version=u32(101))
    for runtime in (
        BttRuntime(RuntimeParams(u64(6_000)), version=version),
        BttRuntime(RuntimeParams(u64(6_000))),
    ):
        other = Executive(
            runtime, check_signature=SignatureCache(), ordered_root=lambda _: bytes(32)
        )
        assert accounts.at(BEST, other).recheck(kept) is None
        judged = verdict(lambda: other.validate_transaction(EXTERNAL, raw))  # noqa: B023
        is_new = runtime.version.spec_version == 101
        assert (judged == (Invalid, validity.BadProof())) is is_new


def test_what_is_kept_is_small_however_large_the_call_is() -> None:
    accounts = ChainWithAccounts()
    sizes = set()
    for count in (1, 4_000):
        remark = accounts.chain.call("System", "remark", remark=b"")
        batch = accounts.chain.call("Utility", "force_batch", calls=[remark] * count)
        raw = unwrap(accounts.chain.sign(BOB, batch))
        kept = accounts.at(BEST).admit(EXTERNAL, raw)[1]
        assert isinstance(kept, Kept)
        parts = (kept, kept.who, kept.extra, kept.implicit, kept.info, kept.length)
        assert not any(isinstance(part, Call) for part in parts)
        sizes.add(sum(map(sys.getsizeof, parts)))
    assert max(sizes) < 1_000


# ---- the service


def batch_of(chain: DevChain, outer: int, inner: int) -> Call:
    remark = chain.call("System", "remark", remark=b"")
    return chain.call(
        "Utility", "batch", calls=[chain.call("Utility", "batch", calls=[remark] * inner)] * outer
    )


def test_rechecks_do_not_decode_transactions_again(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = DevChain()
    for sender in (BOB, CHARLIE):
        for nonce in range(10):
            chain.pool.submit(chain.sign(sender, batch_of(chain, 4, 999), nonce=nonce + 1))
    decoded: list[bytes] = []
    executive = chain.client.runtime_at(chain.client.best().hash).pool
    admit = executive.admit

    def counted(source: TransactionSource, raw: bytes) -> tuple[ValidTransaction, Kept | None]:
        decoded.append(raw)
        return admit(source, raw)

    monkeypatch.setattr(executive, "admit", counted)
    begun = time.process_time()
    chain.pool.in_turns = True
    chain.seal()
    while chain.pool.recheck_some():
        pass
    assert not decoded
    # Each took 10 ms and more when it was decoded again.
    assert time.process_time() - begun < 0.15
    assert chain.pool.pool.status().future == 20


def test_rechecks_are_done_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "RECHECKS", 3)
    chain = DevChain()
    chain.pool.in_turns = True
    waiting = [chain.sign(BOB, batch_of(chain, 1, 1), nonce=nonce + 1) for nonce in range(7)]
    for wire in waiting:
        chain.pool.submit(wire)
    assert not chain.pool.has_rechecks
    chain.seal()
    turns = [chain.pool.has_rechecks]
    while turns[-1]:
        turns.append(chain.pool.recheck_some())
    assert turns == [True, True, True, False]
    assert not chain.pool.recheck_some()


def test_a_turn_ends_when_its_time_is_over() -> None:
    chain = DevChain()
    chain.pool.in_turns = True
    for nonce in range(5):
        chain.pool.submit(chain.sign(BOB, batch_of(chain, 1, 1), nonce=nonce + 1))
    chain.seal()
    turns = 0
    while chain.pool.has_rechecks:
        chain.pool.recheck_some(RecheckBudget(100, is_late=lambda: True))
        turns += 1
    assert turns == 5


def test_what_blocks_made_invalid_leaves_the_pool_in_a_later_turn() -> None:
    chain = DevChain()
    chain.pool.in_turns = True
    chain.send(BOB, chain.call("Balances", "transfer_allow_death", dest=address(CHARLIE),
                               value=u128(START - 2 * int(BTT))))  # fmt: skip
    poorer = chain.sign(BOB, batch_of(chain, 1, 1), nonce=1, tip=5 * int(BTT))
    events: list[StatusEvent] = []
    hash = chain.pool.submit(poorer)
    chain.pool.watch(hash, events.append)
    block = chain.seal()
    # The author found it out before the recheck: a block judges what it takes.
    assert len(chain.client.body(block) or []) == 2
    while chain.pool.recheck_some():
        pass
    assert events[-1].status is Status.INVALID
    assert chain.pool.pool.status().ready == 0


def test_a_retracted_transaction_comes_back_in_a_turn() -> None:
    chain = DevChain()
    chain.pool.in_turns = True
    wire = chain.sign(BOB, batch_of(chain, 1, 1))
    chain.pool.submit(wire)
    chain.seal(finalize=False)
    rival = DevChain(now=chain.now + 1)
    parent = rival.client.genesis_hash
    for _ in range(2):
        parent = rival.seal(parent=parent, finalize=False)
        chain.client.import_block(*rival.block(parent))
    assert chain.pool.has_rechecks
    assert not chain.pool.recheck_some()
    assert chain.pool.pool.pending() == [wire]


# ---- the pool's budget, and its senders


def verdict_of(raw: bytes, *, kept: object = "kept") -> Validated:
    nonce = raw[1]
    who = bytes([raw[0]]) * 32
    return Validated(ValidTransaction(u64(1), [], [nonce_tag(who, nonce)], u64(64)), kept, who)


def full(raw: bytes, source: TransactionSource, at: BlockRef) -> Validated:
    return verdict_of(raw)


def plain(tx: Transaction, at: BlockRef) -> ValidTransaction:
    return verdict_of(tx.raw).valid


FIRST, NEXT = BlockRef(1, b"1"), BlockRef(2, b"2")


def filled(pool: Pool, count: int, size: int = 1_000, sender: int = 1) -> Pool:
    for nonce in range(count):
        pool.submit(bytes([sender, nonce]) + bytes(size - 2), EXTERNAL, 0.0, FIRST)
    return pool


def test_a_turn_ends_when_its_bytes_are_decoded() -> None:
    pool = filled(Pool(full), 10)
    assert pool.revalidate(RecheckBudget(100, 2_500), 0.0, NEXT) == 3
    assert pool.revalidate(RecheckBudget(100, 1), 0.0, NEXT) == 1
    assert pool.revalidate(RecheckBudget(100), 0.0, NEXT) == 6


def test_what_is_kept_costs_no_bytes() -> None:
    pool = filled(Pool(full, recheck=plain), 10)
    assert pool.revalidate(RecheckBudget(100, 1), 0.0, NEXT) == 10
    assert not pool.must_recheck(NEXT.hash)
    assert all(tx.kept == "kept" for tx in pool.ready())


def test_one_account_fills_a_part_of_the_pool_only() -> None:
    pool = filled(Pool(full, Limits(sender_bytes=5_000)), 5)
    with pytest.raises(SenderLimit, match="5000 bytes in the pool and may have 5000"):
        filled(pool, 1, 1_001)
    assert isinstance(SenderLimit(pool.status(), 1, 1), ImmediatelyDropped)
    with pytest.raises(SenderLimit):
        pool.submit(bytes([1, 9]) + bytes(998), EXTERNAL, 0.0, FIRST)
    filled(pool, 5, sender=2)
    assert pool.status().ready == 10
    pool.remove_invalid({next(iter(pool.ready())).hash: "gone"}, 0.0)
    assert pool.status().ready == 9


def test_room_of_an_account_comes_back_with_each_way_out_of_the_pool() -> None:
    pool = filled(Pool(full, Limits(sender_bytes=3_000)), 3)
    for tx in list(pool.ready()):
        pool.remove_invalid({tx.hash: "gone"}, 0.0)
    for nonce in range(3):
        pool.submit(bytes([1, nonce]) + bytes([7]) * 998, EXTERNAL, 0.0, FIRST)
    assert pool.status().ready == 3


def test_account_ids_of_senders_are_plain_bytes() -> None:
    chain = DevChain()
    hash = chain.send(BOB, batch_of(chain, 1, 1))
    known = chain.pool.pool.get(hash)
    assert known is not None
    assert known.sender == bytes(AccountId(BOB.account_id))
