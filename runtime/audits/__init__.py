"""The audit: invariants of every state, checked on the state as a whole.

It reads the whole state and changes nothing: for tests, operators and independent verification, at
any finalized block; never for a hook or a call. The numbers of the invariants (I1, I2, ...) are
those of docs/economy.md.

Each check recomputes a part of the accounting from other records, and reports differences. A new
check is a function of `AuditedState` in the module of its subject, and a name in the `AUDIT` of its
feature, which the feature names.
"""

from runtime.audits.holds import records
from runtime.audits.state import AuditedState, Check, FeatureAudit, Finding, audits_of
from runtime.audits.storage import stored
from runtime.features.work import Work

__all__ = ["AuditedState", "Check", "FeatureAudit", "Finding", "audit", "records"]


def audit(runtime: Work) -> list[Finding]:
    """Return all violations in the current state of `runtime`; an empty list if there are none.

    The state must be that of a block's end. Reads every key of it: seconds on a large chain. The
    check of I17 runs first, because the others would fail on a state that is not readable.
    """
    unreadable = list(stored(runtime))
    if unreadable:
        return unreadable
    accounts, parts = dict(runtime.system.account.items()), audits_of(runtime)
    audited = AuditedState(runtime, accounts, parts)
    return [finding for part in parts for check in part.checks for finding in check(audited)]
