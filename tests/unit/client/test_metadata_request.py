"""A chain's metadata are requested and decoded once, APIs included."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Final

import pytest

from btt_chain.client import chain as chain_module
from btt_chain.client.chain import Chain
from btt_chain.client.errors import InvalidAnswer, NotFound, RpcError, Undecodable
from btt_chain.client.jsonrpc import Json
from btt_chain.scale import codec, u64
from runtime import BttRuntime
from runtime.apis.metadata import metadata
from runtime.params import RuntimeParams

RUNTIME: Final = BttRuntime(RuntimeParams(u64(1_000)))


class Node:
    """A connection to a chain whose runtime has metadata of a version, and counts its requests."""

    def __init__(self, at_version: Json) -> None:
        self.url = "ws://node"
        self.at_version = at_version
        self.requests: list[str] = []

    async def call(self, method: str, *params: Json) -> Json:
        name = f"{method} {params[0]}" if method == "state_call" else method
        self.requests.append(name)
        match name:
            case "state_call Metadata_metadata_at_version":
                if self.at_version is None:
                    raise RpcError(method, 4003, "Exported method is not found", None)
                assert params[1] == "0x0f000000"
                return self.at_version
            case "state_call AccountNonceApi_account_nonce":
                return "0x07000000"
            case "state_getMetadata":
                return "0x" + metadata(RUNTIME, 14).hex()
            case "chain_getBlockHash":
                return "0x" + "00" * 32
            case "state_getRuntimeVersion":
                return {"specName": "btt", "specVersion": 100, "transactionVersion": 1}
        return {}

    def subscribe(
        self, method: str, unsubscribe: str, *params: Json
    ) -> AbstractAsyncContextManager[AsyncIterator[Json]]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def given(raw: bytes) -> str:
    return "0x" + codec(bytes | None).encode(raw).hex()


async def test_metadata_with_apis_are_one_request() -> None:
    node = Node(given(metadata(RUNTIME, 15)))
    chain = await Chain.open(node)
    assert await chain.api("AccountNonceApi.account_nonce", "//Alice") == 7
    assert node.requests == [
        "system_properties",
        "chain_getBlockHash",
        "state_call Metadata_metadata_at_version",
        "state_getRuntimeVersion",
        "state_call AccountNonceApi_account_nonce",
    ]


@pytest.mark.parametrize("answer", [None, "0x00"])
async def test_an_older_runtime_has_metadata_without_apis(answer: str | None) -> None:
    node = Node(answer)
    chain = await Chain.open(node)
    assert node.requests.count("state_getMetadata") == 1
    assert chain.constant("System.SS58Prefix") == 42
    with pytest.raises(NotFound, match="no metadata V15, which describes runtime APIs"):
        await chain.api("AccountNonceApi.account_nonce", "//Alice")


@pytest.mark.parametrize("answer", ["0x01", "0x0104", "0x01" + "ff" * 40])
async def test_metadata_that_are_none_are_named(answer: str) -> None:
    with pytest.raises(Undecodable, match="the chain's metadata cannot be read"):
        await Chain.open(Node(answer))


async def test_metadata_that_are_too_large_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(metadata(RUNTIME, 15))
    for most, least in ((size, size - 1), (len(metadata(RUNTIME, 14)), 100)):
        node = Node(given(metadata(RUNTIME, 15)) if most == size else None)
        monkeypatch.setattr(chain_module, "MAX_METADATA", most)
        await Chain.open(node)
        monkeypatch.setattr(chain_module, "MAX_METADATA", least)
        with pytest.raises(InvalidAnswer, match=f"have {most} bytes, and at most {least} are read"):
            await Chain.open(node)


async def test_an_answer_that_is_no_hex_is_named() -> None:
    with pytest.raises(InvalidAnswer, match="hex was expected"):
        await Chain.open(Node("0xzz"))
