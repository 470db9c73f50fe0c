"""One account of a wallet, and its form in a file.

Keys have polkadot.js's form. The other kinds have its form of addresses, `{"address", "meta"}`,
with the marks that its wallets use: `isExternal`, `isMultisig` with `threshold` and `who`,
`isProxied`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from btt_chain.crypto import ecdsa
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.multi_account import multi_account_id
from btt_chain.primitives.strict_json import BadJson, read_json
from btt_chain.wallet import keyfile
from btt_chain.wallet.errors import Damaged, WalletError

MAX_BYTES: Final = 64 << 10
"""Maximum size of a file, in bytes; that of a key has about six hundred."""
MAX_SIGNERS: Final = 100
ACCOUNT: Final = 32


class Kind(Enum):
    """The kind of an account."""

    KEY = "key"
    """A key, sealed with a password."""
    WATCH = "watch-only"
    """The person's own account; its key is elsewhere."""
    CONTACT = "contact"
    """Another person's account."""
    MULTISIG = "multisig"
    """An account of several signers."""
    PROXY = "proxy"
    """An account for which a key of this wallet acts as proxy."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A named account."""

    name: str
    kind: Kind
    account: bytes
    document: Mapping[str, object] = field(repr=False)
    """The content of its file."""

    # ---- construction

    @classmethod
    def key(cls, name: str, pair: KeyPair, password: str) -> Entry:
        """Return an entry for a key, sealed with a password that is not empty."""
        if not password:
            raise WalletError("the password is empty: the file alone would give the key away")
        address = keyfile.public_of(pair) or ss58.encode(pair.public)
        document = keyfile.seal(pair, password) | {"address": address, "meta": _meta(name)}
        return cls(name, Kind.KEY, pair.account_id, document)

    @classmethod
    def watch(cls, name: str, account: bytes) -> Entry:
        """Return an entry for an own account whose key is elsewhere."""
        return cls._named(name, Kind.WATCH, account, {"isExternal": True})

    @classmethod
    def contact(cls, name: str, account: bytes) -> Entry:
        """Return an entry of the address book."""
        return cls._named(name, Kind.CONTACT, account, {"isContact": True})

    @classmethod
    def multisig(cls, name: str, signers: list[bytes], threshold: int) -> Entry:
        """Return an entry for an account of several signers. Raises WalletError."""
        marks = {
            "isExternal": True,
            "isMultisig": True,
            "threshold": threshold,
            "who": [ss58.encode(each) for each in sorted(signers)],
        }
        return cls._named(name, Kind.MULTISIG, multisig_account(signers, threshold), marks)

    @classmethod
    def proxy(cls, name: str, real: bytes, signer: bytes, scope: str | None) -> Entry:
        """Return an entry for the account `real`, for which `signer` acts.

        `scope` is the type of proxy; None: the first one that there is.
        """
        marks = {"isExternal": True, "isProxied": True, "signer": ss58.encode(signer)}
        if scope is not None:
            marks["proxyType"] = scope
        return cls._named(name, Kind.PROXY, real, marks)

    @classmethod
    def _named(cls, name: str, kind: Kind, account: bytes, marks: Mapping[str, object]) -> Entry:
        document = {"address": ss58.encode(account), "meta": _meta(name) | dict(marks)}
        return cls(name, kind, account, document)

    # ---- files

    @classmethod
    def decode(cls, name: str, raw: bytes) -> Entry:
        """Return the entry in a file. Raises Damaged."""
        if len(raw) > MAX_BYTES:
            raise Damaged(f"it has more than {MAX_BYTES} bytes")
        try:
            document = read_json(raw, halves=True)
        except BadJson as error:
            raise Damaged(f"it is not JSON: {error}") from None
        if not isinstance(document, dict) or not isinstance(document.get("address"), str):
            raise Damaged("it is not an account of a wallet: it has no address")
        meta = document.get("meta")
        document["meta"] = meta = meta if isinstance(meta, dict) else {}
        if "encoded" in document:
            scheme = keyfile.scheme_of(document)
            account = _account_of(document["address"], is_ecdsa=scheme.name == "ECDSA")
            return cls(name, Kind.KEY, account, document)
        entry = cls(name, _kind(meta), _account_of(document["address"]), document)
        if entry.kind is Kind.PROXY:
            _ = entry.signer
        if entry.kind is Kind.MULTISIG and (
            multisig_account(list(entry.signers), entry.threshold) != entry.account
        ):
            raise Damaged("its address is not that of its signers and threshold")
        return entry

    def encode(self) -> bytes:
        """Return the content of the file: ASCII, as parts that are not ours may be no Unicode."""
        return json.dumps(self.document).encode() + b"\n"

    def renamed(self, name: str) -> Entry:
        """Return the same account under another name."""
        meta = self.document["meta"]
        changed = {**(meta if isinstance(meta, dict) else {}), "name": name}
        return Entry(name, self.kind, self.account, {**self.document, "meta": changed})

    # ---- the parts of one kind

    @property
    def scheme(self) -> str:
        """The kind of key; empty if there is none here."""
        if self.kind is not Kind.KEY:
            return ""
        return keyfile.scheme_name(keyfile.scheme_of(self.document))

    def unlock(self, password: str | None) -> KeyPair:
        """Return the key. Raises WrongPassword, Damaged."""
        pair = keyfile.unseal(self.document, password)
        if pair.account_id != self.account:
            raise Damaged(f"the key in the file of {self.name} is that of another account")
        return pair

    @property
    def is_sealed(self) -> bool:
        """True if the key needs a password."""
        return self.kind is Kind.KEY and keyfile.is_sealed(self.document)

    @property
    def signers(self) -> tuple[bytes, ...]:
        """The signers of a multisig, sorted. Raises Damaged."""
        who = self._mark("who")
        if not isinstance(who, list) or not 2 <= len(who) <= MAX_SIGNERS:
            raise Damaged("a multisig has 2 to 100 signers")
        return tuple(sorted(_account_of(each) for each in who))

    @property
    def threshold(self) -> int:
        """The approvals that a multisig needs. Raises Damaged."""
        found = self._mark("threshold")
        if not isinstance(found, int) or isinstance(found, bool):
            raise Damaged("a multisig has a threshold")
        return found

    @property
    def signer(self) -> bytes:
        """The account that acts as proxy. Raises Damaged."""
        return _account_of(self._mark("signer"))

    @property
    def scope(self) -> str | None:
        """The type of proxy; None: the first one that there is."""
        found = self._mark("proxyType")
        return found if isinstance(found, str) else None

    def _mark(self, name: str) -> object:
        meta = self.document["meta"]
        return meta.get(name) if isinstance(meta, dict) else None


