"""author_insertKey and its kin, against real key files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.crypto.signature import verify
from btt_chain.keystore import BABE, GRANDPA, KeyManager, Keystore, SigningRecord
from btt_chain.keystore.errors import RecordInUse
from btt_chain.keystore.record import recorded_keys
from btt_chain.rpc.access import MethodPolicy
from btt_chain.rpc.keys import KeysApi
from btt_chain.rpc.registry import Registry
from btt_chain.rpc.server import RpcConfig, RpcServer
from support.rpc_client import CallFailed, HttpClient

GENESIS = b"\1" * 32
ALICE = KeyPair.from_uri("//Alice")


def hx(raw: bytes) -> str:
    return "0x" + raw.hex()


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def key_manager(tmp_path: Path) -> Iterator[KeyManager]:
    keystore = Keystore.open(tmp_path / "keystore")
    key_manager = KeyManager(keystore, tmp_path / "signing", GENESIS, is_live=True, forced=False)
    yield key_manager
    key_manager.close()


async def served(key_manager: KeyManager, policy: MethodPolicy) -> AsyncIterator[HttpClient]:
    registry = Registry()
    registry.add(KeysApi(key_manager))
    server = RpcServer(registry, RpcConfig(port=0, methods=policy))
    await server.start()
    async with ClientSession() as session:
        yield HttpClient(session, server.port)
    await server.stop()


@pytest.fixture
async def keys(key_manager: KeyManager) -> AsyncIterator[HttpClient]:
    async for client in served(key_manager, MethodPolicy.AUTO):
        yield client


async def refusal(client: HttpClient, method: str, *params: object) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await client.call(method, *params)
    return caught.value


async def test_rotated_keys_are_here_with_their_records(
    keys: HttpClient, key_manager: KeyManager, tmp_path: Path
) -> None:
    made = await keys.call("author_rotateKeys")
    raw = bytes.fromhex(made[2:])
    assert len(raw) == 64
    assert key_manager.keystore.public_keys(BABE) == [raw[:32]]
    assert key_manager.keystore.public_keys(GRANDPA) == [raw[32:]]
    assert recorded_keys(tmp_path / "signing", GENESIS) == sorted([raw[:32], raw[32:]])
    assert await keys.call("author_hasSessionKeys", made) is True
    assert await keys.call("author_hasKey", hx(raw[:32]), "babe") is True
    assert await keys.call("author_hasKey", hx(raw[:32]), "gran") is False
    seal = key_manager.record(raw[:32]).sign_block(7, b"h" * 32, lambda: b"s" * 64)
    assert seal == b"s" * 64
    assert await keys.call("author_rotateKeys") != made


async def test_rotating_keys_leaves_no_descriptor_open(
    keys: HttpClient, key_manager: KeyManager, tmp_path: Path
) -> None:
    await keys.call("author_rotateKeys")
    before = open_descriptors()
    made = [await keys.call("author_rotateKeys") for _ in range(20)]
    made += [
        (await keys.call("author_rotateKeysWithOwner", hx(ALICE.public)))["keys"] for _ in range(5)
    ]
    assert open_descriptors() == before
    # The records are read in each slot; the first signature opens and locks them.
    records = [key_manager.record(bytes.fromhex(each[2:])[:32]) for each in made]
    assert open_descriptors() == before
    for each, record in zip(made, records, strict=True):
        raw = bytes.fromhex(each[2:])
        assert record.sign_block(7, bytes(32), lambda: bytes(64)) == bytes(64)
        with pytest.raises(RecordInUse):
            SigningRecord.open(tmp_path / "signing", GENESIS, raw[:32])


async def test_an_owner_gets_a_proof_of_each_key(keys: HttpClient) -> None:
    made = await keys.call("author_rotateKeysWithOwner", hx(ALICE.public))
    raw, proof = bytes.fromhex(made["keys"][2:]), bytes.fromhex(made["proof"][2:])
    message = b"POP_" + ALICE.public
    assert verify(Scheme.SR25519, raw[:32], message, proof[:64])
    assert verify(Scheme.ED25519, raw[32:], message, proof[64:])


async def test_an_owner_is_an_account_and_nothing_else_is_signed(
    keys: HttpClient, key_manager: KeyManager
) -> None:
    problem = await refusal(keys, "author_rotateKeysWithOwner", hx(ALICE.public[:28]))
    assert (problem.code, problem.message) == (1040, "An owner is an account of 32 bytes")
    assert key_manager.keystore.public_keys(BABE) == []


async def test_an_inserted_key_is_stored_and_null_is_the_answer(
    keys: HttpClient, key_manager: KeyManager
) -> None:
    assert await keys.call("author_insertKey", "babe", "//Alice", hx(ALICE.public)) is None
    assert key_manager.keystore.has(BABE, ALICE.public)


async def test_what_cannot_be_inserted_is_refused_without_the_secret(keys: HttpClient) -> None:
    for params, words in (
        (("babe", "//Bob", hx(ALICE.public)), "the secret is that of the key 0x8eaf"),
        (("aura", "//Alice", hx(ALICE.public)), "types babe and gran"),
        (("babes", "//Alice", hx(ALICE.public)), "should be of length four"),
        (("babe", "hunter2 hunter2", hx(ALICE.public)), "the secret is not usable"),
        (("babe", "", hx(ALICE.public)), "the secret is empty"),
    ):
        problem = await refusal(keys, "author_insertKey", *params)
        assert problem.code == 1040
        assert words in problem.message
        assert "hunter2" not in problem.message


async def test_session_keys_that_are_elsewhere_are_not_here(keys: HttpClient) -> None:
    assert await keys.call("author_hasSessionKeys", hx(b"k" * 64)) is False
    problem = await refusal(keys, "author_hasSessionKeys", hx(b"k" * 63))
    assert (problem.code, problem.message) == (1040, "Session keys are not encoded correctly")


async def test_keys_that_have_signed_nothing_are_found_again_and_proven(
    keys: HttpClient, key_manager: KeyManager
) -> None:
    made = await keys.call("author_rotateKeysWithOwner", hx(ALICE.public))
    raw = bytes.fromhex(made["keys"][2:])
    unused = {"babe": [hx(raw[:32])], "gran": [hx(raw[32:])]}
    assert await keys.call("author_unusedKeys") == unused
    owner = hx(ALICE.public)
    proof = await keys.call("author_proveUnusedKeys", made["keys"], owner)
    assert proof[-128:] == made["proof"][-128:]  # ed25519; sr25519 signs anew each time
    # Alice's key came without a record, and may have signed elsewhere.
    await keys.call("author_insertKey", "babe", "//Alice", owner)
    assert await keys.call("author_unusedKeys") == unused

    key_manager.record(raw[:32]).sign_block(7, b"h" * 32, lambda: b"s" * 64)
    assert await keys.call("author_unusedKeys") == unused | {"babe": []}
    for given, words in (
        (made["keys"], "no such keys that have signed nothing"),
        (hx(b"k" * 64), "no such keys that have signed nothing"),
        (hx(b"k" * 63), "not encoded correctly"),
    ):
        problem = await refusal(keys, "author_proveUnusedKeys", given, owner)
        assert (problem.code, words in problem.message) == (1040, True)
    problem = await refusal(keys, "author_proveUnusedKeys", made["keys"], "0x00")
    assert problem.message == "An owner is an account of 32 bytes"


async def test_a_disk_that_takes_no_key_is_an_error(keys: HttpClient, tmp_path: Path) -> None:
    (tmp_path / "signing").write_text("in the way")
    problem = await refusal(keys, "author_rotateKeys")
    assert problem.code == 1040
    assert "cannot be written" in problem.message
    assert "Nothing was signed" in problem.message


async def test_keys_are_unsafe(key_manager: KeyManager) -> None:
    async for client in served(key_manager, MethodPolicy.SAFE):
        for method, *params in (
            ("author_rotateKeys",),
            ("author_rotateKeysWithOwner", "0x"),
            ("author_insertKey", "babe", "//Alice", hx(ALICE.public)),
            ("author_hasKey", "0x", "babe"),
            ("author_hasSessionKeys", "0x"),
            ("author_unusedKeys",),
            ("author_proveUnusedKeys", "0x", "0x"),
        ):
            problem = await refusal(client, method, *params)
            assert problem.message == "RPC call is unsafe to be called externally"
    assert key_manager.keystore.public_keys(BABE) == []
