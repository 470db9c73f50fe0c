"""Check of vesting schedules: I5."""

from __future__ import annotations

from collections.abc import Iterator

from runtime.audits.state import AuditedState, Finding
from runtime.pallets.balances.formulas import amount_of
from runtime.pallets.vesting.pallet import LOCK_ID, Vesting
from runtime.schedules import total_unvested


def vesting(audited: AuditedState) -> Iterator[Finding]:
    """Check I5: schedules are well formed, equal in both formats, and covered by locks."""
    runtime = audited.runtime
    pallet = runtime.pallet(Vesting)
    schedules = dict(pallet.schedules_ext.items())
    recorded = dict(pallet.vesting.items())
    locks = {
        who: int(amount_of(entries, LOCK_ID))
        for who, entries in runtime.balances.locks.items()
        if amount_of(entries, LOCK_ID)
    }
    now = runtime.babe.now()
    for who in {**schedules, **recorded, **locks}:
        rows = schedules.get(who, [])
        if recorded.get(who, []) != [row.info() for row in rows]:
            yield Finding("I5", f"{who.hex()}: the format for wallets has other schedules")
        for row in rows:
            if not row.length or not row.start <= row.cliff <= row.end or not row.locked:
                yield Finding("I5", f"{who.hex()}: {row} is not a schedule")
                return
            if row.unvested(now) > row.unvested(max(0, now - 1)) or row.unvested(row.end):
                yield Finding("I5", f"{who.hex()}: {row} does not come free")
        # The lock is updated by calls of accounts: until then it locks more.
        least, most = total_unvested(rows, now), sum(int(row.locked) for row in rows)
        if not least <= locks.get(who, 0) <= most:
            locked = f"{locks.get(who, 0)} planck locked"
            yield Finding("I5", f"{who.hex()}: {locked}, schedules lock {least} to {most}")
