"""childstate_*: the answers of a chain without child tries."""

from __future__ import annotations

import pytest

from support.rpc_client import CallFailed, HttpClient

CHILD = "0x" + b":child_storage:default:none".hex()


@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("getKeys", ("0x",), []),
        ("getKeysPaged", ("0x", 10), []),
        ("getKeysPagedAt", (None, 10, "0x01"), []),
        ("getStorage", ("0x01",), None),
        ("getStorageEntries", (["0x01", "0x02"],), [None, None]),
        ("getStorageHash", ("0x01",), None),
        ("getStorageSize", ("0x01",), None),
    ],
)
async def test_child_tries_are_empty(
    http: HttpClient, name: str, arguments: tuple[object, ...], answer: object
) -> None:
    assert await http.call(f"childstate_{name}", CHILD, *arguments) == answer
    with pytest.raises(CallFailed, match="Invalid child storage key"):
        await http.call(f"childstate_{name}", "0x6161", *arguments)


async def test_an_unknown_block_has_no_child_tries(http: HttpClient) -> None:
    with pytest.raises(CallFailed, match="UnknownBlock"):
        await http.call("childstate_getStorage", CHILD, "0x01", "0x" + "11" * 32)
