"""The key layout of the database.

One LevelDB; the first byte of a key is its column. Numbers are big endian, so that they are sorted.

    00 'b' n8            batch record: each write is numbered, a gap is a lost write (leveldb.py)
    00 'c'               the last close was clean
    m  name              meta, see the names below; `version` keeps its key in every layout
    h  hash              header, SCALE
    o  hash              body, SCALE Vec<Vec<u8>>; of the blocks that retention.py keeps
    j  hash engine4      justification of one consensus engine
    n  number8           hash of the canonical block at this height
    u  number8 hash      a block that is not final: empty value, the rest is in the header
    y  number8 hash      journal of a block that is not final: undo, redo, inserted records
    d  number8 hash      records released when the state before this block leaves the window
    s  key               state at the best block, flat: one read per key
    t  path hash         trie node; the nibbles of its path, an odd number of them followed by 1, an
                         even one by 00, so that no two paths share a key
    v  key hash          a value that state version 1 stores outside its trie node
    x  record key        reference count of this trie record less one, if above zero
    a  key               data of other modules, written in the batch of a block
"""

from typing import Final

VERSION: Final = 1
"""Layout version; a database of another version is refused."""

BATCH: Final = b"\x00b"
CLEAN: Final = b"\x00c"
META: Final = b"m"
HEADER: Final = b"h"
BODY: Final = b"o"
JUSTIFICATION: Final = b"j"
NUMBER: Final = b"n"
OPEN_BLOCK: Final = b"u"
JOURNAL: Final = b"y"
DEATHS: Final = b"d"
STATE: Final = b"s"
NODE: Final = b"t"
VALUE: Final = b"v"
EXTRA: Final = b"x"
AUX: Final = b"a"

META_VERSION: Final = META + b"version"
META_GENESIS: Final = META + b"genesis"
META_BEST: Final = META + b"best"
META_FINALIZED: Final = META + b"finalised"
META_BASE: Final = META + b"base"
"""Hash of the oldest canonical block whose state is kept."""
META_PRUNING: Final = META + b"pruning"
"""`archive` or `window`: retention of trie records since the first block."""

META_BODIES: Final = META + b"bodies"
"""Height, 8 bytes big endian, below which final blocks but block zero have no bodies any more."""

META_IMPORT: Final = META + b"import"
"""A state that is being fetched: there is none to read (state_import.py)."""
META_HISTORY: Final = META + b"history"
"""The missing blocks below a fetched state (state_import.py)."""

META_FORK: Final = META + b"fork"
"""Hash of the block at which a fork begins, and the root of its first changes (fork.py)."""

KEY_HASH: Final = -32
"""Start of the hash in the key of a trie record."""


def number_key(column: bytes, number: int, hash: bytes = b"") -> bytes:
    """Return the key of a height, or of a block at a height."""
    return column + number.to_bytes(8, "big") + hash


def node_prefix(path: str) -> bytes:
    """Return the key of a trie node without its hash; the last nibble keeps odd and even paths
    apart.
    """
    return b"t" + bytes.fromhex(path + "1" if len(path) & 1 else path + "00")


def node_key(path: str, hash: bytes) -> bytes:
    """Return the key of a trie node."""
    return b"t" + bytes.fromhex(path + "1" if len(path) & 1 else path + "00") + hash


def value_key(key: bytes, hash: bytes) -> bytes:
    """Return the key of a value stored outside its node."""
    return b"v" + key + hash


def after(prefix: bytes) -> bytes | None:
    """Return the smallest key above all keys with this prefix; None if there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,)) if stem else None
