"""The facilities behind an issuer: those for which it signs under its own keys.

A facility of a sensitive field has no keys: its name would say too much about a patient. An issuer
signs for at least eight facilities; the chain shows the issuer only. The month's commitment has a
subtotal for each of them, which auditors compare with the rows of the table.

| state | event | next |
|---|---|---|
| none | `add` | a member, from this month on |
| member | `remove` | a member until the end of this month |
| former member | `add` | a member again |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.care.errors import Refusal
from btt_chain.care.evidence import MAX_MEMBERS, Bytes32
from btt_chain.care.vault import Vault
from btt_chain.lazyclass import dataclass
from btt_chain.scale import codec, u32

MIN_MEMBERS: Final = 8
"""Number of facilities that an issuer signs for at least."""
OPEN: Final = u32(u32.MAX)
"""Last month of a membership that has not ended."""


@dataclass(slots=True)
class MemberRecord:
    """A facility behind the issuer."""

    account: Bytes32
    spans: list[tuple[u32, u32]]
    """First and last month of each time as a member."""


MEMBER: Final = codec(MemberRecord)


class Members:
    """The members of an issuer's folder."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def add(self, account: bytes, month: int) -> None:
        """Make a facility a member from a month on. Refusal for too many."""
        with self._vault.transaction():
            record = self._record(account) or MemberRecord(account, [])
            if record.spans and int(record.spans[-1][1]) >= month:
                record.spans[-1] = record.spans[-1][0], OPEN
            else:
                record.spans.append((u32(month), OPEN))
            if len({*self.of(month), account}) > MAX_MEMBERS:
                raise Refusal(f"an issuer has at most {MAX_MEMBERS} members")
            self._vault.put("member", account, MEMBER.encode(record))

    def remove(self, account: bytes, month: int) -> None:
        """Let a membership end with a month. Refusal if the facility is not a member."""
        with self._vault.transaction():
            record = self._record(account)
            if record is None or account not in self.of(month):
                raise Refusal("the facility is not a member")
            record.spans[-1] = record.spans[-1][0], u32(month)
            self._vault.put("member", account, MEMBER.encode(record))

    def of(self, month: int) -> Sequence[bytes]:
        """Return the accounts of a month's members, in order."""
        records = [MEMBER.decode_all(raw) for raw in self._vault.all("member")]
        return sorted(
            each.account
            for each in records
            if any(first <= month <= last for first, last in each.spans)
        )

    def expect(self, account: bytes, month: int) -> None:
        """Check that an issuer can sign for a member in a month. Refusal if not."""
        found = self.of(month)
        if account not in found:
            raise Refusal("the facility is not a member: `btt-chain facility member add`")
        if len(found) < MIN_MEMBERS:
            raise Refusal(
                f"an issuer signs for at least {MIN_MEMBERS} facilities, this one has "
                f"{len(found)} members: a voucher would say too much"
            )

    def _record(self, account: bytes) -> MemberRecord | None:
        raw = self._vault.get("member", account)
        return None if raw is None else MEMBER.decode_all(raw)
