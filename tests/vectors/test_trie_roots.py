"""Trie roots of the published fixtures, both state versions, both readings of their keys."""

import json
from typing import cast

import pytest
import yaml

from storage.trie import ordered_root, state_root
from support.vectors import vectors_dir

# YAML would read some keys as numbers. The loader in C reads 10,000 lines in a tenth of the time.
AS_TEXT = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

CASES = [
    "1c1:utf8-keys",
    "scv:utf8-keys",
    "random_state_80:utf8-keys",
    "pk_branch:utf8-keys",
    "pk_branch2:utf8-keys",
    "hex_limit:utf8-keys",
    "hex_limit:hex-keys",
    "hex_long:utf8-keys",
    "hex_long:hex-keys",
    "hex_1c1:utf8-keys",
    "hex_1c1:hex-keys",
    "10000_node:utf8-keys",
    "10000_node:hex-keys",
]


@pytest.mark.parametrize("case", CASES)
def test_the_root_of_a_fixture_is_the_published_one(case: str) -> None:
    folder = vectors_dir() / "trie"
    expected = json.loads((folder / "roots.json").read_text())[case]
    name, kind = case.split(":")
    with (folder / f"{name}.yaml").open() as file:
        data = cast("dict[str, list[str]]", yaml.load(file, AS_TEXT))
    read = bytes.fromhex if kind == "hex-keys" else str.encode
    pairs = {
        read(key): value.encode() for key, value in zip(data["keys"], data["values"], strict=True)
    }
    assert len(pairs) == expected["entries"]
    assert "0x" + state_root(pairs, 0).hex() == expected["V0"]
    assert "0x" + state_root(pairs, 1).hex() == expected["V1"]


def test_every_published_root_is_tried() -> None:
    published = json.loads((vectors_dir() / "trie" / "roots.json").read_text())
    assert set(published) == {*CASES, "empty"}
    assert "0x" + state_root({}).hex() == published["empty"]["V0"]


def test_extrinsics_roots_of_real_blocks() -> None:
    blocks = json.loads((vectors_dir() / "blocks" / "westend_1_to_96.json").read_text())
    for block in blocks:
        body = [bytes.fromhex(extrinsic[2:]) for extrinsic in block["body"]]
        assert "0x" + ordered_root(body).hex() == block["extrinsicsRoot"], block["number"]
