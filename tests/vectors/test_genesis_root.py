"""The state root of a real genesis, state versions 0 and 1."""

import json
from typing import Any

from storage.blocks import header_hash
from storage.trie import EMPTY_ROOT, Trie, state_root
from storage.trie.node import Node, encode, hash_256
from support.vectors import vectors_dir

CODE = b":code"


def test_westend_without_its_code_has_the_roots_given() -> None:
    pairs, expected = genesis()
    assert CODE not in pairs
    assert len(pairs) == expected["keys"] - 1
    for version in (0, 1):
        root = "0x" + state_root(pairs, version).hex()
        assert root == expected["rootsWithoutCode"][f"V{version}"]


def test_westend_with_its_code_by_hash_has_the_root_of_version_1() -> None:
    pairs, expected = genesis()
    trie = Trie(lambda _: None, EMPTY_ROOT)
    for key, value in pairs.items():
        trie.put(key, value)
    # In version 1 a long value stands for its hash: any value will do until the seal.
    trie.put(CODE, bytes(33))
    path = CODE.hex()
    node, at = trie.top, 0
    while node is not None and len(path) != at + len(node.partial):
        at += len(node.partial) + 1
        node = (node.kids or {})[int(path[at - 1], 16)]
    assert isinstance(node, Node)
    node.value = bytes.fromhex(expected["codeHash"][2:])
    root = trie.seal().root
    assert "0x" + root.hex() == expected["stateRootV1"]
    assert trie.top is not None
    assert hash_256(encode(trie.top)) == root
    assert "0x" + genesis_hash(root).hex() == expected["genesisHashV1"]


def test_westend_genesis_hash_follows_from_its_root() -> None:
    _, expected = genesis()
    root = bytes.fromhex(expected["stateRootV0"][2:])
    assert "0x" + genesis_hash(root).hex() == expected["genesisHashV0"]


def genesis_hash(root: bytes) -> bytes:
    return header_hash(bytes(32) + b"\x00" + root + EMPTY_ROOT + b"\x00")


def genesis() -> tuple[dict[bytes, bytes], dict[str, Any]]:
    folder = vectors_dir() / "genesis"
    top = json.loads((folder / "westend.json").read_text())["top"]
    expected = json.loads((folder / "expected.json").read_text())["westend"]
    pairs = {bytes.fromhex(key[2:]): bytes.fromhex(value[2:]) for key, value in top.items()}
    return pairs, expected
