"""Records that are older than the database beside them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from btt_chain.chain.client import Client
from btt_chain.chain.notify import BlockRef
from btt_chain.consensus.finality.records import round_change
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.keystore import BABE, GRANDPA, Keystore, Ledger, MemoryRecord, Record
from btt_chain.node.keys.record_check import look_back
from btt_chain.primitives.babe import SecondaryPlain, SecondaryPlainClaim, Slot, pre_runtime
from btt_chain.primitives.digest import BABE as BABE_ENGINE
from btt_chain.primitives.digest import H256, Digest, Seal
from btt_chain.primitives.grandpa import (
    AuthoritySignature,
    SignedMessage,
    Stage,
    Target,
    message_for,
    signing_payload,
)
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import AuthorityId
from btt_chain.scale import u32

GENESIS = bytes(32)
ALICE = KeyPair.from_uri("//Alice")
BOB = KeyPair.from_uri("//Bob")
VOTER = KeyPair.from_uri("//Alice", Scheme.ED25519)
TARGET = Target(H256(b"\x07" * 32), 7)


class Vault:
    def __init__(self) -> None:
        self.keystore = Keystore()
        self.keystore.remember(BABE, "//Alice")
        self.keystore.remember(GRANDPA, "//Alice")
        self.records: dict[bytes, Record] = {
            key: MemoryRecord(GENESIS, key, Ledger()) for key in (ALICE.public, VOTER.public)
        }

    def record(self, public: bytes) -> Record:
        return self.records[public]


class Chain:
    """A client with headers, and what GRANDPA has stored."""

    def __init__(self) -> None:
        zero = H256(bytes(32))
        self.headers = {bytes(32): Header(zero, u32(0), zero, zero, Digest([]))}
        self.head = BlockRef(0, bytes(32))
        self.aux: dict[bytes, bytes] = {}
        blocks = SimpleNamespace(justification=lambda *_: None)
        self.store = SimpleNamespace(aux_get=self.aux.get, blocks=blocks)

    def best(self) -> BlockRef:
        return self.head

    finalized = best

    def header(self, hash: bytes) -> Header | None:
        return self.headers.get(hash)

    def add(self, author: KeyPair, slot: int) -> bytes:
        zero = H256(bytes(32))
        claim = SecondaryPlain(SecondaryPlainClaim(u32(0), Slot(slot)))
        number = u32(self.head.number + 1)
        bare = Header(H256(self.head.hash), number, zero, zero, Digest([pre_runtime(claim)]))
        sealed = bare.with_log(Seal(BABE_ENGINE, author.sign(bare.hash())))
        self.headers[sealed.hash()] = sealed
        self.head = BlockRef(int(number), sealed.hash())
        return bare.hash()

    def complete(self, number: int, pair: KeyPair = VOTER) -> None:
        message = message_for(Stage.PRECOMMIT, TARGET)
        signature = AuthoritySignature(pair.sign(signing_payload(message, number, 0)))
        vote = SignedMessage(message, signature, AuthorityId(pair.public))
        changes = round_change(0, number, TARGET, [vote])
        self.aux.update(cast("dict[bytes, bytes]", changes))


def look(chain: Chain, vault: Vault) -> None:
    look_back(cast("Client", chain), vault)


def test_a_record_that_knows_of_all_blocks_stays_as_it_is() -> None:
    chain, vault = Chain(), Vault()
    hash = chain.add(ALICE, 5)
    vault.record(ALICE.public).sign_block(5, hash, lambda: ALICE.sign(hash))
    chain.add(BOB, 6)
    before = vault.record(ALICE.public).ledger
    look(chain, vault)
    assert vault.record(ALICE.public).ledger == before
    assert not before.unsure


def test_a_record_older_than_a_block_of_ours_is_raised_and_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    chain, vault = Chain(), Vault()
    hash = chain.add(ALICE, 5)
    vault.record(ALICE.public).sign_block(5, hash, lambda: ALICE.sign(hash))
    chain.add(ALICE, 8)
    chain.add(BOB, 9)
    look(chain, vault)
    ledger = vault.record(ALICE.public).ledger
    assert ledger.unsure
    assert ledger.block is not None
    assert ledger.block.slot == 8
    assert "is older than the block that it sealed for slot 8" in caplog.text
    assert not vault.record(VOTER.public).ledger.unsure


def test_a_record_older_than_a_vote_of_ours_waits() -> None:
    chain, vault = Chain(), Vault()
    vault.record(VOTER.public).sign_vote(
        0, 3, Stage.PRECOMMIT, bytes(TARGET.hash), 7, lambda: bytes(64)
    )
    chain.complete(3)
    look(chain, vault)
    assert not vault.record(VOTER.public).ledger.unsure
    chain.complete(4)
    look(chain, vault)
    ledger = vault.record(VOTER.public).ledger
    assert ledger.unsure
    assert ledger.round is not None
    assert ledger.round.round == 4


def test_votes_of_others_do_not_matter() -> None:
    chain, vault = Chain(), Vault()
    chain.complete(4, KeyPair.from_uri("//Bob", Scheme.ED25519))
    look(chain, vault)
    assert not vault.record(VOTER.public).ledger.unsure
