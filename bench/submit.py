"""Submit by RPC until included: rows 1 and 2 of docs/performance.md.

Each node runs as a process with its own defaults, except that blocks are made when the client
asks for one: every so many transfers, while it goes on submitting. Transfers come from ten senders
to a thousand accounts, in batches of a hundred over one WebSocket; they are signed beforehand.
The time ends when the last one is in a block.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import orjson
import uvloop
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from bench.chains import MONEY, Sender, Wallet, account_of, key_of, spec
from bench.evm import CHAIN_ID, EvmSender, address_of
from bench.machine import PEERS, Spent, stopwatch
from bench.nodes import Node, free_port, our_node, running
from bench.report import Row, compared, per_second
from btt_chain.chain.client import Client
from btt_chain.crypto.keypair import Scheme
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.extrinsic import opaque
from genesis.build import build
from storage.database import ChainStore
from storage.memory import MemoryKV

BIN: Final = PEERS / "npm" / "node_modules" / ".bin"
BATCH: Final = 100
UNDER_WAY: Final = 4
"""Batches sent and not yet answered."""
SENDERS: Final = 10
GAS_LIMIT: Final = 300_000_000


class Chain(Protocol):
    """A running node and how to move money on it."""

    node: Node
    submit: str
    """The method that takes a signed transaction in."""
    seal: tuple[str, list[object]]
    """The call that makes a block of what was taken in."""

    def transfers(self, count: int) -> list[bytes]:
        """Return the next signed transfers, each sender's in the order of their nonces."""

    def missing(self) -> int:
        """Return how many of the transfers made so far are in no block yet."""


@dataclass(frozen=True, slots=True)
class Load:
    """Number of transfers in a round, and that after which a block is asked for."""

    transfers: int
    block: int
    receivers: int = 1_000


# --- chains ---------------------------------------------------------------------


@dataclass(slots=True)
class OurChain:
    """Our node on LevelDB, validating at submission, with sr25519 signatures as wallets make."""

    node: Node
    wallet: Wallet
    receivers: int
    senders: list[Sender] = field(
        default_factory=lambda: [
            Sender(key_of(number, Scheme.SR25519)) for number in range(SENDERS)
        ]
    )
    turn: int = 0
    submit: str = "author_submitExtrinsic"
    seal: tuple[str, list[object]] = ("engine_createBlock", [True, True])

    def transfers(self, count: int) -> list[bytes]:
        """Return the next signed transfers."""
        turns = range(self.turn, self.turn + count)
        self.turn += count
        return [
            opaque(
                self.wallet.transfer(
                    self.senders[turn % SENDERS], account_of(turn % self.receivers)
                )
            )
            for turn in turns
        ]

    def missing(self) -> int:
        """Return how many transfers are in no block: those in the pool, and those lost."""
        pending = self.node.ask("author_pendingExtrinsics")
        waiting = len(pending) if isinstance(pending, list) else 0
        known = sum(
            int(str(self.node.ask("system_accountNextIndex", ss58.encode(sender.key.account_id))))
            for sender in self.senders
        )
        return waiting + self.turn - known


@contextmanager
def ours(folder: Path, load: Load) -> Iterator[OurChain]:
    """Start our node on a chain of the bench's accounts."""
    senders = [AccountId(key_of(number, Scheme.SR25519).account_id) for number in range(SENDERS)]
    receivers = [account_of(number) for number in range(load.receivers)]
    chain = spec(dict.fromkeys([*senders, *receivers], MONEY), "btt-bench-rpc")
    path = folder / "spec.json"
    path.write_text(chain.dumps(), encoding="utf-8")
    store = ChainStore(MemoryKV(), pruning=None)
    made = build(chain)
    store.insert_genesis(made.state, lambda _root: made.header.encode())
    wallet = Wallet(Client(store, {}))
    with our_node(folder / "ours", "--sealing", "manual", chain=str(path)) as node:
        yield OurChain(node, wallet, load.receivers)


