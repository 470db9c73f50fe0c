"""The lifetime that the client and the commands give transactions, by the chain's slots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from click.testing import CliRunner

from btt_chain.client.extrinsics import default_period
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.transactions import Call, ChainFacts, Transactions
from btt_chain.crypto.keypair import KeyPair
from btt_chain.scale import u64
from cli.program import program
from runtime import BttRuntime
from runtime.apis.metadata import metadata
from runtime.params import RuntimeParams

if TYPE_CHECKING:
    from btt_chain.client.jsonrpc import Connection, Json

GENESIS = bytes(range(32))
ALICE = KeyPair.from_uri("//Alice")
BEST, FINAL = 1_000, 990
LIFETIMES = [(6_000, 64), (2_000, 64), (1_000, 128), (500, 256), (250, 512)]


class Node:
    """The answers of a node that signing needs."""

    def __init__(self) -> None:
        self.birth: int | None = None

    async def call(self, method: str, *args: Json) -> Json:
        if method == "state_getRuntimeVersion":
            return {"specVersion": 100}
        if method == "chain_getFinalizedHead":
            return "0x" + bytes(32).hex()
        if method == "chain_getHeader":
            return {"number": hex(FINAL if args else BEST)}
        assert method == "chain_getBlockHash"
        self.birth = int(str(args[0]))
        return "0x" + bytes(32).hex()


def described(slot_ms: int) -> bytes:
    return metadata(BttRuntime(RuntimeParams(u64(slot_ms))), 14)


def remark(found: ChainMetadata) -> Call:
    return Call(found.arguments.compose("System.remark", {"remark": "0x00"}))


def period_in(found: ChainMetadata, wire: bytes) -> object:
    era = found.decoder.extrinsic(wire).extra["CheckMortality"]
    return era["period"] if isinstance(era, dict) else era


@pytest.mark.parametrize(("slot_ms", "period"), LIFETIMES)
async def test_a_transaction_is_valid_for_two_minutes_unless_said(
    slot_ms: int, period: int
) -> None:
    found, node = ChainMetadata(described(slot_ms)), Node()
    sender = Transactions(cast("Connection", node), found, ChainFacts(GENESIS, 100, 1, "btt"))
    assert default_period(found) == period
    wire = await sender.sign(remark(found), ALICE, nonce=0)
    assert period_in(found, wire) == period
    # It begins at the final block, and outlives the best one by nearly all of its lifetime.
    assert node.birth == FINAL
    assert period_in(found, await sender.sign(remark(found), ALICE, nonce=0, period=64)) == 64
    immortal = await sender.sign(remark(found), ALICE, nonce=0, period=None)
    assert period_in(found, immortal) == "Immortal"


@pytest.mark.parametrize("ending", [b"", b"\0\0\0\0\0\0\0\0"])
def test_a_length_of_slots_that_is_none_changes_nothing(
    ending: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ChainMetadata(described(500))
    _, constant = found.items.constant("Babe.ExpectedBlockTime")
    monkeypatch.setattr(constant, "value", ending)
    assert default_period(found) == 64


def test_a_chain_that_names_no_length_of_slots_has_the_minimum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = ChainMetadata(described(500))
    pallet, _ = found.items.constant("Babe.ExpectedBlockTime")
    monkeypatch.setattr(pallet, "constants", [])
    assert default_period(found) == 64


@pytest.mark.parametrize(
    ("options", "period"), [((), 256), (("--mortal", "64"), 64), (("--immortal",), "Immortal")]
)
def test_an_offline_signature_has_the_lifetime_of_the_chain_in_the_file(
    tmp_path: Path, options: tuple[str, ...], period: object
) -> None:
    raw = described(500)
    facts = {
        "genesisHash": "0x" + GENESIS.hex(), "specVersion": 100, "transactionVersion": 1,
        "block": {"number": BEST, "hash": "0x" + bytes(32).hex()}, "metadata": "0x" + raw.hex(),
        "properties": {"tokenSymbol": "BTT", "tokenDecimals": 18, "ss58Format": 42},
    }  # fmt: skip
    file = tmp_path / "facts.json"
    file.write_text(json.dumps(facts))
    words = ["tx", "sign", "--offline", str(file), "--from", "//Alice", "--nonce", "7", *options,
             "System.remark", "0x00", "--json"]  # fmt: skip
    result = CliRunner().invoke(program, words, prog_name="btt-chain")
    assert result.exit_code == 0, result.output
    wire = bytes.fromhex(json.loads(result.stdout)["extrinsic"][2:])
    assert period_in(ChainMetadata(raw), wire) == period
