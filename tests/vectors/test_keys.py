"""Keys, hashes, addresses and signatures against polkadot.js and real chains."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TypedDict, cast

import pytest

from btt_chain.crypto import ed25519, hashing, sr25519
from btt_chain.crypto.errors import SecretError
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.crypto.signature import verify
from btt_chain.primitives import ss58
from support.vectors import vectors_dir

Key = dict[str, str]


class SignedExtrinsic(TypedDict):
    signer: str
    extrinsic: str
    signedBytes: str


class Clients(TypedDict):
    keys: dict[str, dict[str, Key]]
    ss58: list[tuple[int, str]]
    hash: list[dict[str, str]]
    extrinsics: list[SignedExtrinsic]


class Block(TypedDict):
    number: int
    header: str


@pytest.fixture(scope="module")
def clients() -> Clients:
    return cast("Clients", json.loads((vectors_dir() / "client-generated.json").read_text()))


def each_key(clients: Clients) -> Iterator[tuple[str, Scheme, Key]]:
    for uri, schemes in clients["keys"].items():
        for name, key in schemes.items():
            yield uri, Scheme[name.upper()], key


def test_every_uri_gives_the_key_and_account_polkadot_js_gives(clients: Clients) -> None:
    checked = 0
    for uri, scheme, key in each_key(clients):
        if "error" in key:
            continue
        pair = KeyPair.from_uri(uri, scheme)
        assert "0x" + pair.public.hex() == key["publicKey"], (uri, scheme)
        assert "0x" + pair.account_id.hex() == key["accountId"], (uri, scheme)
        checked += 1
    assert checked >= 13


def test_what_polkadot_js_refuses_to_derive_is_refused(clients: Clients) -> None:
    refused = [(uri, scheme) for uri, scheme, key in each_key(clients) if "error" in key]
    assert refused
    for uri, scheme in refused:
        with pytest.raises(SecretError, match="no soft derivation"):
            KeyPair.from_uri(uri, scheme)


def test_every_key_has_the_address_polkadot_js_writes(clients: Clients) -> None:
    for _, _, key in each_key(clients):
        for prefix in (0, 2, 42):
            address = key.get(f"ss58_{prefix}")
            if address is not None:
                account = bytes.fromhex(key["accountId"][2:])
                assert ss58.encode(account, prefix) == address
                assert ss58.decode(address, prefix) == (account, prefix)


def test_alice_has_the_address_of_every_network(clients: Clients) -> None:
    alice = KeyPair.from_uri("//Alice").account_id

    for prefix, address in clients["ss58"]:
        assert ss58.encode(alice, prefix) == address
        assert ss58.decode(address) == (alice, prefix)


def test_every_hash_is_that_of_polkadot_js(clients: Clients) -> None:
    names = ["blake2_128", "blake2_256", "blake2_512", "twox_64", "twox_128", "twox_256"]
    for entry in clients["hash"]:
        for name in names:
            digest = getattr(hashing, name)(entry["input"].encode())
            assert "0x" + digest.hex() == entry[name], (name, entry["input"])


def test_the_signatures_of_signed_extrinsics_verify(clients: Clients) -> None:
    items = []
    for entry in clients["extrinsics"]:
        raw = bytes.fromhex(entry["extrinsic"][2:])
        # A length of two bytes, 0x84, address variant 0, account, signature variant, signature.
        assert raw[2:4] == b"\x84\x00"
        scheme = Scheme(raw[36])
        signature = raw[37 : 37 + (65 if scheme is Scheme.ECDSA else 64)]
        name = entry["signer"].partition(" ")[2]
        assert KeyPair.from_uri(name, scheme).account_id == raw[4:36]
        items.append((scheme, raw[4:36], bytes.fromhex(entry["signedBytes"][2:]), signature))

    assert len(items) >= 6
    for scheme, account, message, signature in items:
        assert verify(scheme, account, message, signature)
        assert not verify(scheme, account, message + b"\0", signature)


def test_the_seals_of_real_westend_blocks_verify() -> None:
    """sr25519 by its original implementation, over the hash of the header without its seal."""
    folder = vectors_dir()
    state = json.loads((folder / "genesis" / "westend.json").read_text())["top"]
    key = hashing.twox_128(b"Babe") + hashing.twox_128(b"Authorities")
    listed = bytes.fromhex(state["0x" + key.hex()][2:])
    authorities = [listed[at : at + 32] for at in range(1, len(listed), 40)]  # key, u64 weight
    blocks = cast(
        "list[Block]", json.loads((folder / "blocks" / "westend_1_to_96.json").read_text())
    )

    for block in blocks[:16]:
        raw = bytes.fromhex(block["header"][2:])
        logs = 97  # after parent, a one-byte number, state root and extrinsics root
        body, mark, seal = raw[:-71], raw[-71:-64], raw[-64:]
        assert mark == b"\x05BABE\x01\x01"
        # 06 "BABE", a length of one byte or (with a VRF) two, the kind of claim, the author
        at = logs + 8 + (raw[logs + 6] & 3)
        author = int.from_bytes(raw[at : at + 4], "little")
        unsealed = body[:logs] + bytes([body[logs] - 4]) + body[logs + 1 :]
        message = hashing.blake2_256(unsealed)
        assert sr25519.verify(authorities[author], message, seal), block["number"]
        other = authorities[(author + 1) % len(authorities)]
        assert not sr25519.verify(other, message, seal)


def test_every_signature_of_a_real_grandpa_justification_verifies() -> None:
    """Ed25519 by Substrate, over (1, target hash, target number, round, set id)."""
    raw = (vectors_dir() / "grandpa" / "justification.bin").read_bytes()
    round_number, set_id = raw[:8], (450).to_bytes(8, "little")
    count = int.from_bytes(raw[44:46], "little") >> 2
    size = 36 + 64 + 32  # precommit, signature, authority
    items = []
    for at in range(46, 46 + count * size, size):
        precommit, signature = raw[at : at + 36], raw[at + 36 : at + 100]
        message = b"\x01" + precommit + round_number + set_id
        items.append((raw[at + 100 : at + size], message, signature))

    assert len(items) == 199
    assert all(ed25519.verify(*item) for item in items)
