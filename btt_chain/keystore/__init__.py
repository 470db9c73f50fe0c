"""Keys of a validator, and the record of what it has signed.

`Keystore` holds the session keys, `SigningRecord` the last signed messages of one, `KeyManager`
both together.
"""

from __future__ import annotations

from btt_chain.keystore.errors import KeystoreError, RecordError
from btt_chain.keystore.key_manager import KeyManager
from btt_chain.keystore.ledger import Clock, Ledger, Place, Refusal
from btt_chain.keystore.record import MemoryRecord, Record, SigningRecord
from btt_chain.keystore.sealed import Password
from btt_chain.keystore.store import BABE, GRANDPA, Keystore
from btt_chain.keystore.watch import Clear, Seen, Watch, Watching

__all__ = [
    "BABE",
    "GRANDPA",
    "Clear",
    "Clock",
    "KeyManager",
    "Keystore",
    "KeystoreError",
    "Ledger",
    "MemoryRecord",
    "Password",
    "Place",
    "Record",
    "RecordError",
    "Refusal",
    "Seen",
    "SigningRecord",
    "Watch",
    "Watching",
]
