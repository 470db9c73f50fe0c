"""First steps of programs beside a node, records that are looked up, vouchers that were sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self, TypeVar, cast

import click
import pytest

from btt_chain.care.wallet import Kept, State, Wallet
from btt_chain.client.chain import BlockRef, Chain
from btt_chain.client.errors import Disconnected, NotFound
from btt_chain.client.jsonrpc import Connection, Json, WebSocket
from btt_chain.client.views import ViewClient
from btt_chain.daemon import Daemon, NotReady, lookup
from cli.commands import points_redeem
from cli.common.errors import ExitCode
from cli.common.session import first_step
from support.virtual_time import run_virtually

T = TypeVar("T")


# ---- the first step


@dataclass
class Daemons:
    """A base of programs whose connections succeed, and that calls a step again as it should."""

    calls: int = 0

    async def run(self, step: Callable[[Connection], Awaitable[T]]) -> T:
        while True:
            self.calls += 1
            try:
                return await step(cast("Connection", None))
            except (Disconnected, NotReady):
                continue


def test_an_error_of_the_first_step_ends_a_program_with_its_exit_code() -> None:
    async def step(_connection: Connection) -> None:
        raise NotFound("there is no pallet 'PayFi'")

    with pytest.raises(click.ClickException, match="no pallet") as ended:
        asyncio.run(first_step(cast("Daemon", Daemons()), step))
    assert ended.value.exit_code == ExitCode.NOT_FOUND


def test_a_node_that_goes_away_during_the_first_step_is_waited_for() -> None:
    faults: list[Exception] = [Disconnected("gone"), NotReady("the node is syncing")]

    async def step(_connection: Connection) -> str:
        if faults:
            raise faults.pop()
        return "done"

    daemons = Daemons()
    assert asyncio.run(first_step(cast("Daemon", daemons), step)) == "done"
    assert daemons.calls == 3


class Syncing:
    """A connection to a node that syncs, and has no final block."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """There is nothing to close."""

    async def call(self, method: str, *_params: Json) -> Json:
        match method:
            case "system_health":
                return {"peers": 0, "isSyncing": True, "shouldHavePeers": True}
            case "chain_getHeader":
                return {"number": "0x0"}
        return "0x" + bytes(32).hex()


@pytest.mark.parametrize("any_view", [True, False])
def test_a_program_that_only_copies_blocks_works_beside_a_node_that_syncs(
    monkeypatch: pytest.MonkeyPatch, any_view: bool
) -> None:
    async def connect(_url: str, _timeout: float) -> Syncing:
        return Syncing()

    async def work(_connection: WebSocket) -> bool:
        return True

    monkeypatch.setattr(WebSocket, "connect", connect)
    daemon = Daemon("ws://n", report=lambda _: None, patience=60, any_view=any_view)
    if any_view:
        assert run_virtually(daemon.run(work))
    else:
        with pytest.raises(NotReady, match="syncing"):
            run_virtually(daemon.run(work))


# ---- records


@dataclass
class Heads:
    """The views of a chain one after the other: the best and the last final block."""

    views: list[tuple[int, int]]
    now: int = 0

    async def heads(self, *, final: bool) -> AsyncIterator[BlockRef]:
        assert final
        for _, number in self.views:
            yield BlockRef(number, bytes([number]))
            self.now += 1

    async def best(self) -> BlockRef:
        number = self.views[self.now][0]
        return BlockRef(number, bytes([number]))


def looked_up(views: list[tuple[int, int]], *having: int) -> str | None:
    """Look a record up that some blocks have."""

    async def read(at: bytes) -> str | None:
        return "record" if at[0] in having else None

    return asyncio.run(lookup(cast("Chain", Heads(views)), read))


def test_a_record_is_found_in_the_best_or_the_final_block() -> None:
    assert looked_up([(9, 7)], 9) == "record"
    assert looked_up([(9, 7)], 7) == "record"


def test_a_record_that_the_best_block_lacks_is_absent_only_when_that_height_is_final() -> None:
    assert looked_up([(9, 7), (10, 8), (12, 10)], 12) == "record"
    assert looked_up([(9, 7), (10, 8), (11, 9)]) is None
    with pytest.raises(NotReady):
        looked_up([(9, 7), (10, 8)])


# ---- vouchers that were sent


@dataclass
class SentVouchers:
    """A wallet with one voucher that was sent in slot 100."""

    kept: Kept
    states: list[State] = field(default_factory=list)

    def sent(self) -> list[Kept]:
        return [self.kept]

    def mark(self, _vouchers: list[Kept], state: State) -> None:
        self.states.append(state)


@pytest.mark.parametrize(
    ("final_slot", "in_final", "in_best", "states"),
    [
        (90, False, False, []),
        (150, False, False, []),
        (165, False, True, []),
        (165, False, False, [State.Held]),
        (110, True, True, [State.Redeemed]),
    ],
    ids=["behind", "alive", "in a block", "over", "final"],
)
def test_a_sent_voucher_counts_again_only_when_its_lifetime_lies_behind_the_final_block(
    monkeypatch: pytest.MonkeyPatch, final_slot: int, in_final: bool, in_best: bool,
    states: list[State],
) -> None:  # fmt: skip
    @dataclass
    class Final:
        at: bytes = b"final"
        metadata: object = None

        async def at_block(self, which: str) -> Final:
            assert which == "finalized"
            return self

        async def storage(self, path: str) -> int:
            return final_slot if path == "Babe.CurrentSlot" else 0

        def constant(self, path: str) -> int:
            return 1_000

    @dataclass
    class Client:
        chain: Final = field(default_factory=Final)

    async def spent(_chain: object, _kept: object, at: bytes | None = None) -> bool:
        return in_best if at is None else in_final

    monkeypatch.setattr(points_redeem, "is_spent", spent)
    monkeypatch.setattr(points_redeem, "default_period", lambda _: 64)
    kept = cast("Kept", type("Voucher", (), {"due": 100})())
    wallet = SentVouchers(kept)
    asyncio.run(points_redeem.settle(cast("ViewClient", Client()), cast("Wallet", wallet)))
    assert wallet.states == states
