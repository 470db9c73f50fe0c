"""
A small chain in memory for the tests of the RPC: real headers, real roots and proofs, a real pool.

Its runtime is tiny. An extrinsic is account (32) | nonce (u32) | tip (1) | signature (1, good if
not 255) | any bytes; it raises the account's nonce and writes its hash under `b"last"`. The state
of a block is a plain dict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from btt_chain.crypto.hashing import blake2_256
from btt_chain.keystore.key_manager import KeyManager
from btt_chain.primitives.digest import H256, Digest, PreRuntime
from btt_chain.primitives.extrinsic import opaque, unwrap
from btt_chain.primitives.header import Header
from btt_chain.primitives.validity import (
    BadProof,
    CannotLookup,
    Invalid,
    Stale,
    TransactionSource,
    Unknown,
    ValidTransaction,
)
from btt_chain.rpc.babe import Authorship
from btt_chain.rpc.backend import (
    BackendError,
    BlockRef,
    ChainEvent,
    Finalized,
    Health,
    NewBest,
    NewBlock,
    PeerInfo,
    RuntimeCallError,
    SealError,
    StatePruned,
    SyncState,
    UnknownBlock,
    UpgradeState,
)
from btt_chain.rpc.dev import Dev
from btt_chain.rpc.finality import Finality
from btt_chain.rpc.log_filters import Filters
from btt_chain.rpc.offchain import LocalStorage
from btt_chain.rpc.signing import Signing
from btt_chain.rpc.trace import Tracer
from btt_chain.scale import codec, u8, u32, u64, u128
from btt_chain.txpool import BlockRef as PoolRef
from btt_chain.txpool import (
    ImportedBlock,
    Included,
    Pool,
    StatusEvent,
    nonce_tag,
)
from p2p.address import parse, parse_peer
from runtime import VERSION
from runtime.frame.api import RuntimeApi
from runtime.frame.version import CODE_KEY, CowApis, CowText, RuntimeVersion, api_id
from runtime.frame.weight import DispatchClass, Weight
from runtime.pallets.transaction_payment.pallet import FeeDetails, InclusionFee, RuntimeDispatchInfo
from storage.trie import ordered_root, read_proof
from storage.trie.trie import EMPTY_ROOT, Trie

ALICE = bytes.fromhex("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d")
BOB = bytes.fromhex("8eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48")
UNKNOWN_ACCOUNT = bytes(32)
METADATA = b"meta\x0e" + bytes(200)

State = dict[bytes, bytes]


def version(spec: int = 1, *, without: Sequence[str] = ()) -> RuntimeVersion:
    """A runtime version with the APIs of all features but some."""
    left_out = list(map(api_id, without))
    return RuntimeVersion(
        spec_name=CowText("model"),
        impl_name=CowText("model-impl"),
        authoring_version=u32(1),
        spec_version=u32(spec),
        impl_version=u32(0),
        apis=CowApis([entry for entry in VERSION.apis.value if entry[0] not in left_out]),
        transaction_version=u32(1),
        system_version=u8(1),
    )


def transfer(
    account: bytes = ALICE, nonce: int = 0, tip: int = 0, good: bool = True, more: bytes = b""
) -> bytes:
    """The inner bytes of an extrinsic."""
    signature = b"\x00" if good else b"\xff"
    return account + nonce.to_bytes(4, "little") + bytes([tip]) + signature + more


@dataclass(slots=True)
class ModelBlock:
    """A block with all that belongs to it."""

    header: Header
    body: list[bytes]
    state: State | None
    justifications: list[tuple[bytes, bytes]] = field(default_factory=list)


class ModelState:
    """The state after a block; proofs come from a real trie."""

    def __init__(self, state: State, root: bytes) -> None:
        self.state = state
        self.root = root

    def get(self, key: bytes) -> bytes | None:
        return self.state.get(key)

    def keys(self, prefix: bytes, start: bytes | None, limit: int) -> list[bytes]:
        after = b"" if start is None else start
        found = sorted(k for k in self.state if k.startswith(prefix))
        return [k for k in found if start is None or k > after][:limit]

    def proof(self, keys: Sequence[bytes]) -> list[bytes]:
        root, nodes = seal(self.state)
        assert root == self.root
        return read_proof(nodes.get, root, keys)

    def closest_descendant(self, key: bytes) -> bytes | None:
        """A stand-in: a hash over all below, so that it changes when they do."""
        below = [(k, v) for k, v in sorted(self.state.items()) if k.startswith(key)]
        return blake2_256(repr(below).encode()) if below else None


def seal(state: Mapping[bytes, bytes]) -> tuple[bytes, dict[bytes, bytes]]:
    """Root and trie records of a state."""
    trie = Trie(lambda _: None, EMPTY_ROOT)
    for key, value in state.items():
        trie.put(key, value, 1)
    sealed = trie.seal()
    return sealed.root, dict(sealed.inserted)


class ModelChain:
    """Blocks in a dict, events to listeners."""

    def __init__(self, state: State | None = None) -> None:
        self.blocks: dict[bytes, ModelBlock] = {}
        self.listeners: list[Callable[[ChainEvent], None]] = []
        self.pins: dict[bytes, int] = {}
        self.apis: Sequence[type[RuntimeApi]] = ()
        self.calls = 0
        self.steps_to_metadata = 0
        """Steps of preparation that the first call for metadata waits for."""
        genesis_state = {CODE_KEY: codec(RuntimeVersion).encode(version())} | (state or {})
        genesis = self._make(bytes(32), 0, [], genesis_state)
        self.genesis_hash = genesis.hash()
        self.best_hash = self.final_hash = bytes(self.genesis_hash)

    # ---- making blocks

    def block(
        self,
        parent: bytes | None = None,
        body: Sequence[bytes] = (),
        changes: Mapping[bytes, bytes | None] | None = None,
        best: bool = True,
    ) -> bytes:
        """Make and import a block; its hash."""
        parent = parent or self.best_hash
        before = self.blocks[parent]
        state = dict(before.state or {})
        for extrinsic in body:
            account, nonce = extrinsic[:32], int.from_bytes(extrinsic[32:36], "little")
            state[b"nonce" + account] = (nonce + 1).to_bytes(4, "little")
            state[b"last"] = blake2_256(opaque(extrinsic))
        for key, value in (changes or {}).items():
            if value is None:
                state.pop(key, None)
            else:
                state[key] = value
        header = self._make(parent, before.header.number + 1, list(body), state)
        hash = bytes(header.hash())
        self.emit(NewBlock(hash, parent, header.number, best))
        if best:
            self.set_best(hash)
        return hash

    def set_best(self, hash: bytes) -> None:
        """Move the best head."""
        old, new = self.lineage(self.best_hash), self.lineage(hash)
        self.best_hash = hash
        enacted = [h for h in new if h not in old]
        self.emit(NewBest(hash, tuple(enacted), tuple(h for h in old if h not in new)))

    def finalize(self, hash: bytes) -> None:
        """Finalize a block; forks beside it die."""
        line = self.lineage(hash)
        new = line[line.index(self.final_hash) + 1 :]
        dead = [ref.hash for ref in self.unfinalized() if not self._related(ref.hash, hash)]
        self.final_hash = hash
        if self.best_hash in dead:
            self.set_best(hash)
        self.emit(Finalized(tuple(new), tuple(dead)))

    def upgrade(self, spec: int, *, without: Sequence[str] = ()) -> bytes:
        """A block that changes the runtime, to one without some of the APIs."""
        return self.block(changes={CODE_KEY: version(spec, without=without).encoded()})

    def lineage(self, hash: bytes) -> list[bytes]:
        """From genesis to a block."""
        line: list[bytes] = []
        while hash in self.blocks:
            line.append(hash)
            hash = bytes(self.blocks[hash].header.parent_hash)
        return line[::-1]

    def _related(self, one: bytes, other: bytes) -> bool:
        return one in self.lineage(other) or other in self.lineage(one)

    def _make(self, parent: bytes, number: int, body: list[bytes], state: State) -> Header:
        # The count makes brothers differ even when they do nothing.
        log = PreRuntime(b"BABE", len(self.blocks).to_bytes(8, "little"))
        header = Header(
            H256(parent),
            u32(number),
            H256(seal(state)[0]),
            H256(ordered_root(opaque(extrinsic) for extrinsic in body)),
            Digest([log]),
        )
        self.blocks[bytes(header.hash())] = ModelBlock(header, body, state)
        return header

    def emit(self, event: ChainEvent) -> None:
        for listener in list(self.listeners):
            listener(event)

    # ---- the Chain protocol

    def best(self) -> BlockRef:
        return BlockRef(int(self.blocks[self.best_hash].header.number), self.best_hash)

    def finalized(self) -> BlockRef:
        return BlockRef(int(self.blocks[self.final_hash].header.number), self.final_hash)

    def header(self, hash: bytes) -> Header | None:
        block = self.blocks.get(hash)
        return None if block is None else block.header

    def body(self, hash: bytes) -> Sequence[bytes] | None:
        block = self.blocks.get(hash)
        return None if block is None else block.body

    def justifications(self, hash: bytes) -> Sequence[tuple[bytes, bytes]] | None:
        block = self.blocks.get(hash)
        return None if block is None or not block.justifications else block.justifications

    def block_hash(self, number: int) -> bytes | None:
        line = self.lineage(self.best_hash)
        return line[number] if number < len(line) else None

    def hashes_at(self, number: int) -> Sequence[bytes]:
        return [hash for hash, block in self.blocks.items() if block.header.number == number]

    def unfinalized(self) -> Sequence[BlockRef]:
        refs = [
            BlockRef(int(block.header.number), hash)
            for hash, block in self.blocks.items()
            if hash != self.final_hash and self.final_hash in self.lineage(hash)
        ]
        return sorted(refs)

    def state(self, hash: bytes) -> ModelState:
        block = self.blocks.get(hash)
        if block is None:
            raise UnknownBlock(hash)
        if block.state is None:
            raise StatePruned(hash)
        return ModelState(block.state, block.header.state_root)

    def pin(self, hash: bytes) -> None:
        self.pins[hash] = self.pins.get(hash, 0) + 1

    def unpin(self, hash: bytes) -> None:
        self.pins[hash] -= 1
        if not self.pins[hash]:
            del self.pins[hash]

    def call(self, hash: bytes, function: str, data: bytes) -> bytes:
        state = self.state(hash)
        self.calls += 1
        match function:
            case "Core_version":
                return state.get(CODE_KEY) or b""
            case "Echo_echo":
                return data
            case "Model_bug":
                raise ZeroDivisionError
            case "TransactionPaymentApi_query_info":
                info = RuntimeDispatchInfo(
                    Weight(u64(7_000), u64(13)), DispatchClass.Normal, u128(2**64 + 5)
                )
                return codec(RuntimeDispatchInfo).encode(info)
            case "TransactionPaymentApi_query_fee_details":
                unpaid = data[:-4].endswith(b"free")
                fee = None if unpaid else InclusionFee(u128(1), u128(16), u128(2**70))
                return codec(FeeDetails).encode(FeeDetails(fee, u128(0)))
        raise RuntimeCallError(f"Exported method {function} is not found")

    def is_unsafe_call(self, function: str) -> bool:
        return function == "Core_execute_block"

    def max_call_data(self, function: str) -> int:
        return 1 << 16

    def pallet_apis(self) -> Sequence[type[RuntimeApi]]:
        return self.apis

    def dry_run(self, hash: bytes, extrinsic: bytes) -> bytes:
        self.state(hash)
        return b"\x00\x00" if unwrap(extrinsic)[37] != 255 else b"\x01\x00\x04"

    def runtime_version(self, hash: bytes) -> RuntimeVersion:
        return codec(RuntimeVersion).decode_all(self.state(hash).get(CODE_KEY) or b"")

    def prepare_metadata(self) -> Iterator[None]:
        for _ in range(self.steps_to_metadata):
            self.steps_to_metadata -= 1
            yield

    def metadata(self, hash: bytes) -> bytes:
        self.state(hash)
        return METADATA

    def listen(self, listener: Callable[[ChainEvent], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)


class ModelWatch:
    """Takes a listener off again."""

    def __init__(self, pool: ModelPool, hash: bytes, listener: Callable[[StatusEvent], None]):
        self.pool = pool
        self.hash = hash
        self.listener = listener

    def close(self) -> None:
        listeners = self.pool.watchers.get(self.hash, [])
        if self.listener in listeners:
            listeners.remove(self.listener)


class ModelPool:
    """The real pool over the model chain's runtime."""

    def __init__(self, chain: ModelChain) -> None:
        self.chain = chain
        self.pool = Pool(self._validate)
        self.watchers: dict[bytes, list[Callable[[StatusEvent], None]]] = {}
        chain.listen(self._on_event)

    def submit(self, extrinsic: bytes) -> bytes:
        try:
            best = PoolRef(*self.chain.best())
            return self.pool.submit(extrinsic, TransactionSource.External, 0.0, best)
        finally:
            self._pass_on()

    def watch(self, extrinsic: bytes, listener: Callable[[StatusEvent], None]) -> ModelWatch:
        hash = blake2_256(extrinsic)
        listeners = self.watchers.setdefault(hash, [])
        listeners.append(listener)
        try:
            self.submit(extrinsic)
        except Exception:
            listeners.remove(listener)
            raise
        return ModelWatch(self, hash, listener)

    def ready(self) -> Sequence[bytes]:
        return self.pool.pending()

    def remove(self, hashes: Sequence[bytes]) -> Sequence[bytes]:
        gone = self.pool.remove_invalid(dict.fromkeys(hashes, "removed by hand"), 0.0)
        self._pass_on()
        return gone

    def next_index(self, account: bytes) -> int:
        return self.pool.next_nonce(account, self._nonce(self.chain.best_hash, account))

    def _nonce(self, at: bytes, account: bytes) -> int:
        return int.from_bytes(self.chain.state(at).get(b"nonce" + account) or b"\x00", "little")

    def _validate(self, raw: bytes, source: TransactionSource, best: PoolRef) -> ValidTransaction:
        inner = unwrap(raw)
        account, nonce = inner[:32], int.from_bytes(inner[32:36], "little")
        if account == UNKNOWN_ACCOUNT:
            raise Unknown(CannotLookup())
        if len(inner) < 38 or inner[37] == 255:
            raise Invalid(BadProof())
        expected = self._nonce(best.hash, account)
        if nonce < expected:
            raise Invalid(Stale())
        requires = [nonce_tag(account, nonce - 1)] if nonce > expected else []
        return ValidTransaction(u64(inner[36]), requires, [nonce_tag(account, nonce)])

    def _on_event(self, event: ChainEvent) -> None:
        match event:
            case NewBest(enacted=enacted, retracted=retracted):
                self.pool.on_retracted([self._imported(hash) for hash in retracted])
                for hash in enacted:
                    self.pool.on_block_imported(self._imported(hash), 0.0)
            case Finalized(hashes=hashes):
                self.pool.on_finalized(hashes)
            case NewBlock():
                pass
        self._pass_on()

    def _imported(self, hash: bytes) -> ImportedBlock:
        block = self.chain.blocks[hash]
        included = [
            Included(
                index,
                blake2_256(opaque(inner)),
                opaque(inner),
                [nonce_tag(inner[:32], int.from_bytes(inner[32:36], "little"))],
            )
            for index, inner in enumerate(block.body)
        ]
        return ImportedBlock(PoolRef(int(block.header.number), hash), included)

    def _pass_on(self) -> None:
        for event in self.pool.drain():
            for listener in list(self.watchers.get(event.hash, [])):
                listener(event)