@dataclass(slots=True)
class EvmChain:
    """A peer's node."""

    node: Node
    endow: str
    """The method that gives an account money."""
    receivers: int
    senders: list[EvmSender] = field(
        default_factory=lambda: [EvmSender.numbered(number) for number in range(SENDERS)]
    )
    turn: int = 0
    submit: str = "eth_sendRawTransaction"
    seal: tuple[str, list[object]] = ("evm_mine", [])

    def __post_init__(self) -> None:
        for sender in self.senders:
            self.node.ask(self.endow, "0x" + sender.address.hex(), hex(MONEY))

    def transfers(self, count: int) -> list[bytes]:
        """Return the next signed transfers."""
        turns = range(self.turn, self.turn + count)
        self.turn += count
        return [
            self.senders[turn % SENDERS].transfer(address_of(turn % self.receivers))
            for turn in turns
        ]

    def missing(self) -> int:
        """Return how many transfers are in no block."""
        nonces = (
            self.node.ask("eth_getTransactionCount", "0x" + sender.address.hex(), "latest")
            for sender in self.senders
        )
        return self.turn - sum(int(str(nonce), 16) for nonce in nonces)


@contextmanager
def anvil(folder: Path, load: Load) -> Iterator[EvmChain]:
    """Start anvil (Rust)."""
    port = free_port()
    command = (
        BIN / "anvil", "--port", str(port), "--chain-id", str(CHAIN_ID), "--no-mining",
        "--gas-limit", str(GAS_LIMIT), "--silent",
    )  # fmt: skip
    with running("anvil", command, port, "eth_chainId", cwd=folder) as node:
        yield EvmChain(node, "anvil_setBalance", load.receivers)


@contextmanager
def hardhat(folder: Path, load: Load) -> Iterator[EvmChain]:
    """Start hardhat (Rust inside Node.js)."""
    port = free_port()
    network = {
        "chainId": CHAIN_ID,
        "blockGasLimit": GAS_LIMIT,
        "mining": {"auto": False, "interval": 0},
        "loggingEnabled": False,
    }
    config = folder / "hardhat.config.js"
    text = json.dumps({"solidity": "0.8.24", "networks": {"hardhat": network}})
    config.write_text(f"module.exports = {text}\n", encoding="utf-8")
    command = (BIN / "hardhat", "--config", config, "node", "--port", str(port))
    with running("hardhat", command, port, "eth_chainId", cwd=PEERS / "npm") as node:
        yield EvmChain(node, "hardhat_setBalance", load.receivers)


@contextmanager
def ganache(folder: Path, load: Load) -> Iterator[EvmChain]:
    """Start ganache (JavaScript)."""
    port = free_port()
    command = (
        BIN / "ganache", "--server.port", str(port), "--chain.chainId", str(CHAIN_ID),
        "--miner.blockGasLimit", str(GAS_LIMIT), "--miner.blockTime", "1000000",
        "--logging.quiet",
    )  # fmt: skip
    with running("ganache", command, port, "eth_chainId", cwd=folder) as node:
        yield EvmChain(node, "evm_setAccountBalance", load.receivers)


# --- the client -----------------------------------------------------------------


def message(chain: Chain, batch: Sequence[bytes]) -> bytes:
    """Return the batch that submits transactions."""
    return orjson.dumps(
        [
            {"jsonrpc": "2.0", "id": place, "method": chain.submit, "params": ["0x" + raw.hex()]}
            for place, raw in enumerate(batch)
        ]
    )


