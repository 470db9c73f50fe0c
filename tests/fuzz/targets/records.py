"""Files of the node's own that others may have touched: signing records, exports, keys, peers."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from btt_chain.keystore import interchange, record, sealed
from btt_chain.keystore.errors import RecordError
from btt_chain.keystore.ledger import Ledger, Sealed
from fuzz.target import Target, choose, memory_folder
from p2p import peer_records

GENESIS: Final = bytes(range(32))
PUBLIC: Final = bytes(range(32, 64))
PEER: Final = (
    b"1700000000000 /ip4/1.2.3.4/tcp/5/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp\n"
)
FOLDER: Final = memory_folder()


def signing_record(raw: bytes) -> None:
    """Read a signing record: only what this program writes, to the last bit."""
    with suppress(ValueError):
        genesis, public, ledger = record.decode(raw)
        assert record.encode(genesis, public, ledger) == raw


def export(raw: bytes) -> None:
    """Read an export of signing records."""
    with suppress(RecordError):
        interchange._read(GENESIS, raw)


def key_file(raw: bytes) -> None:
    """Read a key file."""
    with suppress(sealed.NotSealed):
        sealed.decode(raw)


def peers(raw: bytes) -> None:
    """Read the list of peers."""
    (FOLDER / peer_records.PEER_FILE).write_bytes(raw)
    peer_records.load(FOLDER)


def seeds() -> list[bytes]:
    """Return a file of each kind."""
    block = Sealed(5, bytes(32), bytes(64))
    exported = (
        '{"format": "btt-signing-record", "version": 1, "genesis_hash": "0x' + GENESIS.hex() + '",'
        '"keys": [{"public_key": "0x' + PUBLIC.hex() + '", "max_slot": "5", "max_vote": '
        '{"set_id": "1", "round": "2", "stage": "prevote"}, "unsure": false}]}'
    )
    file = sealed.seal(b"babe", "sr25519", PUBLIC, bytes(64), bytes(32))
    return [
        b"\0" + record.encode(GENESIS, PUBLIC, Ledger(block)),
        b"\0" + record.encode(GENESIS, PUBLIC, Ledger(None, None, unsure=True)),
        b"\1" + exported.encode(), b"\2" + file.encode(),
        b"\3" + PEER,
    ]  # fmt: skip


TARGET = Target(
    run=lambda raw: choose(raw, signing_record, export, key_file, peers),
    seeds=seeds,
    instrument=("btt_chain.keystore", "p2p.peer_records", "p2p.address"),
)