class ModelNode:
    """A node that knows itself."""

    name = "model node"
    version = "0.0.0"
    chain_name = "Model"
    chain_type = "Development"
    properties: Mapping[str, object] = {
        "ss58Format": 42,
        "tokenDecimals": 18,
        "tokenSymbol": "BTT",
    }
    roles = ("Authority",)
    local_peer_id = "12D3KooWModel"
    listen_addresses = ("/ip4/127.0.0.1/tcp/30333/p2p/12D3KooWModel",)

    def __init__(self, chain: ModelChain) -> None:
        self.chain = chain
        self.reserved: list[str] = []
        self.allowed: list[str] | None = None

    def health(self) -> Health:
        return Health(0, is_syncing=False, should_have_peers=False)

    def peers(self) -> Sequence[PeerInfo]:
        best = self.chain.best()
        return [PeerInfo("12D3KooWOther", "FULL", best.hash, best.number)]

    def sync_state(self) -> SyncState:
        number = self.chain.best().number
        return SyncState(0, number, number)

    def upgrade(self) -> UpgradeState:
        return UpgradeState("btt", 100, [100], None, "", stands=False)

    def reserved_peers(self) -> Sequence[str]:
        return self.reserved

    def add_reserved_peer(self, address: str) -> None:
        self.reserved.append(parse(address).peer)

    def remove_reserved_peer(self, peer_id: str) -> None:
        gone = parse_peer(peer_id)
        self.reserved = [peer for peer in self.reserved if peer != gone]

    def sync_spec(self, *, raw: bool) -> Mapping[str, object]:
        raise BackendError("there is no checkpoint yet")

    def set_allowed_peers(self, peer_ids: Sequence[str] | None) -> None:
        self.allowed = None if peer_ids is None else [parse_peer(peer) for peer in peer_ids]


