"""The workloads of `make bench-compare`: each runs on an old tree as on a new one.

A workload is prepared once in a process and measured many times; a measurement returns the
processor time it took, and how many units of work that was. The tree's own benchmarks and test
helpers (`bench.chains`, `bench.submit`, `support.chain`) are taken from that tree, so they follow
its interfaces. Imports are in the functions: one that fails makes one workload `absent`, not all of
them. Units are never shared between measurements: nothing is cached from one to the next, unless a
node would have it cached as well.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import itertools
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, cast

if TYPE_CHECKING:
    from bench.chains import Sender, Wallet
    from bench.nodes import Node
    from storage.database import ChainStore

Measure = Callable[[], tuple[float, int]]
"""Do the work once; return its cost and units of work. The cost is seconds of processor time, or
what `Workload.cost` says; less is better."""

T = TypeVar("T")


class Size(Enum):
    """Size of the workloads."""

    TINY = "tiny"
    """Shows that they run: the figures mean nothing."""
    QUICK = "quick"
    WHOLE = "whole"

    def of(self, tiny: T, quick: T, whole: T) -> T:
        """Return the argument that belongs to this size."""
        return {Size.TINY: tiny, Size.QUICK: quick, Size.WHOLE: whole}[self]


Preparation = Callable[[Path, Size], AbstractContextManager[Measure]]


@dataclass(frozen=True, slots=True)
class Workload:
    """A unit of measured work that two trees perform in turn."""

    unit: str
    open: Preparation
    row: str = ""
    """Rows of docs/performance.md that it belongs to."""
    cost: str = "s"
    """Unit of the cost: seconds of processor time, "MB", "s wall" or "share"."""
    is_process: bool = False
    """True if a node's process does the work: a profile is taken there."""
    is_network: bool = False
    """True if it starts validators, minutes each: not in the quick mode."""


def cpu_of(work: Callable[[], object], units: int) -> tuple[float, int]:
    """Measure the calling thread only: LevelDB may sort in a thread of its own at any time."""
    begun = time.thread_time()
    work()
    return time.thread_time() - begun, units


# --- names that differ between trees ------------------------------------------------


def settle_memory() -> None:
    """Call the tree's function of this name: its module was `memory` and is `gc` now."""
    folder = "btt_chain.chain"
    is_renamed = importlib.util.find_spec(f"{folder}.gc") is not None
    module = importlib.import_module(f"{folder}.gc" if is_renamed else f"{folder}.memory")
    module.settle_memory()


def final_of(measured: object) -> int:
    """Return the number of final transfers: the attribute was `finalised`, `finalized` now."""
    name = "finalized" if hasattr(measured, "finalized") else "finalised"
    return cast(int, getattr(measured, name))


# --- codec, trie, VRF ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InMemory:
    """A chain in memory, and senders with money."""

    wallet: Wallet
    senders: list[Sender]
    state: dict[bytes, bytes]
    store: ChainStore
    genesis: bytes


def in_memory(accounts: int) -> InMemory:
    """Return a chain with that many accounts."""
    from bench.chains import Sender, Wallet, key_of, populated
    from btt_chain.chain.client import Client
    from storage.database import ChainStore
    from storage.memory import MemoryKV

    senders = [Sender(key_of(number)) for number in range(100)]
    base, state = populated([sender.key for sender in senders], accounts)
    store = ChainStore(MemoryKV(), pruning=None)
    genesis = store.insert_genesis(
        state,
        lambda root: base.header.encode().replace(bytes(base.header.state_root), root),
        version=base.state_version,
    )
    signer = Wallet(Client(store, {}))
    settle_memory()
    return InMemory(signer, senders, state, store, genesis.hash)


@contextmanager
def decode(_: Path, size: Size) -> Iterator[Measure]:
    """Decode signed transfers, the call included."""
    from bench.chains import account_of
    from btt_chain.primitives.extrinsic import decode_extrinsic
    from runtime.extensions import SIGNED_EXTRA

    chain = in_memory(200)
    count = size.of(100, 5_000, 10_000)
    made = [chain.wallet.transfer(chain.senders[n % 100], account_of(n)) for n in range(count)]
    calls = chain.wallet.runtime.call_codec

    def work() -> None:
        for raw in made:
            calls.decode_all(decode_extrinsic(raw, SIGNED_EXTRA).call_raw)

    yield partial(cpu_of, work, count)


