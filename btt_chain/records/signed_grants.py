"""Grants signed by the patient, as a grantee holds them.

The FHIR Consent in canonical JSON is what is signed, anchored and read, so all are about the same
bytes:

    consent    canonical JSON of the Consent
    salt       32 random bytes
    secret     32 random bytes, with the patient; publishing it revokes the consent
    handle     blake2_256(secret)
    signature  Ed25519 of the patient's vault over b"btt-consent-1" || handle || salt || consent

The holder of the secret can revoke, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from btt_chain.primitives.digest import H256
from btt_chain.primitives.record_leaves import consent_handle, consent_leaf
from btt_chain.records.canonical import canonical
from btt_chain.records.documents import Resource, parse
from btt_chain.records.fhir.consent import consent_of, grant_of
from btt_chain.records.grants import BadGrant, Grant
from btt_chain.records.keys import VaultKeys, ensure_random, new_secret
from btt_chain.records.shapes import member, octets

CONTEXT: Final = b"btt-consent-1"


@dataclass(frozen=True, slots=True)
class SignedGrant:
    """A grant as the grantee holds it."""

    consent: bytes
    """Canonical JSON of the FHIR Consent."""
    salt: bytes
    handle: H256
    signature: bytes

    @property
    def leaf(self) -> H256:
        """The leaf that a custodian anchors."""
        return consent_leaf(self.salt, self.consent, self.handle)

    def grant(self) -> Grant:
        """Return the content. Raises BadGrant unless the patient signed it."""
        found = grant_of(parse(self.consent))
        message = CONTEXT + self.handle + self.salt + self.consent
        if not found.patient.has_signed(message, self.signature):
            raise BadGrant("the consent is not signed by its patient")
        return found

    def document(self) -> Resource:
        """Return it as a JSON object."""
        return {
            "type": "btt-consent-1",
            "consent": parse(self.consent),
            "salt": self.salt.hex(),
            "handle": self.handle.hex(),
            "signature": self.signature.hex(),
        }

    @classmethod
    def from_document(cls, found: Resource) -> SignedGrant:
        """Return the grant of a JSON object, unchecked. Raises BadDocument."""
        consent = canonical(member(found, "consent"))
        handle = H256(octets(found, "handle", 32))
        return cls(consent, octets(found, "salt", 32), handle, octets(found, "signature", 64))


def sign_grant(
    grant: Grant, keys: VaultKeys, secret: bytes | None = None
) -> tuple[SignedGrant, bytes]:
    """Return the grant, signed by its patient, and the secret that revokes it.

    Raises BadGrant; VaultError for a secret that another could guess.
    """
    grant.check()
    if keys.id != grant.patient:
        raise BadGrant("only the patient signs a grant")
    secret = new_secret() if secret is None else secret
    ensure_random(secret, "the secret of a consent")
    consent, salt, handle = canonical(consent_of(grant)), new_secret(), consent_handle(secret)
    signature = keys.sign(CONTEXT + handle + salt + consent)
    return SignedGrant(consent, salt, handle, signature), secret
