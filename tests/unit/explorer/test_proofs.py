"""Proofs with votes: a value is proven by the hash of an older block that the reader trusts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from click.testing import CliRunner, Result

from btt_chain.client.jsonrpc import Json
from btt_chain.consensus.finality.proofs import FinalityProof
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives.grandpa import (
    AuthoritySignature,
    Commit,
    Justification,
    Precommit,
    PrecommitMessage,
    SignedPrecommit,
    signing_payload,
)
from btt_chain.primitives.header import Header
from btt_chain.primitives.voters import AuthorityId
from btt_chain.scale import u32, u64
from cli.program import program
from support.document import Document
from support.explorer import ChainConnection, hex_of, pages_of, unhex

Client = TestClient[web.Request, web.Application]

VOTER = "//Alice"
"""The only voter of the development chain."""


def vote(header: Header, uri: str = VOTER, set_id: int = 0) -> Justification:
    """Return a justification for a header with one vote."""
    key = KeyPair.from_uri(uri, Scheme.ED25519)
    precommit = Precommit(header.hash(), u32(int(header.number)))
    signature = key.sign(signing_payload(PrecommitMessage(precommit), 7, set_id))
    signed = SignedPrecommit(precommit, AuthoritySignature(signature), AuthorityId(key.public))
    return Justification(u64(7), Commit(header.hash(), u32(int(header.number)), [signed]), [])


def voting(economy: ChainConnection, uri: str = VOTER, set_id: int = 0) -> ChainConnection:
    """Return a connection to a chain whose last block a voter signed."""
    view = economy.view

    def prove(number: int) -> Json:
        hashes = [view.block_hash(n) or b"" for n in range(number + 1, 4)]
        headers = [view.header(hash) for hash in hashes]
        last = view.header(view.best().hash)
        assert last is not None
        justification = vote(last, uri, set_id).encode()
        above = [each for each in headers if each is not None]
        return hex_of(FinalityProof(last.hash(), justification, above).encode())

    return ChainConnection(economy.chain, more={"grandpa_proveFinality": prove})


def verify(file: Path, checkpoint: str, *options: str) -> Result:
    words = ["verify", "proof", str(file), "--checkpoint", checkpoint, *options]
    return CliRunner().invoke(program, words)


async def fetch(client: Client, path: str, file: Path) -> Document:
    answer = await client.get(path)
    text = await answer.text()
    assert answer.status == 200, text
    file.write_text(text)
    return Document.of(text)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "proof.json"


async def test_a_value_is_proven_by_the_votes_of_the_voters_of_a_trusted_block(
    economy_index: Path, economy: ChainConnection, file: Path
) -> None:
    genesis = hex_of(economy.chain.client.genesis_hash)
    async with pages_of(voting(economy), economy_index) as (client, _):
        path = "/proof/storage/Balances.TotalIssuance.json"
        document = await fetch(client, f"{path}?checkpoint=0", file)
        assert document["finality"]["checkpoint"]["hash"] == genesis
        done = verify(file, genesis, "--json")
        assert done.exit_code == 0, done.output
        said = json.loads(done.stdout)
        assert said["votes"] == {"voters": 1, "signed": 1, "target": 3}
        assert int.from_bytes(unhex(said["value"]), "little") > 0
        assert "final: 1 of 1 validators signed block 3" in verify(file, genesis).output
        # By default the checkpoint is the parent, and the block's own hash is enough.
        document = await fetch(client, path, file)
        assert document["finality"]["checkpoint"]["height"] == 2
        assert json.loads(verify(file, str(document["blockHash"]), "--json").stdout)["votes"]
        assert verify(file, genesis).exit_code == 1


Change = Callable[[Document], None]


def _drop_voters(document: Document) -> None:
    document["finality"]["checkpoint"]["proof"] = []


def _cut(document: Document) -> None:
    document["finality"]["proof"] = document["finality"]["proof"][:-2]


def _without_checkpoint(document: Document) -> None:
    document["finality"] = {"proof": document["finality"]["proof"].value}


def _other_value(document: Document) -> None:
    document["value"] = "0x01"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_drop_voters, "the proof of the voters is invalid"),
        (_cut, "the proof of finality is malformed"),
        (_without_checkpoint, "has another form"),
        (_other_value, "another value"),
    ],
)
async def test_a_changed_document_is_refused(
    economy_index: Path, economy: ChainConnection, file: Path, change: Change, reason: str
) -> None:
    async with pages_of(voting(economy), economy_index) as (client, _):
        path = "/proof/storage/Balances.TotalIssuance.json?checkpoint=0"
        document = await fetch(client, path, file)
    change(document)
    file.write_text(json.dumps(document.value))
    refused = verify(file, hex_of(economy.chain.client.genesis_hash))
    assert refused.exit_code == 1
    assert reason in refused.output


@pytest.mark.parametrize(("uri", "set_id"), [("//Bob", 0), (VOTER, 1)])
async def test_votes_of_others_or_of_another_set_prove_nothing(
    economy_index: Path, economy: ChainConnection, file: Path, uri: str, set_id: int
) -> None:
    async with pages_of(voting(economy, uri, set_id), economy_index) as (client, _):
        await fetch(client, "/proof/storage/System.Number.json?checkpoint=0", file)
    refused = verify(file, hex_of(economy.chain.client.genesis_hash))
    assert refused.exit_code == 1
    assert "do not make the block final" in refused.output


async def test_a_chain_without_votes_has_proofs_without_them(
    economy_index: Path, economy: ChainConnection, file: Path
) -> None:
    async with pages_of(economy, economy_index) as (client, _):
        document = await fetch(client, "/proof/account/Alice.json", file)
        assert document["finality"].value is None
        assert verify(file, str(document["blockHash"])).exit_code == 0
        for path, status in (
            ("/proof/storage/No.Item.json", 404), ("/proof/storage/System.Account.json", 400),
            ("/proof/storage/System.Account.json?key=no", 400),
            ("/proof/account/Alice.json?checkpoint=9", 404),
        ):  # fmt: skip
            answer = await client.get(path)
            assert answer.status == status, path
