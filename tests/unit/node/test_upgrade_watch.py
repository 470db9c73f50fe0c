"""Log lines about a scheduled runtime: once, in time, and with advice."""

from __future__ import annotations

import asyncio
import logging

import pytest

from btt_chain.chain.runtimes import Release, RuntimeRegistry
from btt_chain.node.blocks.upgrades import UpgradeWatch, upgrade_state
from btt_chain.node.dev.by_hand import SealerView
from btt_chain.node.dev.sealing import ManualSealer
from btt_chain.node.service.backend import ChainView, PoolView
from btt_chain.node.service.lifecycle import lacks_runtime
from btt_chain.rpc.backend import RuntimeCallError
from btt_chain.rpc.engine import SealError
from btt_chain.txpool import ValidityUnknown
from runtime import BttRuntime
from support.chain import ALICE, BOB, SHARED_RUNTIMES, DevChain
from support.programs import DAY, planned


def said(chain: DevChain, watch: UpgradeWatch, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the log lines of two checks."""
    caplog.clear()
    with caplog.at_level(logging.INFO, "btt_chain.node.blocks.upgrades"):
        watch.look(int(chain.now * 1_000))
        watch.look(int(chain.now * 1_000))
    return [f"{record.levelname} {record.getMessage()}" for record in caplog.records]


def test_a_program_without_the_runtime_warns_in_time_and_logs_when_it_stalls(
    caplog: pytest.LogCaptureFixture,
) -> None:
    chain = planned(new=False)
    watch = UpgradeWatch(chain.client)
    [warning] = said(chain, watch, caplog)
    assert warning.startswith("WARNING the chain changes to btt 101 at slot 12, about 2027-01-15 ")
    assert "this program carries 100: install a release that has it before" in warning
    left = upgrade_state(chain.client, int(chain.now * 1_000)).scheduled
    assert left is not None
    assert (left.slot, left.slots_left, left.time_ms % 6_000) == (12, DAY + 1, 0)
    for _ in range(DAY):
        chain.seal()
    assert said(chain, watch, caplog) == []
    chain.now += 6
    [error] = said(chain, watch, caplog)
    assert error.startswith(f"ERROR stalled at block {chain.client.best().number}: ")
    assert "install a release that has 101, and start again" in error
    assert said(chain, watch, caplog) == []


def test_a_program_that_has_it_says_so_and_later_that_it_happened(
    caplog: pytest.LogCaptureFixture,
) -> None:
    chain = planned(new=True)
    watch = UpgradeWatch(chain.client)
    [news] = said(chain, watch, caplog)
    assert news.endswith("this program carries it")
    for _ in range(DAY + 1):
        chain.seal()
    assert said(chain, watch, caplog) == ["INFO the chain is under btt 101 now"]


def test_a_cancelled_upgrade_is_logged_and_none_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    chain = planned(new=False)
    watch = UpgradeWatch(chain.client)
    said(chain, watch, caplog)
    cancel = chain.call("Upgrade", "cancel")
    chain.run(ALICE, chain.call("Sudo", "sudo", call=cancel))
    assert said(chain, watch, caplog) == ["INFO the scheduled upgrade is cancelled: btt 100 stays"]
    assert said(chain, UpgradeWatch(chain.client), caplog) == []


def test_a_program_older_than_its_database_still_answers_about_stored_blocks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    chain = planned(new=True)
    for _ in range(DAY + 2):
        chain.seal()
    assert not lacks_runtime(chain.client)
    chain.client.runtimes = SHARED_RUNTIMES
    assert lacks_runtime(chain.client)
    [error] = said(chain, UpgradeWatch(chain.client), caplog)
    assert "the chain runs btt 101, this node carries 100: install a release that has it" in error
    state = upgrade_state(chain.client, int(chain.now * 1_000))
    assert (state.spec_version, state.stands) == (101, True)
    view, first = ChainView(chain.client), chain.client.block_hash(1) or b""
    assert view.body(chain.client.best().hash)
    assert view.runtime_version(first).spec_version == 100
    assert view.call(first, "Core_version", b"")
    assert view.is_unsafe_call("Core_execute_block"), "the older block would execute it"
    with pytest.raises(RuntimeCallError, match="install a release"):
        view.metadata(chain.client.best().hash)
    with pytest.raises(RuntimeCallError, match="install a release"):
        PoolView(chain.pool).next_index(ALICE.account_id)
    sealer = SealerView(ManualSealer(chain.client, chain.pool), lambda why: pytest.fail(str(why)))
    with pytest.raises(SealError, match="install a release"):
        asyncio.run(sealer.create_block(create_empty=True, finalize=True, parent=None))
    remark = chain.call("System", "remark", remark=b"")
    with pytest.raises(ValidityUnknown):
        PoolView(chain.pool).submit(chain.sign(BOB, remark, nonce=0))


def test_a_slot_behind_all_calendars_stops_no_node(caplog: pytest.LogCaptureFixture) -> None:
    chain = planned(new=False, ahead=2**63)
    [warning] = said(chain, UpgradeWatch(chain.client), caplog)
    assert "about 9999-12-31 23:59:59 UTC; this program carries 100" in warning
    state = upgrade_state(chain.client, int(chain.now * 1_000))
    assert state.scheduled is not None
    assert state.scheduled.time_ms < 2**53
    assert not state.stands


def test_a_draft_of_the_version_is_no_release_that_has_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    chain = planned(new=False)
    chain.client.runtimes = RuntimeRegistry(
        {Release("btt", 100): BttRuntime, Release("btt", 101): BttRuntime}
    )
    [warning] = said(chain, UpgradeWatch(chain.client), caplog)
    assert "in another form than this node carries: install the release that" in warning
    assert "carries 100, 101" not in warning