def multisig_account(signers: list[bytes], threshold: int) -> bytes:
    """Return the account that `threshold` of `signers` (in any order) can act for.

    Raises WalletError if there is no such account.
    """
    ordered = sorted(signers)
    if len(set(ordered)) < len(ordered):
        raise WalletError("a signer is given twice")
    if not 2 <= len(ordered) <= MAX_SIGNERS:
        raise WalletError(f"a multisig has 2 to {MAX_SIGNERS} signers, not {len(ordered)}")
    if not 2 <= threshold <= len(ordered):
        raise WalletError(
            f"the threshold is from 2 to the number of signers, {len(ordered)}; not {threshold}"
        )
    return multi_account_id([AccountId(signer) for signer in ordered], threshold)


def _kind(meta: Mapping[str, object]) -> Kind:
    if meta.get("isMultisig"):
        return Kind.MULTISIG
    if meta.get("isProxied") and "signer" in meta:
        return Kind.PROXY
    return Kind.CONTACT if meta.get("isContact") else Kind.WATCH


def _account_of(address: object, *, is_ecdsa: bool = False) -> bytes:
    """Return the account of an address in a file: SS58, or a public key in hex."""
    if not isinstance(address, str):
        raise Damaged("an address is missing")
    try:
        is_hex = address.startswith("0x")
        raw = bytes.fromhex(address[2:]) if is_hex else ss58.decode(address)[0]
    except (ValueError, ss58.Ss58Error):
        raise Damaged("its address is invalid") from None
    if is_ecdsa and len(raw) == ecdsa.PUBLIC_LENGTH:
        return ecdsa.account_of(raw)
    if len(raw) != ACCOUNT:
        raise Damaged("its address is not that of an account of 32 bytes")
    return raw


def _meta(name: str) -> dict[str, object]:
    return {"genesisHash": "", "name": name, "whenCreated": int(time.time() * 1000)}