class Driver:
    """One client of one node."""

    def __init__(self, chain: Chain, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        method, params = chain.seal
        self._seal = orjson.dumps({"jsonrpc": "2.0", "id": 0, "method": method, "params": params})
        self._batches = 0
        self._seals = 0

    async def submit(self, batches: Sequence[bytes], per_block: int) -> None:
        """Submit batches, ask for a block after every `per_block`, wait for the last answer.

        Without batches a block is asked for all the same.
        RuntimeError with the node's words if it refuses anything.
        """
        for number, batch in enumerate(batches, 1):
            while self._batches >= UNDER_WAY:
                await self._answer()
            await self._socket.send_frame(batch, WSMsgType.TEXT)
            self._batches += 1
            if number % per_block == 0 or number == len(batches):
                while self._batches:
                    await self._answer()
                await self.seal()
        if not batches:
            await self.seal()
        while self._seals:
            await self._answer()

    async def seal(self) -> None:
        """Ask for a block; go on before it is there."""
        await self._socket.send_frame(self._seal, WSMsgType.TEXT)
        self._seals += 1

    async def _answer(self) -> None:
        message = await self._socket.receive()
        if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
            raise RuntimeError(f"the node hung up: {message}")
        answer = orjson.loads(message.data)
        if isinstance(answer, list):
            self._batches -= 1
            refused = [part["error"] for part in answer if "error" in part]
        else:
            self._seals -= 1
            refused = [answer["error"]] if "error" in answer else []
        if refused:
            raise RuntimeError(f"the node refused: {refused[0]}")


async def included(chain: Chain, transfers: Sequence[bytes], block: int) -> Spent:
    """Submit transfers; return what it took the node until all were in blocks.

    The seconds of CPU are the node's.
    """
    batches = [message(chain, transfers[at : at + BATCH]) for at in range(0, len(transfers), BATCH)]
    url = f"ws://127.0.0.1:{chain.node.port}/"
    async with ClientSession() as session, session.ws_connect(url, max_msg_size=0) as socket:
        driver = Driver(chain, socket)
        cpu = chain.node.cpu
        total = Spent()
        while True:
            with stopwatch() as spent:
                await driver.submit(batches, max(1, block // BATCH))
            total.wall += spent.wall
            total.cpu = chain.node.cpu - cpu
            if not chain.missing():
                return total
            batches = []  # a node may leave some out of a block: on the clock, another one


# --- rows -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """Size of the measurements."""

    rounds: int = 3
    ours: Load = Load(4_000, 1_000)
    anvil: Load = Load(4_000, 1_000)
    hardhat: Load = Load(2_000, 500)
    ganache: Load = Load(800, 200, receivers=200)


QUICK: Final = Plan(rounds=1, ours=Load(400, 200, receivers=100))
BRIEF: Final = Plan(
    ours=Load(2_000, 1_000),
    anvil=Load(2_000, 1_000),
    hardhat=Load(1_000, 500),
    ganache=Load(400, 200, receivers=200),
)

PEERS_BY_NAME: Final[dict[str, Callable[[Path, Load], AbstractContextManager[Chain]]]] = {
    "anvil": anvil,
    "hardhat": hardhat,
    "ganache": ganache,
}
NUMBERS: Final = {"anvil": "1", "hardhat": "2a", "ganache": "2b"}


def submit_rows(folder: Path, plan: Plan, *, peers: bool) -> Iterator[Row]:
    """Rows 1 and 2: all nodes stand side by side, and are asked in turn."""
    loads = {name: getattr(plan, name) for name in ("ours", *NUMBERS)}
    present = [name for name in NUMBERS if peers and (BIN / name).exists()]
    spent: dict[str, list[Spent]] = {name: [] for name in ("ours", *present)}
    with ExitStack() as stack:
        chains: dict[str, Chain] = {
            "ours": stack.enter_context(ours(folder, plan.ours)),
        }
        for name in present:
            try:
                chains[name] = stack.enter_context(PEERS_BY_NAME[name](folder, loads[name]))
            except (OSError, RuntimeError) as error:
                print(f"{name} does not start: {error}", file=sys.stderr)
                del spent[name]
        for name, chain in chains.items():
            # Every account is met once, and just-in-time compilers wake up.
            first = chain.transfers(loads[name].receivers)
            uvloop.run(included(chain, first, loads[name].block))
        for _ in range(plan.rounds):
            for name, chain in chains.items():
                transfers = chain.transfers(loads[name].transfers)
                spent[name].append(uvloop.run(included(chain, transfers, loads[name].block)))
    mine = per_second(plan.ours.transfers, spent["ours"])
    for name, number in NUMBERS.items():
        what = f"submit by RPC -> included, {plan.ours.transfers:,} transfers"
        if name not in spent:
            yield Row(number, f"{what} vs {name}", mine, "absent")
            continue
        load = loads[name]
        yield Row(
            number,
            f"{what} vs {name} ({load.transfers:,})",
            mine,
            per_second(load.transfers, spent[name]),
            *compared(each(load, spent[name]), each(plan.ours, spent["ours"])),
        )


def each(load: Load, spent: Sequence[Spent]) -> list[Spent]:
    """Return the time of one transfer, by round."""
    return [Spent(one.wall / load.transfers, one.cpu / load.transfers) for one in spent]