class ModelSealer:
    """Blocks on demand out of the pool."""

    def __init__(self, chain: ModelChain, pool: ModelPool) -> None:
        self.chain = chain
        self.pool = pool

    async def create_block(
        self, *, create_empty: bool, finalize: bool, parent: bytes | None
    ) -> bytes:
        body = [unwrap(raw) for raw in self.pool.ready()]
        if not body and not create_empty:
            raise SealError("Transaction pool is empty")
        if parent is not None and parent not in self.chain.blocks:
            raise UnknownBlock(parent)
        hash = self.chain.block(parent, body)
        if finalize:
            self.chain.finalize(hash)
        return hash

    async def finalize_block(self, hash: bytes, justification: bytes | None) -> bool:
        if hash not in self.chain.blocks:
            raise UnknownBlock(hash)
        if justification is not None:
            self.chain.blocks[hash].justifications.append((b"TEST", justification))
        self.chain.finalize(hash)
        return True


class ModelBackend:
    """All of it."""

    def __init__(self, state: State | None = None, *, manual: bool = True) -> None:
        self.chain = ModelChain(state)
        self.pool = ModelPool(self.chain)
        self.node = ModelNode(self.chain)
        self.sealer = ModelSealer(self.chain, self.pool) if manual else None
        self.finality: Finality | None = None
        self.keys: KeyManager | None = None
        self.signing: Signing | None = None
        self.dev: Dev | None = None
        self.tracer: Tracer | None = None
        self.authorship: Authorship | None = None
        self.local_storage: LocalStorage | None = None
        self.log_filters: Filters | None = None
