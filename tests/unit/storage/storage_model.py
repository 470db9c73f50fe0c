"""Shared by the storage tests: headers made by hand, and a slow and simple trie."""

from collections.abc import Iterable, Mapping

from storage.blocks import BlockRef, header_hash
from storage.columns import NODE, VALUE
from storage.database import ChainStore
from storage.kv import KeyValue
from storage.leveldb import LevelKV
from storage.memory import MemoryKV
from storage.state_import import AncientBlock
from storage.trie import EMPTY_ROOT, Trie
from storage.trie.node import compact, hash_256
from storage.trie.range_proof import verify_range

GENESIS_STATE = {b"alice": b"a" * 40, b"bob": b"b", b"carol": b"c" * 33, b"al": b""}


def make_header(parent: bytes, number: int, root: bytes, salt: bytes = b"") -> bytes:
    if number < 1 << 30:
        height = compact(number)
    else:
        size = (number.bit_length() + 7) // 8
        height = bytes(((size - 4) << 2 | 3,)) + number.to_bytes(size, "little")
    return parent + height + root + hash_256(salt) + b"\x00"


def genesis_header(root: bytes) -> bytes:
    return make_header(bytes(32), 0, root)


def new_chain(
    kv: KeyValue, pruning: int | None = 256, state: Mapping[bytes, bytes] = GENESIS_STATE
) -> ChainStore:
    store = ChainStore(kv, pruning=pruning)
    store.insert_genesis(state, genesis_header)
    return store


def grow(
    store: ChainStore,
    changes: Mapping[bytes, bytes | None],
    parent: bytes | None = None,
    salt: bytes = b"",
    *,
    make_best: bool = True,
    finalize: bool = False,
    body: Iterable[bytes] = (b"an extrinsic",),
) -> BlockRef:
    """One more block on `parent` (default: the best one)."""
    parent = store.blocks.best.hash if parent is None else parent
    overlay = store.state.reader(parent).overlay()
    for key, value in changes.items():
        overlay.get(key)
        overlay.put(key, value)
    pending = store.stage(parent, overlay.changes(), reads=overlay.base_reads)
    number = store.blocks.fields(parent).number + 1
    header = make_header(parent, number, pending.root, salt)
    assert header_hash(header) == hash_256(header)
    return store.commit_block(
        pending, header, list(body), make_best=make_best, finalize=finalize
    ).block


def needed_records(kv: KeyValue, root: bytes) -> set[bytes]:
    """Keys of every trie record that a root leads to."""
    seen: set[bytes] = set()

    def note(key: bytes) -> bytes | None:
        seen.add(key)
        return kv.get(key)

    trie = Trie(note, root)
    for key, held in trie.entries():
        trie.resolve(key, held)
    return seen


def stored_records(kv: KeyValue) -> set[bytes]:
    return {*kv.keys(NODE), *kv.keys(VALUE)}


def plain_root(pairs: Mapping[bytes, bytes], version: int = 1) -> bytes:
    """The trie root by its definition: recursive, without a thought for speed."""
    items = sorted((key.hex(), value) for key, value in pairs.items())
    return hash_256(_encode(items, 0, version)) if items else EMPTY_ROOT


def _encode(items: list[tuple[str, bytes]], depth: int, version: int) -> bytes:
    first, last = items[0][0], items[-1][0]
    end = depth
    while end < min(len(first), len(last)) and first[end] == last[end]:
        end += 1
    value = items[0][1] if len(first) == end else None
    rest = items if value is None else items[1:]
    groups: dict[str, list[tuple[str, bytes]]] = {}
    for item in rest:
        groups.setdefault(item[0][end], []).append(item)
    hashed = value is not None and version == 1 and len(value) > 32
    if groups:
        kind = (0x80, 6) if value is None else (0x10, 4) if hashed else (0xC0, 6)
    else:
        kind = (0x20, 5) if hashed else (0x40, 6)
    out = bytearray(_header(*kind, end - depth))
    partial = first[depth:end]
    out += bytes.fromhex("0" * (len(partial) % 2) + partial)
    if groups:
        out += sum(1 << int(digit, 16) for digit in groups).to_bytes(2, "little")
    if value is not None:
        out += hash_256(value) if hashed else compact(len(value)) + value
    for digit in sorted(groups):
        child = _encode(groups[digit], end + 1, version)
        child = hash_256(child) if len(child) >= 32 else child
        out += compact(len(child)) + child
    return bytes(out)


def _header(prefix: int, bits: int, count: int) -> bytes:
    full = (1 << bits) - 1
    if count < full:
        return bytes((prefix | count,))
    out = bytearray((prefix | full,))
    count -= full
    while count >= 255:
        out.append(255)
        count -= 255
    return bytes((*out, count))


def abandon(store: ChainStore) -> None:
    """Leave a database as a process does that dies: open files, no mark of a clean close."""
    assert isinstance(store._kv, LevelKV)
    store._kv.abandon()


STATE_AT_GENESIS = {b"key %d" % n: b"value %d" % n * (n % 9) for n in range(300)}


def source(length: int = 20, pruning: int | None = None) -> ChainStore:
    """The chain of another node."""
    store = new_chain(MemoryKV(), pruning, STATE_AT_GENESIS)
    for number in range(1, length + 1):
        key = b"key %d" % (7 * number)
        grow(store, {key: None, b"new %d" % number: b"n" * number}, finalize=True)
    return store


def header_at(store: ChainStore, number: int) -> bytes:
    header = store.blocks.header(store.blocks.hash_at(number) or b"")
    assert header is not None
    return header


def fetch(theirs: ChainStore, ours: ChainStore, number: int, ranges: int = 10**9) -> None:
    """Fetch so many ranges of the state at a height."""
    reader = theirs.state.reader(theirs.blocks.hash_at(number) or b"")
    for _ in range(ranges):
        at = ours.state_import.progress
        assert at is not None
        if at.complete:
            return
        nodes, last = reader.prove_range(at.after, 2_000)
        ours.state_import.write(verify_range(reader.root, at.after, nodes, last))


def ancient(store: ChainStore, ref: BlockRef, count: int) -> list[AncientBlock]:
    blocks, hash = [], ref.hash
    for _ in range(count):
        header = store.blocks.header(hash)
        assert header is not None
        blocks.append(AncientBlock(header, store.blocks.body(hash) or []))
        hash = store.blocks.fields(hash).parent
    return blocks
