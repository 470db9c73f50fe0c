"""Runtime calls within a limit of processor time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from btt_chain.chain import limited
from btt_chain.chain.client import UnknownBlock
from btt_chain.chain.limited import Deadline, TimeLimit, limited_overlay
from btt_chain.node.service import backend
from btt_chain.node.service.backend import ChainView
from btt_chain.rpc.backend import RuntimeCallError, TimeLimitReached
from btt_chain.scale import u128
from support.chain import ALICE, BOB, DevChain, address


class Clocks:
    """Real time and processor time, set by hand."""

    def __init__(self) -> None:
        self.wall = 100.0
        self.cpu = 7.0
        self.cpu_reads = 0

    def read_cpu(self) -> float:
        self.cpu_reads += 1
        return self.cpu

    def deadline(self, seconds: float) -> Deadline:
        return Deadline(seconds, lambda: self.wall, self.read_cpu)


def test_a_deadline_ends_when_the_processor_time_is_used_up() -> None:
    clocks = Clocks()
    deadline = clocks.deadline(0.25)
    clocks.wall, clocks.cpu = 100.3, 7.24
    deadline.check()
    clocks.wall, clocks.cpu = 100.32, 7.25
    with pytest.raises(TimeLimit, match="more than 250 ms of processor time"):
        deadline.check()


def test_time_in_which_the_thread_did_not_run_does_not_count() -> None:
    clocks = Clocks()
    deadline = clocks.deadline(0.25)
    clocks.wall = 5_000.0  # the machine was busy with something else
    deadline.check()


def test_the_clock_of_the_processor_is_read_only_when_it_can_have_reached_the_end() -> None:
    clocks = Clocks()
    deadline = clocks.deadline(0.25)
    for _ in range(1_000):
        deadline.check()
    assert clocks.cpu_reads == 1


@pytest.fixture
def chain() -> DevChain:
    return DevChain(shared=True)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let runtime calls make so many accesses to the state, and no more."""

    def limit(accesses: int) -> None:
        class Counted(Deadline):
            def __init__(self, seconds: float) -> None:
                super().__init__(seconds)
                self.left = accesses

            def check(self) -> None:
                self.left -= 1
                if self.left < 0:
                    raise TimeLimit(self.seconds)

        monkeypatch.setattr(limited, "Deadline", Counted)

    return limit


def test_a_call_beyond_its_time_is_refused_and_the_next_one_is_carried_out(
    chain: DevChain, impatient: Callable[[int], None]
) -> None:
    view, best = ChainView(chain.client), chain.client.best().hash
    account = ALICE.account_id
    answer = view.call(best, "AccountNonceApi_account_nonce", account)
    transfer = chain.call("Balances", "transfer_keep_alive", dest=address(BOB), value=u128(1))
    wire = chain.sign(ALICE, transfer)
    outcome = view.dry_run(best, wire)
    # Wherever it is broken off, what comes after is not disturbed.
    for accesses in range(12):
        impatient(accesses)
        with pytest.raises(TimeLimitReached, match="250 ms"):
            view.dry_run(best, wire)
        impatient(1_000_000)
        assert view.dry_run(best, wire) == outcome
    impatient(0)
    with pytest.raises(TimeLimitReached, match=r"AccountNonceApi_account_nonce: .* 250 ms"):
        view.call(best, "AccountNonceApi_account_nonce", account)
    impatient(1_000_000)
    assert view.call(best, "AccountNonceApi_account_nonce", account) == answer


def test_walks_over_keys_are_limited_too(chain: DevChain, impatient: Callable[[int], None]) -> None:
    impatient(3)
    overlay = limited_overlay(chain.client, chain.client.best().hash, 1)
    with pytest.raises(TimeLimit):
        list(overlay.keys(b""))


def test_changes_are_limited_too(chain: DevChain, impatient: Callable[[int], None]) -> None:
    impatient(3)
    overlay = limited_overlay(chain.client, chain.client.best().hash, 1)
    for key in (b"1", b"2", b"3"):
        overlay.put(key, b"")
    with pytest.raises(TimeLimit):
        overlay.put(b"4", b"")


def test_an_unknown_block_has_no_state_to_limit(chain: DevChain) -> None:
    with pytest.raises(UnknownBlock):
        limited_overlay(chain.client, bytes(32), 1)


def test_an_endless_name_is_neither_looked_up_nor_repeated(chain: DevChain) -> None:
    view, best = ChainView(chain.client), chain.client.best().hash
    with pytest.raises(RuntimeCallError, match="is not found") as caught:
        view.call(best, "x" * 1_000_000, b"")
    assert len(str(caught.value)) < 300


def test_the_limit_is_a_small_part_of_the_shortest_slot() -> None:
    assert backend.RUNTIME_CALL_SECONDS <= 0.25
