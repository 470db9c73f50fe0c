"""Headers and bodies of ninety-six real blocks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from btt_chain.primitives.block import Block
from btt_chain.primitives.digest import BABE, PreRuntime
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.primitives.header import Header
from support.vectors import vectors_dir


@pytest.fixture(scope="module")
def blocks() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(
        (vectors_dir() / "blocks" / "westend_1_to_96.json").read_text()
    )
    return loaded


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def test_every_header_comes_back_and_has_its_hash(blocks: list[dict[str, Any]]) -> None:
    parent = blocks[0]["parentHash"]
    for block in blocks:
        header = Header.decode(unhex(block["header"]))
        assert header.encode() == unhex(block["header"])
        assert header.hash().to_hex() == block["hash"]
        assert header.number == block["number"]
        assert header.parent_hash.to_hex() == parent
        assert Header.from_json(header.to_json()) == header
        parent = block["hash"]


def test_every_header_is_sealed_by_its_author(blocks: list[dict[str, Any]]) -> None:
    for block in blocks:
        header = Header.decode(unhex(block["header"]))
        unsealed, seal = header.unsealed()
        assert seal is not None
        assert seal.engine == BABE
        assert isinstance(unsealed.digest.logs[0], PreRuntime)
        assert unsealed.hash() != header.hash()
        assert unsealed.with_log(seal) == header
        assert unsealed.unsealed() == (unsealed, None)


def test_every_block_comes_back(blocks: list[dict[str, Any]]) -> None:
    for block in blocks:
        body = [unwrap(unhex(wire)) for wire in block["body"]]
        whole = Block(Header.decode(unhex(block["header"])), body)
        assert Block.decode(whole.encode()) == whole
        assert whole.to_json()["extrinsics"] == block["body"]
        assert Block.from_json(whole.to_json()) == whole
