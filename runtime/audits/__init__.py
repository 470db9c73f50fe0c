"""The audit: invariants of every state, checked on the state as a whole.

It reads the whole state and changes nothing: for tests, operators and independent verification, at
any finalized block; never for a hook or a call. The numbers of the invariants (I1, I2, ...) are
those of docs/economy.md.
"""

from runtime.audits.checks import audit
from runtime.audits.holds import records
from runtime.audits.state import AuditedState, Check, FeatureAudit, Finding

__all__ = ["AuditedState", "Check", "FeatureAudit", "Finding", "audit", "records"]
