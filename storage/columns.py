"""The whole key layout, on one screen.

One LevelDB; the first byte of a key is its column. Numbers are big endian, so that they sort.

    00 'b' n8            batch record: every write is numbered, a gap is a lost write (leveldb.py)
    00 'c'               the last close was clean
    m  name              meta, see the names below; `version` never moves
    h  hash              header, SCALE
    o  hash              body, SCALE Vec<Vec<u8>>
    j  hash engine4      justification of one consensus engine
    n  number8           hash of the canonical block at this height
    u  number8 hash      a block that is not final: empty value, the header says the rest
    y  number8 hash      journal of a block that is not final: undo, redo, records it brought
    d  number8 hash      records that die when the state before this block leaves the window
    s  key               state at the best block, flat: one get
    t  path hash         trie node (path: trie/nibble.py pack_exact)
    v  key hash          a value that state version 1 keeps outside its trie node
    x  record key        how many more retained blocks than one brought this trie record
    a  key               what other modules keep in the batch of a block
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
META_FINALISED: Final = META + b"finalised"
META_BASE: Final = META + b"base"
"""Hash of the oldest canonical block whose state is kept."""
META_PRUNING: Final = META + b"pruning"
"""`archive` or `window`: how the trie records were kept from the first block on."""

META_IMPORT: Final = META + b"import"
"""A state that is being fetched: then there is none to read (state_import.py)."""
META_HISTORY: Final = META + b"history"
"""Which blocks below a fetched state are missing (state_import.py)."""

KEY_HASH: Final = -32
"""Where the hash starts in the key of a trie record."""


def number_key(column: bytes, number: int, hash: bytes = b"") -> bytes:
    """The key of a height, or of a block at a height."""
    return column + number.to_bytes(8, "big") + hash


def node_key(path: str, hash: bytes) -> bytes:
    """The key of a trie node; the last nibble of the packed path keeps odd and even apart."""
    return b"t" + bytes.fromhex(path + "1" if len(path) & 1 else path + "00") + hash


def value_key(key: bytes, hash: bytes) -> bytes:
    """The key of a value outside its node."""
    return b"v" + key + hash


def after(prefix: bytes) -> bytes | None:
    """The smallest key above every key with this prefix; None when there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,)) if stem else None
