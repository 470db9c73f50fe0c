"""Credentials and visas of consents: standard tokens, trusted only with their anchor."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from btt_chain.primitives.evidence_tree import EvidenceTree
from btt_chain.records.chain import Root
from btt_chain.records.credentials import (
    CREDENTIAL,
    VISA,
    credential_of,
    did_of,
    read_credential,
    visa_of,
)
from btt_chain.records.custodian.batches import Batch, Kind
from btt_chain.records.errors import BadDocument
from btt_chain.records.grants import BadGrant
from btt_chain.records.keys import VaultId, VaultKeys, new_secret
from btt_chain.records.signed_grants import SignedGrant, sign_grant
from btt_chain.records.vault.index import Anchor
from support.records import grant
from support.records_chain import MemoryChain


@dataclass
class Issued:
    """A consent whose leaf is anchored."""

    keys: VaultKeys
    signed: SignedGrant
    anchor: Anchor
    chain: MemoryChain


@pytest.fixture
def issued() -> Issued:
    keys, chain = VaultKeys.generate(), MemoryChain()
    signed, _ = sign_grant(grant(keys.id, VaultKeys.generate().id), keys)
    tree = EvidenceTree([signed.leaf], new_secret())
    index = tree.index_of(signed.leaf)
    assert index is not None
    chain.roots[Batch(Kind.CONSENTS, 7)] = Root(tree.root, len(tree))
    path = tuple(each.hex() for each in tree.proof(index))
    anchor = Anchor("05" * 32, "consents", 7, len(tree), index, path, 3_600_000)
    return Issued(keys, signed, anchor, chain)


def test_the_did_is_that_of_the_method_s_specification() -> None:
    # https://w3c-ccg.github.io/did-method-key/, section 3.1.1.
    public = bytes.fromhex("2e6fcce36701dc791488e0d0b1745cc1e33a4c1c9fcc41c63bd343dbbe0970e6")
    expected = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
    assert did_of(VaultId(bytes(32), public)) == expected


async def test_a_token_is_read_back_with_its_anchor(issued: Issued) -> None:
    for make, kind in ((credential_of, CREDENTIAL), (visa_of, VISA)):
        token = make(issued.signed, issued.anchor, issued.keys)
        assert await read_credential(token, issued.chain) == issued.signed
        # Any program that knows JWT verifies it by the key in the did.
        x = base64.urlsafe_b64encode(issued.keys.id.sign).decode().rstrip("=")
        key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": x})
        found = jws.deserialize_compact(token.encode(), key, algorithms=["Ed25519"])
        assert found.headers()["typ"] == kind
        claims = json.loads(found.payload)
        assert did_of(issued.keys.id) in (claims.get("issuer"), claims.get("iss"))


async def test_a_token_without_anchor_is_not_trusted(issued: Issued) -> None:
    token = credential_of(issued.signed, issued.anchor, issued.keys)
    issued.chain.roots.clear()
    with pytest.raises(BadGrant, match="not anchored"):
        await read_credential(token, issued.chain)
    wrong = credential_of(issued.signed, replace(issued.anchor, index=63), issued.keys)
    with pytest.raises(BadGrant, match="not anchored"):
        await read_credential(wrong, issued.chain)


async def test_a_token_of_a_revoked_consent_is_refused(issued: Issued) -> None:
    token = visa_of(issued.signed, issued.anchor, issued.keys)
    issued.chain.extend(issued.signed.handle)
    with pytest.raises(BadGrant, match="revoked"):
        await read_credential(token, issued.chain)


async def test_a_token_of_another_signer_is_refused(issued: Issued) -> None:
    other = VaultKeys.generate()
    with pytest.raises(BadGrant, match="only the patient issues"):
        credential_of(issued.signed, issued.anchor, other)
    token = credential_of(issued.signed, issued.anchor, issued.keys)
    head, body, signature = token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"vc+jwt"}').decode().rstrip("=")
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    for forged in (f"{head}.{body}.{flipped}", f"{none}.{body}.", f"{none}.{body}.{signature}"):
        with pytest.raises(BadGrant, match="not signed by the patient"):
            await read_credential(forged, issued.chain)
    for malformed in ("", "a.b", "a.b.c", f"{head}.{body}", "x" * 100_000):
        with pytest.raises(BadDocument):
            await read_credential(malformed, issued.chain)
