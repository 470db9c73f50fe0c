"""Key files: those of polkadot.js open here, and hostile ones are refused before any work."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.wallet import keyfile
from btt_chain.wallet.entries import MAX_BYTES, Entry, Kind
from btt_chain.wallet.errors import Damaged, WalletError, WrongPassword

VECTORS: dict[str, dict[str, object]] = json.loads(
    (Path(__file__).parents[2] / "vectors/wallet/polkadot_js.json").read_text()
)
"""Files that @polkadot/keyring made for //Bob, with the password `pw`; `open` without one."""
CHEAP = (1 << 15, 1, 8)
PROXY = {"address": VECTORS["sr25519"]["address"]}
"""An account, which is completed to one that is used through a proxy."""


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyfile, "COST", CHEAP)


def bob(scheme: Scheme = Scheme.SR25519) -> KeyPair:
    return KeyPair.from_uri("//Bob", scheme)


def entry(document: dict[str, object]) -> Entry:
    return Entry.decode("bob", json.dumps(document).encode())


def encoded(name: str) -> bytes:
    return base64.b64decode(str(VECTORS[name]["encoded"]))


def forged(**parts: bytes) -> dict[str, object]:
    """The file of polkadot.js with parts of `encoded` replaced."""
    raw = bytearray(encoded("sr25519"))
    for name, value in parts.items():
        at = {"cost": 32, "nonce": 44, "box": 68}[name]
        raw[at : at + len(value)] = value
    return VECTORS["sr25519"] | {"encoded": base64.b64encode(bytes(raw)).decode()}


def cost(n: int, p: int, r: int) -> bytes:
    return b"".join(number.to_bytes(4, "little") for number in (n, p, r))


@pytest.mark.parametrize("scheme", Scheme)
def test_a_file_of_polkadot_js_opens_with_its_password(scheme: Scheme) -> None:
    found = entry(VECTORS[str(scheme).lower()])
    assert (found.kind, found.account) == (Kind.KEY, bob(scheme).account_id)
    pair = found.unlock("pw")
    assert pair == bob(scheme)
    assert bob(scheme).verify(b"text", pair.sign(b"text"))


def test_base64_may_begin_like_hex(monkeypatch: pytest.MonkeyPatch) -> None:
    salt = base64.b64decode("0xAB") + bytes(29)
    monkeypatch.setattr(os, "urandom", lambda size: salt[:size])
    document = VECTORS["sr25519"] | keyfile.seal(bob(), "pw")
    assert str(document["encoded"]).startswith("0x")
    assert entry(document).unlock("pw") == bob()


def test_a_file_of_polkadot_js_without_a_password_needs_none() -> None:
    found = entry(VECTORS["open"])
    assert not found.is_sealed
    assert found.unlock(None) == bob()


@pytest.mark.parametrize("scheme", Scheme)
def test_a_sealed_key_opens_again_and_only_with_its_password(scheme: Scheme) -> None:
    made = Entry.key("bob", bob(scheme), "0xabcd and ü")
    again = Entry.decode("bob", made.encode())
    assert again.account == bob(scheme).account_id
    assert again.scheme == str(scheme).lower()
    assert again.unlock("0xabcd and ü") == bob(scheme)
    with pytest.raises(WrongPassword):
        again.unlock("0xabcd")


def test_an_empty_password_seals_nothing() -> None:
    with pytest.raises(WalletError, match="the password is empty"):
        Entry.key("bob", bob(), "")


def test_a_password_of_hex_is_bytes_as_in_polkadot_js() -> None:
    made = Entry.key("bob", bob(), "0x7077")  # the bytes of `pw`
    assert made.unlock("pw") == bob()


@pytest.mark.parametrize(
    "parameters",
    [(1 << 20, 1, 8), (1 << 31, 1, 8), (1 << 17, 1 << 30, 8), (1 << 17, 1, 1 << 30), (0, 0, 0),
     (3, 1, 8), ((1 << 32) - 1, (1 << 32) - 1, (1 << 32) - 1)],
)  # fmt: skip
def test_parameters_that_could_demand_gigabytes_are_refused_before_any_work(
    parameters: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object, **__: object) -> bytes:
        raise AssertionError("scrypt ran")

    monkeypatch.setattr("hashlib.scrypt", work)
    with pytest.raises(Damaged, match="parameters of scrypt"):
        entry(forged(cost=cost(*parameters))).unlock("pw")


