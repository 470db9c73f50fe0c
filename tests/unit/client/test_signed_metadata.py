"""The digest of the metadata under signatures: no node can change a call's meaning."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from click.testing import CliRunner

from btt_chain.client.amount import Currency
from btt_chain.client.errors import Undecodable
from btt_chain.client.extrinsics import Draft, SigningContext, extensions_of
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.signed_metadata import RUNTIME, runtime_name, signed_digest
from btt_chain.client.transactions import Call, ChainFacts, Transactions
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import verify
from btt_chain.primitives.era import Immortal
from btt_chain.primitives.extrinsic import signing_payload
from btt_chain.primitives.metadata_digest import DigestError
from btt_chain.scale import compact_decode, u64
from cli.common.sending import note_foreign
from cli.program import program
from runtime import BttRuntime
from runtime.apis.metadata import digest, metadata
from runtime.params import RuntimeParams

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from btt_chain.client.jsonrpc import Connection, Json

GENESIS = bytes(range(32))
ALICE = KeyPair.from_uri("//Alice")


class Node:
    """The answers of a node that signing needs."""

    def __init__(self, spec_version: int) -> None:
        self.version = spec_version

    async def call(self, method: str, *_: Json) -> Json:
        assert method == "state_getRuntimeVersion"
        return {"specVersion": self.version}


def runtime() -> BttRuntime:
    return BttRuntime(RuntimeParams(u64(6_000)))


def transactions(found: ChainMetadata, spec: int, name: str = RUNTIME) -> Transactions:
    node = cast("Connection", Node(spec))
    return Transactions(node, found, ChainFacts(GENESIS, spec, 1, name))


def remark(found: ChainMetadata) -> bytes:
    return found.arguments.compose("System.remark", {"remark": "0x00"})


def is_signed(found: ChainMetadata, wire: bytes, draft: Draft, covered: bytes | None) -> bool:
    """Return True if Alice's signature covers a draft with a digest, and nothing without it."""
    _, at = compact_decode(wire, 0)
    signature = wire[at + 35 : at + 99]

    def holds(digest: bytes | None) -> bool:
        parts = extensions_of(found, SigningContext(GENESIS, GENESIS, 100, 1, digest), draft)
        payload = signing_payload(draft.call, parts.carried, parts.signed_along)
        return verify(ALICE.scheme, ALICE.account_id, payload, signature)

    return holds(covered) and not holds(bytes(32))


@pytest.mark.parametrize("version", [14, 15, 16])
def test_signatures_cover_the_digest_that_the_chain_computes(version: int) -> None:
    ours = runtime()
    spec, raw = int(ours.version.spec_version), metadata(ours, version)
    found = ChainMetadata(raw)
    assert runtime_name(found) == RUNTIME
    assert signed_digest(found, RUNTIME, spec) == digest(ours)
    forged = ChainMetadata(raw.replace(b"transfer_keep_alive", b"transfer_keep_alivf"))
    assert signed_digest(forged, RUNTIME, spec) != digest(ours)
    assert signed_digest(found, "other", spec) is None


def test_connections_compute_the_digest_once_and_anew_for_other_facts() -> None:
    raw = metadata(runtime(), 15)
    first, second = ChainMetadata(raw), ChainMetadata(bytes(bytearray(raw)))
    other = ChainMetadata(raw, currency=Currency("XYZ", 12))

    found = signed_digest(first, RUNTIME, 100)

    assert signed_digest(second, RUNTIME, 100) is found
    assert len({found, signed_digest(first, RUNTIME, 101), signed_digest(other, RUNTIME, 100)}) == 3
    assert signed_digest(second, RUNTIME, 100) == found


async def test_every_transaction_of_the_client_is_signed_over_the_digest() -> None:
    ours = runtime()
    spec, found = int(ours.version.spec_version), ChainMetadata(metadata(ours, 14))
    call = remark(found)
    for name, mode in ((RUNTIME, {"mode": "Enabled"}), ("other", {"mode": "Disabled"})):
        sender = transactions(found, spec, name)
        wire = await sender.sign(Call(call), ALICE, nonce=0, period=None)
        assert found.decoder.extrinsic(wire).extra["CheckMetadataHash"] == mode
        assert is_signed(found, wire, Draft(call, 0, Immortal()), sender.digest)


def test_metadata_of_this_runtime_without_a_digest_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(*_: object) -> bytes:
        raise DigestError("a type contains itself")

    monkeypatch.setattr("btt_chain.client.items.metadata_digest", none)
    found = ChainMetadata(metadata(runtime(), 14))
    with pytest.raises(Undecodable, match="cannot be signed along: a type contains itself"):
        signed_digest(found, RUNTIME, 999)


def test_on_a_chain_of_another_runtime_the_node_alone_is_trusted_and_this_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = ChainMetadata(metadata(runtime(), 14))
    for name, said in ((RUNTIME, ""), ("other", "runs other, not btt")):
        sender = transactions(found, 100, name)
        chain = SimpleNamespace(transactions=sender, facts=ChainFacts(GENESIS, 100, 1, name))
        note_foreign(cast("Chain", chain))
        assert said in capsys.readouterr().err


def test_an_offline_signature_covers_the_metadata_of_the_file(tmp_path: Path) -> None:
    ours = runtime()
    spec, raw = int(ours.version.spec_version), metadata(ours, 14)
    properties = {"tokenSymbol": "BTT", "tokenDecimals": 18, "ss58Format": 42}
    facts = {
        "genesisHash": "0x" + GENESIS.hex(), "specVersion": spec, "transactionVersion": 1,
        "block": {"number": 0, "hash": "0x" + GENESIS.hex()}, "properties": properties,
        "metadata": "0x" + raw.hex(),
    }  # fmt: skip
    file = tmp_path / "facts.json"
    file.write_text(json.dumps(facts))
    words = ["tx", "sign", "--offline", str(file), "--from", "//Alice", "--nonce", "7",
             "--immortal", "System.remark", "0x00", "--json"]  # fmt: skip
    result = CliRunner().invoke(program, words, prog_name="btt-chain")
    assert result.exit_code == 0, result.output
    wire = bytes.fromhex(json.loads(result.stdout)["extrinsic"][2:])
    found = ChainMetadata(raw)
    view = found.decoder.extrinsic(wire)
    assert view.extra["CheckMetadataHash"] == {"mode": "Enabled"}
    assert is_signed(found, wire, Draft(remark(found), 7, Immortal()), digest(ours))
