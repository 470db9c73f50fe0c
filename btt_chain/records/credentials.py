"""Consents as verifiable credentials (W3C VC 2.0) and as GA4GH visas, signed as JWT.

    credential   typ vc+jwt, issuer and subject did:key, credentialSubject.consent: the Consent
    visa         typ vnd.ga4gh.visa+jwt, claim ga4gh_visa_v1 of type ControlledAccessGrants

Both are signed with the patient's Ed25519 key (alg Ed25519 of RFC 9864), and carry the signed
grant with the place of its leaf on the chain. A reader of either gets the grant only through
`read_credential`, which needs that anchor: a signature alone shows neither that the consent is
logged nor that it is not revoked.

Sources: https://www.w3.org/TR/vc-data-model-2.0/, https://www.w3.org/TR/vc-jose-cose/,
https://w3c-ccg.github.io/did-method-key/, GA4GH Passport 1.2.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Final

import base58

from btt_chain.extras import needs_extra
from btt_chain.records.canonical import canonical
from btt_chain.records.chain import RecordsChain
from btt_chain.records.documents import Json, Resource, parse
from btt_chain.records.errors import BadDocument, RecordsError
from btt_chain.records.grants import BadGrant, instant_text
from btt_chain.records.keys import VaultId, VaultKeys
from btt_chain.records.remote import anchor_of, is_anchored
from btt_chain.records.shapes import member, objects, text
from btt_chain.records.signed_grants import SignedGrant
from btt_chain.records.vault.index import Anchor

if TYPE_CHECKING:
    from joserfc.jwk import OKPKey

CONTEXT: Final = "https://www.w3.org/ns/credentials/v2"
CREDENTIAL: Final = "vc+jwt"
VISA: Final = "vnd.ga4gh.visa+jwt"
ED25519: Final = b"\xed\x01"
"""Multicodec of an Ed25519 public key."""
MAX_LENGTH: Final = 64 << 10


def did_of(vault: VaultId) -> str:
    """Return the did:key of a vault's signing key."""
    return "did:key:z" + base58.b58encode(ED25519 + vault.sign).decode()


def credential_of(signed: SignedGrant, anchor: Anchor, keys: VaultKeys) -> str:
    """Return a grant of this vault as a verifiable credential. Raises BadGrant, RecordsError."""
    grant = signed.grant()
    did = did_of(keys.id)
    claims: dict[str, Json] = {
        "@context": [CONTEXT],
        "type": ["VerifiableCredential"],
        "issuer": did,
        "validFrom": instant_text(grant.since),
        "validUntil": instant_text(grant.until),
        "credentialSubject": {"id": did_of(grant.grantee), "grant": signed.document()},
        "evidence": [_evidence(anchor)],
    }
    return _encode(CREDENTIAL, claims, keys, signed)


def visa_of(signed: SignedGrant, anchor: Anchor, keys: VaultKeys) -> str:
    """Return a grant of this vault as a GA4GH visa. Raises BadGrant, RecordsError."""
    grant = signed.grant()
    claims: dict[str, Json] = {
        "iss": did_of(keys.id),
        "sub": did_of(grant.grantee),
        "iat": int(grant.since.timestamp()),
        "exp": int(grant.until.timestamp()),
        "ga4gh_visa_v1": {
            "type": "ControlledAccessGrants",
            "asserted": int(grant.since.timestamp()),
            "value": f"urn:btt:consent:{signed.handle.hex()}",
            "source": did_of(keys.id),
            "by": "self",
        },
        "grant": signed.document(),
        "anchor": _evidence(anchor),
    }
    return _encode(VISA, claims, keys, signed)


async def read_credential(token: str, chain: RecordsChain) -> SignedGrant:
    """Return the grant of a credential or a visa, once its anchor is checked.

    Raises BadDocument, BadGrant, ClientError; BadGrant also if the chain has no such anchor, and if
    the consent is revoked.
    """
    token = token.strip()
    header, claims = _decode(token)
    if header.get("typ") == CREDENTIAL:
        signed = SignedGrant.from_document(
            objects(member(member(claims, "credentialSubject"), "grant"))
        )
        evidence = claims.get("evidence")
        anchor = anchor_of(evidence[0]) if isinstance(evidence, list) and evidence else None
    elif header.get("typ") == VISA:
        signed = SignedGrant.from_document(objects(member(claims, "grant")))
        anchor = anchor_of(claims.get("anchor"))
    else:
        raise BadDocument("the token is neither a credential nor a visa")
    grant = signed.grant()
    if _verified(token, grant.patient) != claims:
        raise BadGrant("the token is not signed by the patient of its consent")
    if anchor is None or not await is_anchored(chain, signed.leaf, anchor):
        raise BadGrant("the consent of the token is not anchored on the chain")
    view = await chain.view()
    for block in (view.best, view.final):
        if await chain.is_revoked(signed.handle, block.hash):
            raise BadGrant("the consent of the token is revoked")
    return signed


# ---- internals


def _evidence(anchor: Anchor) -> Resource:
    return {"type": "AnchoredConsent", **asdict(anchor), "path": list(anchor.path)}


def _encode(kind: str, claims: Resource, keys: VaultKeys, signed: SignedGrant) -> str:
    if signed.grant().patient != keys.id:
        raise BadGrant("only the patient issues a credential of a consent")
    did = did_of(keys.id)
    header = {"alg": "Ed25519", "typ": kind, "kid": f"{did}#{did.removeprefix('did:key:')}"}
    try:
        jws = import_module("joserfc.jws")
    except ModuleNotFoundError:
        raise RecordsError(needs_extra("credentials need", "records")) from None
    secret = {"d": _text(keys.sign_seed)}
    token: str = jws.serialize_compact(
        header, canonical(claims), _key(keys.id, secret), algorithms=["Ed25519"]
    )
    return token


def _verified(token: str, vault: VaultId) -> Resource:
    """Return the claims that a vault signed. Raises BadGrant."""
    try:
        jws = import_module("joserfc.jws")
        errors = import_module("joserfc.errors")
    except ModuleNotFoundError:
        raise RecordsError(needs_extra("credentials need", "records")) from None
    invalid: type[Exception] = errors.JoseError
    try:
        found: bytes = jws.deserialize_compact(
            token.encode(), _key(vault, {}), algorithms=["Ed25519"]
        ).payload
    except (invalid, ValueError):
        raise BadGrant("the token is not signed by the patient of its consent") from None
    return parse(found)


def _key(vault: VaultId, secret: Mapping[str, str]) -> OKPKey:
    jwk = import_module("joserfc.jwk")
    key: OKPKey = jwk.OKPKey.import_key(
        {"kty": "OKP", "crv": "Ed25519", "x": _text(vault.sign), **secret}
    )
    return key


def _decode(token: str) -> tuple[Resource, Resource]:
    """Return header and claims, unverified. Raises BadDocument."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > MAX_LENGTH:
        raise BadDocument("the token is not a signed JWT")
    try:
        header, claims = (
            parse(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2]
        )
    except ValueError:
        raise BadDocument("the token is not a signed JWT") from None
    text(header, "alg")
    return header, claims


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