def test_a_changed_bit_of_the_secret_is_no_other_key() -> None:
    raw = bytearray(encoded("sr25519"))
    raw[-1] ^= 1
    document = VECTORS["sr25519"] | {"encoded": base64.b64encode(bytes(raw)).decode()}
    with pytest.raises(WrongPassword):
        entry(document).unlock("pw")


def test_a_file_whose_address_is_that_of_another_key_is_refused() -> None:
    document = VECTORS["sr25519"] | {"address": VECTORS["ed25519"]["address"]}
    with pytest.raises(Damaged, match="that of another account"):
        entry(document).unlock("pw")


def test_a_secret_beside_the_public_key_of_another_is_refused() -> None:
    raw = encoded("open")
    document = VECTORS["open"] | {
        "encoded": base64.b64encode(raw[:-32] + bytes(bob(Scheme.ED25519).public)).decode()
    }
    with pytest.raises(Damaged, match="not that of its secret"):
        entry(document).unlock(None)


def encoding(**changes: object) -> dict[str, object]:
    found = VECTORS["sr25519"]["encoding"]
    assert isinstance(found, dict)
    return VECTORS["sr25519"] | {"encoding": found | changes}


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (encoding(version="2"), "its version is '2', not '3'"),
        (encoding(content=["batch-pkcs8"]), "several accounts"),
        (encoding(content=["pkcs8", "ethereum"]), "'ethereum', is not of this chain"),
        (encoding(content=["pkcs8", ["sr25519"]]), "is not of this chain"),
        (encoding(content=["pkcs8", {}]), "is not of this chain"),
        (encoding(version=[3]), r"its version is '\[3\]'"),
        (encoding(content=["json"]), "not a single key"),
        (encoding(content=None), "not a single key"),
        ({"encoded": "AAAA", "address": VECTORS["sr25519"]["address"]}, "no `encoding`"),
        (VECTORS["sr25519"] | {"address": 5}, "no address"),
        (VECTORS["sr25519"] | {"address": "5Grw"}, "its address is invalid"),
        (VECTORS["sr25519"] | {"address": "0x00"}, "not that of an account"),
        ({"meta": {}}, "no address"),
        (PROXY | {"meta": {"isProxied": True, "signer": None}}, "an address is missing"),
        (PROXY | {"meta": {"isProxied": True, "signer": "5Grw"}}, "its address is invalid"),
    ],
)
def test_a_file_that_is_no_key_is_refused_with_a_reason(
    document: dict[str, object], why: str
) -> None:
    with pytest.raises(Damaged, match=why):
        entry(document)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (VECTORS["sr25519"] | {"encoded": "!!"}, "neither base64 nor hex"),
        (VECTORS["sr25519"] | {"encoded": 7}, "no `encoded`"),
        (VECTORS["sr25519"] | {"encoded": "AAAA"}, "cut short"),
        (VECTORS["open"] | {"encoded": "AAAA"}, "holds no key"),
        (encoding(type=["xsalsa20-poly1305"]), "does not use any more"),
    ],
)
def test_a_file_without_a_readable_secret_is_refused_when_it_is_opened(
    document: dict[str, object], why: str
) -> None:
    with pytest.raises(Damaged, match=why):
        entry(document).unlock("pw")


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b"[" * 5_000, b"{", b"1"])
def test_bytes_that_are_no_account_are_refused(raw: bytes) -> None:
    with pytest.raises(Damaged):
        Entry.decode("bob", raw)


def test_text_that_is_no_unicode_is_kept_beside_the_key() -> None:
    found = entry(VECTORS["sr25519"] | {"meta": {"note": "\ud800"}}).renamed("bob")
    assert Entry.decode("bob", found.encode()) == found


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(Damaged, match="more than 65536 bytes"):
        Entry.decode("bob", b" " * (MAX_BYTES + 1))


def test_no_secret_and_no_password_is_in_the_text_of_an_entry() -> None:
    made = Entry.key("bob", bob(), "secret word")
    assert "secret word" not in repr(made)
    assert str(made.document["encoded"]) not in repr(made)
