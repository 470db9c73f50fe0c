"""Keys and signing records of a simulated node, and the witness of all that was ever signed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from btt_chain.crypto.keypair import KeyPair
from btt_chain.keystore import BABE, GRANDPA, Keystore, MemoryRecord, Refusal
from btt_chain.keystore.ledger import Ledger
from btt_chain.primitives.grandpa import Stage
from support.sim.errors import Violation
from support.sim.steady import steady

Said = tuple[bytes, int]


class Witness:
    """Remembers what honest keys signed, over all lives of their nodes (invariant I2).

    A signature counts once its record is durable, even where its process died before it could use
    it: from then on it may have left.
    """

    def __init__(self) -> None:
        self._blocks: dict[tuple[bytes, int], bytes] = {}
        self._votes: dict[tuple[bytes, int, int, Stage], Said] = {}
        self.signed = 0

    def block(self, who: bytes, slot: int, pre_seal_hash: bytes) -> None:
        """A seal exists."""
        self.signed += 1
        sealed = (who, slot)
        if sealed not in self._blocks:
            self._blocks[sealed] = pre_seal_hash
        elif self._blocks[sealed] != pre_seal_hash:
            raise Violation("I2", f"0x{who.hex()} sealed two blocks of slot {slot}")

    def vote(self, who: bytes, set_id: int, number: int, stage: Stage, target: Said) -> None:
        """A vote exists."""
        self.signed += 1
        cast = (who, set_id, number, stage)
        if cast not in self._votes:
            self._votes[cast] = target
        elif self._votes[cast] != target:
            raise Violation(
                "I2", f"0x{who.hex()} voted twice in {stage.name} {number} of set {set_id}"
            )


class Blind(Witness):
    """Looks away: for keys that are on two machines."""

    def block(self, who: bytes, slot: int, pre_seal_hash: bytes) -> None:
        """Pass over."""

    def vote(self, who: bytes, set_id: int, number: int, stage: Stage, target: Said) -> None:
        """Pass over."""


class WatchedRecord(MemoryRecord):
    """A record that reports to the witness."""

    def __init__(
        self,
        genesis_hash: bytes,
        public_key: bytes,
        ledger: Ledger | None,
        point: Callable[[str], None],
        witness: Witness,
    ) -> None:
        super().__init__(genesis_hash, public_key, ledger, point)
        self._witness = witness
        self._reach = point

    def again(self, point: Callable[[str], None]) -> WatchedRecord:
        """Return the record that the next life finds."""
        return WatchedRecord(
            self.genesis_hash, self.public_key, self._durable, point, self._witness
        )

    def sign_block(
        self, slot: int, pre_seal_hash: bytes, make: Callable[[], bytes]
    ) -> bytes | Refusal:
        """Sign, and report the signature."""
        seal = super().sign_block(slot, pre_seal_hash, make)
        if not isinstance(seal, Refusal):
            self._witness.block(self.public_key, slot, pre_seal_hash)
        return seal

    def sign_vote(
        self,
        set_id: int,
        round: int,
        stage: Stage,
        target_hash: bytes,
        target_number: int,
        make: Callable[[], bytes],
    ) -> bytes | Refusal:
        """Sign, and report the signature."""
        signature = super().sign_vote(set_id, round, stage, target_hash, target_number, make)
        if not isinstance(signature, Refusal):
            target = (target_hash, target_number)
            self._witness.vote(self.public_key, set_id, round, stage, target)
        return signature

    def _keep(self, ledger: Ledger) -> None:
        what = "vote" if ledger.block == self.ledger.block else "block"
        self._reach(f"record {what}")
        self._durable = ledger
        self._report(ledger)
        self._reach(f"recorded {what}")
        self.ledger = ledger

    def _report(self, ledger: Ledger) -> None:
        # What the ledger before has was reported then.
        block, last, before = ledger.block, ledger.round, self.ledger.round
        if block is None or block is self.ledger.block:
            pass
        elif block.pre_seal_hash is not None and block.seal is not None:
            self._witness.block(self.public_key, block.slot, block.pre_seal_hash)
        if last is None or last is before:
            return
        is_same = before is not None and (before.set_id, before.round) == (last.set_id, last.round)
        known = before.votes if before is not None and is_same else {}
        for stage, cast in last.votes.items():
            if cast.target is not None and known.get(stage) is not cast:
                self._witness.vote(self.public_key, last.set_id, last.round, stage, cast.target)


class Vault:
    """Keys and records of a node; the records survive it as a disk would."""

    def __init__(self, genesis: bytes, uri: str, witness: Witness) -> None:
        self.keystore = keystore_of(uri)
        self._genesis = genesis
        self._witness = witness
        self._records: dict[bytes, WatchedRecord] = {}
        self._point: Callable[[str], None] = lambda _: None

    def record(self, public: bytes) -> WatchedRecord:
        """Return the record of a key."""
        if public not in self._records:
            self._records[public] = WatchedRecord(
                self._genesis, public, None, self._point, self._witness
            )
        return self._records[public]

    def survive(self, point: Callable[[str], None]) -> None:
        """Keep the state that was durable when the process died."""
        self._point = point
        for public, record in list(self._records.items()):
            self._records[public] = record.again(point)


class SteadyKeys(Keystore):
    """Keys whose signatures hang on nothing but what is signed (steady.py)."""

    def __init__(self) -> None:
        super().__init__()
        self._steady: dict[tuple[bytes, bytes], KeyPair] = {}
        self._public: dict[bytes, list[bytes]] = {BABE: [], GRANDPA: []}

    def public_keys(self, key_type: bytes) -> list[bytes]:
        """Return the public keys of a type, in order."""
        return self._public[key_type]

    def pair(self, key_type: bytes, public: bytes) -> KeyPair | None:
        """Return a key's pair."""
        return self._steady.get((key_type, public))

    def hold(self, key_type: bytes, uri: str) -> None:
        """Have a key from here on."""
        public = self.remember(key_type, uri)
        pair = super().pair(key_type, public)
        assert pair is not None
        self._steady[key_type, public] = steady(pair)
        self._public[key_type] = super().public_keys(key_type)


@lru_cache
def keystore_of(uri: str) -> Keystore:
    """Return the keys of a node: the same in all worlds, and nothing changes them."""
    keystore = SteadyKeys()
    for kind in (BABE, GRANDPA):
        keystore.hold(kind, uri)
    return keystore
