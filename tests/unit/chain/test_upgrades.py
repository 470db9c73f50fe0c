"""A chain changes its runtime at a slot; a node without the next one stops before it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.chain.client import Client
from btt_chain.chain.runtimes import (
    Release,
    RuntimeRegistry,
    UnsupportedRuntime,
    UnsupportedUpgrade,
)
from btt_chain.node.dev.sealing import SealRefused
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import RuntimeEnvironmentUpdated
from btt_chain.primitives.validity import BadProof
from btt_chain.scale import codec, u32
from btt_chain.txpool import TransactionInvalid
from runtime import VERSION, BttRuntime
from runtime.frame import MigrationFailed, RuntimeVersion
from runtime.frame.host import Finalization
from runtime.frame.migration import LAST_UPGRADE_KEY, Migration
from runtime.frame.version import CODE_KEY, LastRuntimeUpgradeInfo
from runtime.pallets.system.pallet import System
from runtime.params import RuntimeParams
from storage.trie import state_root
from support.chain import ALICE, BOB, DevChain, account
from support.next_runtime.btt_next_runtime import NEXT, STEP_WEIGHT, Guestbook, Holder, NextRuntime
from support.programs import DAY, new_runtimes, planned


def run_to(chain: DevChain) -> bytes:
    """Seal until the next block is the one at the slot; return the best block."""
    for _ in range(DAY):
        last = chain.seal()
    return last


@pytest.fixture(scope="module")
def upgraded() -> tuple[DevChain, list[bytes]]:
    """Return a chain and its last four blocks: two before, one at, and one after the slot."""
    chain = planned(new=True)
    run_to(chain)
    return chain, [chain.client.best().hash, chain.seal(), chain.seal(), chain.seal()]


def code(chain: DevChain, hash: bytes) -> bytes | None:
    return chain.client.state(hash).get(CODE_KEY)


def test_a_block_runs_under_the_version_in_its_parents_state(
    upgraded: tuple[DevChain, list[bytes]],
) -> None:
    chain, (before, at, after, last) = upgraded
    assert [code(chain, hash) for hash in (before, at, after, last)] == [
        VERSION.encoded(), NEXT.encoded(), NEXT.encoded(), NEXT.encoded(),
    ]  # fmt: skip
    updated = RuntimeEnvironmentUpdated()
    assert [updated in chain.block(hash)[0].digest.logs for hash in (before, at, after)] == [
        False, True, False,
    ]  # fmt: skip
    [record] = [one for one in chain.events(at) if one.event.event == System.CodeUpdated()]
    assert record.phase == Finalization()
    assert chain.client.runtime_at(before).version == VERSION
    assert chain.client.runtime_at(at).version == NEXT


def test_the_first_block_under_the_version_leaves_the_state_in_its_form(
    upgraded: tuple[DevChain, list[bytes]],
) -> None:
    chain, (_, at, after, last) = upgraded
    runtime = chain.client.runtime_at(after).queries.runtime
    assert isinstance(runtime, NextRuntime)
    sudo = runtime.sudo
    old, new = chain.storage(at), chain.storage(after)
    root = chain.block(after)[0].state_root
    assert state_root(new, 1) == root != chain.block(at)[0].state_root
    alice = account(ALICE)
    number = int(chain.block(at)[0].number)
    assert old[sudo.key.prefix] == alice
    assert new[sudo.key.prefix] == codec(Holder).encode(Holder(alice, u32(number)))
    book = runtime.guestbook.opened_by.prefix
    assert new[book] == codec(AccountId).encode(alice)
    assert {key[:32] for key in new} - {key[:32] for key in old} == {book}
    assert {key[:32] for key in old} <= {key[:32] for key in new}
    last_run = codec(LastRuntimeUpgradeInfo)
    assert last_run.decode_all(old[LAST_UPGRADE_KEY]).spec_version == 100
    assert last_run.decode_all(new[LAST_UPGRADE_KEY]).spec_version == 101
    # Once: the block after has the same rows.
    weights = [chain.at(hash).system.block_weight.value for hash in (after, last)]
    more = int(weights[0].mandatory.ref_time) - int(weights[1].mandatory.ref_time)
    assert more == 2 * STEP_WEIGHT
    assert chain.storage(last)[sudo.key.prefix] == new[sudo.key.prefix]


def test_queries_at_the_last_block_under_the_old_version_are_answered_in_the_new_form(
    upgraded: tuple[DevChain, list[bytes]],
) -> None:
    chain, (_, at, _, _) = upgraded
    runtime = chain.client.runtime_at(at).queries.runtime
    runtime.enter(chain.client.overlay(at))
    assert runtime.pallet(Guestbook).opened_by.value == account(ALICE)
    version = codec(RuntimeVersion).decode_all(chain.client.call(at, "Core_version", b""))
    assert version == NEXT
    names = (
        chain.client.runtime_at(at).metadata(14),
        chain.client.runtime_at(chain.client.genesis_hash),
    )
    assert b"Guestbook" in names[0]
    assert b"Guestbook" not in names[1].metadata(14)


def test_transactions_are_signed_for_the_version_they_run_under() -> None:
    chain = planned(new=True)
    run_to(chain)
    remark = chain.call("System", "remark", remark=b"before")
    chain.send(BOB, remark)
    chain.seal()
    with pytest.raises(TransactionInvalid) as refusal:
        chain.send(BOB, remark)
    assert isinstance(refusal.value.reason, BadProof)
    loaded = chain.client.runtime_at(chain.client.best().hash)
    sign = loaded.queries.runtime.call("Guestbook", "sign", line=b"Bob was here")
    chain.send(BOB, sign, spec_version=101)
    after = chain.seal()
    loaded.queries.runtime.enter(chain.client.overlay(after))
    assert loaded.queries.runtime.pallet(Guestbook).lines[account(BOB)] == b"Bob was here"


def test_a_program_without_the_version_stands_before_it_and_goes_on_with_the_next_release() -> None:
    chain = planned(new=True)
    stale = chain.another()
    old = DevChain(shared=True)
    assert stale.runtimes.versions("btt") == [100]
    for number in range(1, chain.client.best().number + 1):
        follow(chain, stale, number)
    run_to(chain)
    standing = chain.client.best()
    chain.seal(), chain.seal()
    for number in range(3, standing.number + 1):
        follow(chain, stale, number)
    for _ in range(2):
        with pytest.raises(
            UnsupportedUpgrade, match=r"btt 101 in slot \d+ .* carries 100: install"
        ):
            follow(chain, stale, standing.number + 1)
    assert stale.best().hash == standing.hash
    assert stale.call(standing.hash, "Core_version", b"") == VERSION.encoded()
    assert stale.runtime_at(standing.hash).metadata(14) == old.client.runtime_at(
        old.client.genesis_hash
    ).metadata(14)
    assert stale.state(stale.block_hash(1) or b"").get(CODE_KEY) == VERSION.encoded()
    stale.runtimes = new_runtimes()
    for number in (standing.number + 1, standing.number + 2):
        follow(chain, stale, number)
    assert stale.best() == chain.client.best()


def follow(chain: DevChain, client: Client, number: int) -> None:
    """Let another client take in a block of the chain."""
    client.import_block(*chain.block(chain.client.block_hash(number) or b""))


def test_a_program_without_the_version_makes_no_block_past_the_slot() -> None:
    chain = planned(new=False)
    last = run_to(chain)
    for _ in range(2):
        with pytest.raises(SealRefused, match="install a release that has 101"):
            chain.seal()
    assert chain.client.best().hash == last
    cancelled = planned(new=False)
    stop = cancelled.call("Sudo", "sudo", call=cancelled.call("Upgrade", "cancel"))
    cancelled.run(ALICE, stop)
    run_to(cancelled)
    assert code(cancelled, cancelled.seal()) == VERSION.encoded()


def test_a_slot_that_passes_without_a_block_loses_no_upgrade() -> None:
    chain = planned(new=True)
    chain.now += 6 * 3 * DAY
    assert code(chain, chain.seal()) == NEXT.encoded()


def test_a_version_of_another_form_than_the_chain_decided_on_is_not_carried() -> None:
    chain = DevChain(shared=True)
    odd = replace(NEXT, transaction_version=u32(2))
    with pytest.raises(UnsupportedRuntime, match="in another form than this node carries"):
        new_runtimes().of({**chain.state, CODE_KEY: odd.encoded()}.get)


def test_the_pool_forgets_at_once_what_was_signed_for_the_runtime_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("btt_chain.node.transactions.pool.RECHECKS", 1)
    chain = planned(new=True)
    run_to(chain)
    for nonce in (5, 6, 7):  # the ones before them are missing: they wait
        wire = chain.sign(BOB, chain.call("System", "remark", remark=b""), nonce=nonce)
        chain.pool.submit(wire)
    assert chain.pool.pool.status().future == 3
    chain.seal()
    assert chain.pool.pool.status().future == 0


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (None, "in another form than this node carries"),
        (KeyError("x"), "cannot be built: KeyError"),
    ],
)
def test_a_runtime_that_does_not_fit_what_was_decided_is_built_once_and_stops_no_node(
    error: Exception | None, why: str
) -> None:
    built = []

    def draft(params: RuntimeParams) -> BttRuntime:
        built.append(params)
        if error is not None:
            raise error
        return BttRuntime(params)

    chain = planned(new=False)
    chain.client.runtimes = RuntimeRegistry(
        {Release("btt", 100): BttRuntime, Release("btt", 101): draft}
    )
    for _ in range(3):
        chain.seal()
    lacking = chain.client.runtimes.lacks(chain.client.state(chain.client.best().hash).get)
    assert why in str(lacking)
    assert len(built) == 1


def test_a_migration_that_fails_stops_the_chain_until_a_release_corrects_it() -> None:
    class Broken(NextRuntime):
        """A runtime with an error in its constructor."""

        def __init__(self, params: RuntimeParams) -> None:
            super().__init__(params)
            self.migrations = (*self.migrations, Migration(101, "the last straw", self.fail))

        def fail(self) -> int:
            raise ValueError("no such row")

    chain = planned(new=True)
    run_to(chain)
    at = chain.seal()
    chain.client.runtimes = RuntimeRegistry(
        {Release("btt", 100): BttRuntime, Release("btt", 101): Broken}
    )
    with pytest.raises(MigrationFailed, match=r"'the last straw' of btt 101 .* no such row"):
        chain.seal()
    chain.client.runtimes = new_runtimes()
    assert chain.block(chain.seal())[0].parent_hash == at
