"""Grants: the parties, scopes, purposes and lifetime of a permission to read.

A patient's vault permits another vault to read. A grant ends after five years at the latest.
`fhir.consent` writes it as a FHIR Consent, and `signed_grants` signs it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from btt_chain.records.documents import Resource
from btt_chain.records.errors import RecordsError
from btt_chain.records.keys import VaultId
from btt_chain.records.scopes import Scope, covered

MAX_LIFETIME: Final = timedelta(days=5 * 365)
PURPOSES: Final = {
    "TREAT": "treatment",
    "HPAYMT": "healthcare payment",
    "HOPERAT": "healthcare operations",
    "HRESCH": "healthcare research",
    "PATRQT": "patient requested",
    "PUBHLTH": "public health",
    "CAREMGT": "care management",
}
"""Codes of http://terminology.hl7.org/CodeSystem/v3-ActReason that a grant may have."""
EMERGENCY: Final = "ETREAT"
"""Emergency treatment needs no grant, and no grant may name it."""
_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2999
CLOCK: Final = timedelta(minutes=2)
"""Difference of clocks that is tolerated at the beginning of a grant."""


class BadGrant(RecordsError):
    """A grant is malformed, not signed by its patient, or lives too long."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The content of a consent."""

    id: str
    """A UUID."""
    patient: VaultId
    grantee: VaultId
    custodian: VaultId | None
    """The only custodian that may answer; None for all that have the patient's records."""
    scopes: tuple[Scope, ...]
    purposes: tuple[str, ...]
    since: datetime
    until: datetime

    def check(self) -> None:
        """Raise BadGrant for a lifetime, purpose or party that a grant cannot have."""
        if not _ID.fullmatch(self.id):
            raise BadGrant("the id of a grant has 1 to 64 letters, digits, dots and hyphens")
        if self.until <= self.since:
            raise BadGrant("the grant ends before it begins")
        if self.until - self.since > MAX_LIFETIME:
            raise BadGrant("a grant ends after five years at the latest: choose an earlier --until")
        if not self.purposes or not self.scopes:
            raise BadGrant("a grant has a scope and a purpose")
        for purpose in self.purposes:
            if purpose not in PURPOSES:
                raise BadGrant(f"{purpose!r} is not one of {', '.join(PURPOSES)}")
        if self.grantee == self.patient:
            raise BadGrant("the grantee is the patient: an own vault needs no grant")

    def refusal(
        self, reader: VaultId, custodian: VaultId, purpose: str, now: datetime
    ) -> str | None:
        """Return why a reader may not use the grant now, None if it may."""
        if reader != self.grantee:
            return "the consent is for another reader"
        if self.custodian is not None and self.custodian != custodian:
            return "the consent is for another custodian"
        if purpose not in self.purposes:
            return f"the consent is not for the purpose {purpose}"
        if now < self.since - CLOCK:
            return "the consent has not begun"
        return "the consent has ended" if now >= self.until else None

    def covers(self, resource: Resource, permission: str) -> bool:
        """Return True if the grant covers reading (`r`) or finding (`s`) a resource."""
        return covered(self.scopes, resource, permission)


def instant(text: str) -> datetime:
    """Return the time of a FHIR instant or of a date, which is its end in UTC. Raises BadGrant."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadGrant(f"{text[:40]!r} is not a date such as 2027-06-30") from None
    # Dates at the ends of the calendar cannot be computed with.
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise BadGrant(f"{text[:40]!r} is not from {FIRST_YEAR} to {LAST_YEAR}")
    if "T" not in text:
        found += timedelta(days=1)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def instant_text(moment: datetime) -> str:
    """Return a time as a FHIR instant, in UTC and whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