@contextmanager
def encode(_: Path, size: Size) -> Iterator[Measure]:
    """Encode signed transfers from their parts."""
    from bench.chains import account_of
    from btt_chain.primitives.extrinsic import decode_extrinsic, signed
    from runtime.extensions import SIGNED_EXTRA, SignedExtra

    chain = in_memory(200)
    count = size.of(100, 5_000, 10_000)
    calls = chain.wallet.runtime.call_codec
    parts = []
    for number in range(count):
        raw = chain.wallet.transfer(chain.senders[number % 100], account_of(number))
        opened = decode_extrinsic(raw, SIGNED_EXTRA)
        if opened.address is None or opened.signature is None or opened.extra is None:
            raise RuntimeError("a signed transfer was read as an unsigned one")
        extra = cast(SignedExtra, opened.extra)
        parts.append((opened.address, opened.signature, extra, calls.decode_all(opened.call_raw)))

    def work() -> None:
        for address, signature, extra, call in parts:
            signed(address, signature, SIGNED_EXTRA.encode(extra), calls.encode(call))

    yield partial(cpu_of, work, count)


@contextmanager
def trie(_: Path, size: Size) -> Iterator[Measure]:
    """Compute the state root of changed keys, nothing resident."""
    accounts, changed = size.of((500, 50), (20_000, 2_000), (50_000, 2_000))
    chain = in_memory(accounts)
    keys = sorted(chain.state)[:: max(1, len(chain.state) // changed)][:changed]
    changes = {key: chain.state[key][::-1] for key in keys}

    def work() -> None:
        chain.store.stage(chain.genesis, changes, reads=chain.state)

    yield partial(cpu_of, work, len(keys))


@lru_cache(maxsize=1)
def no_cache() -> None:
    """Replace a cache reset in a tree that has no such cache."""


@contextmanager
def vrf(_: Path, size: Size) -> Iterator[Measure]:
    """Verify valid proofs of an sr25519 VRF; public keys come back as in a sync."""
    from btt_chain.crypto import vrf as module
    from btt_chain.crypto.keypair import KeyPair
    from btt_chain.crypto.vrf import SchnorrkelVrf, VrfInput

    pairs = [KeyPair.from_uri(f"//{number}") for number in range(10)]
    machine = SchnorrkelVrf()
    proofs = []
    for slot in range(size.of(20, 150, 300)):
        message = VrfInput(b"BABE", ((b"slot number", slot.to_bytes(8, "little")),))
        output, proof = machine.sign(pairs[slot % 10], message)
        proofs.append((pairs[slot % 10].public, message, output.pre_output, proof))

    def work() -> None:
        for proof in proofs:
            if machine.verify(*proof) is None:
                raise RuntimeError("a valid proof was refused")

    def measure() -> tuple[float, int]:
        module._input_point.cache_clear()
        # Newer trees have another cache, which belongs to the arithmetic that checks.
        getattr(getattr(machine, "verification", None), "_input", no_cache).cache_clear()
        return cpu_of(work, len(proofs))

    yield measure


# --- blocks and pool ----------------------------------------------------------------


@contextmanager
def blocks(folder: Path, size: Size) -> Iterator[Measure]:
    """Import blocks that are full by Substrate's weights, signatures included, on LevelDB."""
    from bench.chains import Bench

    accounts, senders, count = size.of(
        (1_000, 100, 50), (5_000, 2_100, 2_000), (20_000, 5_200, 5_150)
    )
    bench = Bench(folder, accounts, senders)
    try:
        bench.read(bench.make(min(count, 500)))()
        settle_memory()

        def measure() -> tuple[float, int]:
            sealed = bench.make(count)
            return cpu_of(bench.read(sealed), count)

        yield measure
    finally:
        bench.close()


@contextmanager
def pool(_: Path, size: Size) -> Iterator[Measure]:
    """Decode, validate and admit signed transfers to the pool of a node."""
    from btt_chain.crypto.keypair import KeyPair
    from support.chain import BOB, START, DevChain, address

    pairs = [KeyPair.from_uri(f"//sender/{number}") for number in range(50)]
    chain = DevChain(extra={pair.account_id: START for pair in pairs})
    chain.seal()
    each = size.of(1, 10, 20)
    nonces = itertools.count(step=each)
    pay = chain.call("Balances", "transfer_keep_alive", dest=address(BOB), value=10**15)
    settle_memory()

    def measure() -> tuple[float, int]:
        first = next(nonces)
        wires = [
            chain.sign(pair, pay, nonce=first + offset) for offset in range(each) for pair in pairs
        ]

        def work() -> None:
            for wire in wires:
                chain.pool.submit(wire)

        spent = cpu_of(work, len(wires))
        chain.seal()
        return spent

    yield measure


# --- processes ----------------------------------------------------------------------


SCHEDULED: Final = 2
"""Kind of a clock of processor time with nanoseconds, in Linux's number of a process's clock."""


def process_cpu(pid: int) -> float:
    """Return seconds of processor time of a process, to the nanosecond.

    Threads that have ended count as well. Source: clock_getcpuclockid(3), Linux's posix-timers.h.
    """
    return time.clock_gettime((~pid << 3) | SCHEDULED)


@contextmanager
def quiet_node(base: Path, *flags: str, chain: str = "dev-manual") -> Iterator[Node]:
    """Start a node beside others: with a free port for peers and without figures."""
    from bench.nodes import our_node

    alone = ("--port", "0", "--no-mdns", "--no-prometheus")
    with our_node(base, *alone, *flags, chain=chain) as node:
        yield node


@contextmanager
def submit(folder: Path, size: Size) -> Iterator[Measure]:
    """Submit transfers by RPC until they are in blocks; the node's processor time."""
    import uvloop

    from bench import submit as module
    from bench.submit import Load, included, ours

    setattr(module, "our_node", quiet_node)  # noqa: B010 - the module does not export it
    load = size.of(Load(200, 200, receivers=100), Load(2_000, 1_000), Load(4_000, 1_000))
    with ours(folder, load) as chain:
        uvloop.run(included(chain, chain.transfers(load.receivers), load.block))

        def measure() -> tuple[float, int]:
            transfers = chain.transfers(load.transfers)
            before = process_cpu(chain.node.pid)
            uvloop.run(included(chain, transfers, load.block))
            return process_cpu(chain.node.pid) - before, load.transfers

        yield measure


REQUESTS: Final[tuple[tuple[str, list[str]], ...]] = (
    ("system_chain", []),
    ("chain_getFinalizedHead", []),
    ("chain_getHeader", []),
    ("system_health", []),
    ("state_getRuntimeVersion", []),
    ("system_accountNextIndex", ["5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"]),
)


@contextmanager
def rpc(folder: Path, size: Size) -> Iterator[Measure]:
    """Send small requests to a node over WebSockets, one after the other; its processor time."""
    import orjson
    import uvloop
    from aiohttp import ClientSession, WSMsgType

    calls = [
        orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        for method, params in REQUESTS
    ]
    repeats = size.of(5, 300, 600)

    async def ask(port: int) -> None:
        url = f"ws://127.0.0.1:{port}/"
        async with ClientSession() as session, session.ws_connect(url) as socket:
            for call in calls * repeats:
                await socket.send_frame(call, WSMsgType.TEXT)
                message = await socket.receive()
                if message.type is not WSMsgType.TEXT:
                    raise RuntimeError(f"the node closed the connection: {message}")
                reply = orjson.loads(message.data)
                if "result" not in reply:
                    raise RuntimeError(f"the node refused {call!r}: {reply}")

    with quiet_node(folder / "rpc", "--sealing", "manual") as node:
        uvloop.run(ask(node.port))

        def measure() -> tuple[float, int]:
            before = process_cpu(node.pid)
            uvloop.run(ask(node.port))
            return process_cpu(node.pid) - before, len(calls) * repeats

        yield measure


@contextmanager
def start(folder: Path, size: Size) -> Iterator[Measure]:
    """Start a node on a chain it has, until it answers; its processor time."""
    del size
    with quiet_node(folder / "node"):
        pass  # the genesis is written, modules are compiled

    def measure() -> tuple[float, int]:
        with quiet_node(folder / "node") as node:
            return process_cpu(node.pid), 1

    yield measure


@contextmanager
def command(_: Path, size: Size) -> Iterator[Measure]:
    """Print the help of the program."""
    import cli

    tree = Path(cli.__path__[0]).parent
    count = size.of(1, 2, 3)

    def measure() -> tuple[float, int]:
        before = children_cpu()
        for _ in range(count):
            subprocess.run(
                [sys.executable, "-m", "cli.main", "--help"],
                cwd=tree,
                check=True,
                stdout=subprocess.DEVNULL,
            )
        return children_cpu() - before, count

    measure()
    yield measure


def children_cpu() -> float:
    """Return the processor time of ended children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def memory(folder: Path, size: Size) -> Iterator[Measure]:
    """Weigh an idle node that has made a few blocks: MB that are resident."""
    seconds = size.of(0.5, 3.0, 3.0)
    turns = itertools.count()

    def measure() -> tuple[float, int]:
        with quiet_node(folder / str(next(turns)), chain="dev") as node:
            time.sleep(seconds)
            return node.memory, 1

    yield measure


# --- chains of small blocks, and simulated ones -------------------------------------


@contextmanager
def small_blocks(folder: Path, size: Size, *, headers: bool) -> Iterator[Measure]:
    """Check headers with VRF, or import small blocks, as in a sync without its network."""
    from bench.bench_sync import alone
    from bench.longchain import grow

    count = size.of(4, 60, 200)
    grown = grow(folder / "chain", 2 * count)
    turns = itertools.count()

    def measure() -> tuple[float, int]:
        found = alone(grown, folder / str(next(turns)), count, count)
        return (found.headers.cpu if headers else found.imports.cpu), count

    yield measure


@contextmanager
def simulator(_: Path, size: Size, *, gossip_ms: int) -> Iterator[Measure]:
    """Play slots of four simulated validators, with all invariants."""
    from support.sim.invariants import Invariants
    from support.sim.world import World

    slots = size.of(2, 20, 60)
    world = World(0, 4, gossip_ms=gossip_ms)
    invariants = Invariants(world)
    world.run(5)
    settle_memory()

    def measure() -> tuple[float, int]:
        gc.disable()  # as in the tests: a world is small
        try:
            return cpu_of(lambda: world.run(slots), slots)
        finally:
            gc.enable()

    yield measure
    invariants.close()


# --- networks -----------------------------------------------------------------------


@contextmanager
def network(folder: Path, size: Size, *, rate: int) -> Iterator[Measure]:
    """Load four validators with transfers; the processor time of all of them for each final one."""
    from bench.bench_network import network as validators
    from bench.load import measure as load
    from bench.load import payers

    offered, seconds = size.of((20, 12.0), (rate, 40.0), (rate, 60.0))
    turns = itertools.count()

    def measure() -> tuple[float, int]:
        # A network lives only while it is measured: an idle one would use processor time of the
        # others.
        count = size.of(2, 4, 4)
        with validators(folder / str(next(turns)), count, 2_000) as net:
            found = load(net, offered, seconds, payers(net))
        final = final_of(found)
        if not final:
            raise RuntimeError("no transfer became final")
        return found.cost / 1_000 * final, final

    yield measure


@contextmanager
def overload(folder: Path, size: Size) -> Iterator[Measure]:
    """Offer four validators more than they can do: seconds of the clock for a final transfer."""
    from bench.bench_network import network as validators
    from bench.load import measure as load
    from bench.load import payers

    offered, seconds = size.of((40, 12.0), (2_000, 40.0), (2_000, 60.0))
    turns = itertools.count()

    def measure() -> tuple[float, int]:
        count = size.of(2, 4, 4)
        with validators(folder / str(next(turns)), count, 2_000) as net:
            found = load(net, offered, seconds, payers(net))
        if not found.rate:
            raise RuntimeError("no transfer became final")
        return 1 / found.rate, 1

    yield measure


@contextmanager
def short_slots(folder: Path, size: Size) -> Iterator[Measure]:
    """Let four validators make blocks each half second: slots for one that has a block."""
    from bench.bench_network import network as validators
    from bench.load import measure as load

    turns = itertools.count()

    def measure() -> tuple[float, int]:
        with validators(folder / str(next(turns)), size.of(2, 4, 4), 500) as net:
            found = load(net, 0, size.of(5.0, 30.0, 60.0))
        if not found.filled:
            raise RuntimeError("no slot had a block")
        return 100 / found.filled, 1

    yield measure


WORKLOADS: Final[dict[str, Workload]] = {
    "submit": Workload("transfer", submit, "1, 2", is_process=True),
    "import": Workload("transfer", blocks, "3-6"),
    "pool": Workload("transfer", pool, "1, 2"),
    "decode": Workload("extrinsic", decode, "1-6"),
    "encode": Workload("extrinsic", encode, "1-6"),
    "trie": Workload("key", trie, "3-6"),
    "vrf": Workload("proof", vrf, "10a"),
    "headers": Workload("header", partial(small_blocks, headers=True), "10a"),
    "small": Workload("block", partial(small_blocks, headers=False), "10b"),
    "rpc": Workload("request", rpc, "8", is_process=True),
    "start": Workload("start", start, "7b", is_process=True),
    "help": Workload("command", command, is_process=True),
    "memory": Workload("idle node", memory, "7a", cost="MB"),
    "simulator": Workload("slot, T 250 ms", partial(simulator, gossip_ms=250), "11"),
    "simulator-1s": Workload("slot, T 1 s", partial(simulator, gossip_ms=1_000), "11"),
    "network": Workload(
        "final transfer of 200/s", partial(network, rate=200), "9", is_network=True
    ),
    "network-800": Workload(
        "final transfer of 800/s", partial(network, rate=800), "9", is_network=True
    ),
    "overload": Workload(
        "final transfer of 2,000/s", overload, "9", cost="s wall", is_network=True
    ),
    "short-slots": Workload(
        "filled slot of 500 ms", short_slots, "9a", cost="share", is_network=True
    ),
}
